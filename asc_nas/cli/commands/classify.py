"""``asc-nas classify``: label recordings with an exported model."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from asc_nas.cli.options import (
    HopOption,
    MinConfidenceOption,
    ModelOption,
    SmoothOption,
    WindowOption,
)
from asc_nas.cli.output.classify_files import Recording, Target, check_distinct, find_recordings
from asc_nas.cli.output.classify_formats import ENDINGS, ONE_RECORDING, Format, text_of
from asc_nas.cli.output.text import shown
from asc_nas.core.errors import UsageError

if TYPE_CHECKING:
    from asc_nas.cli.output.classify_work import Outcome


def classify(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILES...",
            help="Audio files, folders (with subfolders), or patterns ('rec/**/*.wav').",
        ),
    ],
    model: ModelOption = "models",
    top: Annotated[int, typer.Option(min=1, help="Scenes shown per file in the table.")] = 3,
    min_confidence: MinConfidenceOption = 0.0,
    hop: HopOption = None,
    window: WindowOption = None,
    smooth: SmoothOption = 0.0,
    merge: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="Join steps of one scene into segments. A scene shorter than this many seconds "
            "becomes part of the one before. The table then shows the timeline.",
            show_default=False,
        ),
    ] = None,
    output_format: Annotated[
        Format,
        typer.Option(
            "--format",
            help="table (for people), json, csv (one row per file), segments (CSV, one row per "
            "segment), audacity (labels) or raven (selection table).",
        ),
    ] = Format.table,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Write one result file per recording into DIR.", show_default=False
        ),
    ] = None,
    beside: Annotated[
        bool, typer.Option("--beside", help="Write each result file beside its recording.")
    ] = False,
    skip_existing: Annotated[
        bool,
        typer.Option("--skip-existing", help="Skip recordings that already have a result file."),
    ] = False,
    plot: Annotated[
        Path | None,
        typer.Option(
            metavar="PNG",
            help="Draw spectrogram, posteriors and segments; for several files, give a folder.",
            show_default=False,
        ),
    ] = None,
    workers: Annotated[
        int, typer.Option(min=1, help="Recordings classified at the same time.")
    ] = 1,
) -> None:
    """Tell the acoustic scene of each recording.

    Recordings can have any length, sample rate and number of channels. If a file cannot be read, it
    is listed with its error, the other files are still classified, and the exit code is 1.

    Example: asc-nas classify street.wav recordings/ --model esc10

    asc-nas classify night.wav --hop 1 --smooth 5 --merge 10 --format audacity
    """
    target = _target(output_format, output, beside, skip_existing)
    recordings = found = find_recordings(files)
    if target is not None:
        check_distinct(found, target)
        if skip_existing:
            recordings = [each for each in found if not target.path(each).exists()]
    elif output_format in ONE_RECORDING and len(found) > 1:
        raise UsageError(
            f"{len(found)} recordings, but the format '{output_format}' is of one: write a file "
            "for each with --output DIR or --beside."
        )
    plots = _plots(plot, recordings)

    from asc_nas.cli.output.classify_work import Work, classify_all
    from asc_nas.runtime.timeline import TimelineConfig

    if merge is None and output_format in ONE_RECORDING:
        merge = 0.0  # a label track with one label many times over is of no use
    settings = {"hop": hop, "window": window, "smooth": smooth, "merge": merge}
    config = TimelineConfig.parse(settings | {"min_confidence": min_confidence}, "classify")
    work = Work(model, config, output_format, target, plots)
    outcomes = classify_all(work, recordings, workers) if recordings else []
    if target is not None:
        _report_files(outcomes, target, len(found) - len(recordings))
    elif output_format is Format.table:
        _report_table(outcomes, top, timelines=merge is not None)
    else:
        sys.stdout.write(shown(text_of(output_format, outcomes)))
        if output_format in ONE_RECORDING:
            _report_errors(outcomes)
    if any(outcome.answer is None for outcome in outcomes):
        raise typer.Exit(1)


def _target(output: Format, folder: Path | None, beside: bool, skip: bool) -> Target | None:
    """Return where result files go, or None for standard output."""
    if folder is None and not beside:
        if skip:
            raise UsageError("--skip-existing needs result files: add --output DIR or --beside.")
        return None
    if folder is not None and beside:
        raise UsageError("--output and --beside exclude one another; give one of them.")
    if output is Format.table:
        known = ", ".join(ENDINGS)
        raise UsageError(f"the table is not written to files; add --format with one of {known}.")
    return Target(folder, ENDINGS[output])


def _plots(plot: Path | None, recordings: list[Recording]) -> Target | None:
    """Return where plots go; a missing matplotlib is found before the work begins."""
    if plot is None:
        return None
    import asc_nas.report.timeline_plot  # noqa: F401

    if plot.suffix.lower() != ".png":
        target = Target(plot, ".png")
        check_distinct(recordings, target)
        return target
    if len(recordings) > 1:
        raise UsageError(
            f"{len(recordings)} recordings do not fit into the one plot {plot}; give a folder."
        )
    return Target(None, "", plot)


def _report_table(outcomes: "list[Outcome]", top: int, timelines: bool) -> None:
    from asc_nas.cli.output.classify_tables import print_answers, print_timelines

    print_answers(outcomes, top)
    if timelines:
        print_timelines(outcomes)
    _report_all(outcomes)


def _report_files(outcomes: "list[Outcome]", target: Target, skipped: int) -> None:
    _report_all(outcomes)
    written = sum(outcome.answer is not None for outcome in outcomes)
    place = "beside the recordings" if target.folder is None else f"in {shown(target.folder)}"
    counts = f"{written} written {place}, {skipped} skipped, {len(outcomes) - written} failed"
    print(f"Result files (NAME{target.ending}): {counts}.")


def _report_all(outcomes: "list[Outcome]") -> None:
    from asc_nas.cli.output.classify_tables import print_short, print_summary

    print_summary(outcomes)
    print_short(outcomes)
    _report_errors(outcomes)


def _report_errors(outcomes: "list[Outcome]") -> None:
    from asc_nas.cli.output.classify_tables import print_errors

    print_errors(outcomes)
