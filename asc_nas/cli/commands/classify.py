"""``asc-nas classify``: label recordings with an exported model."""

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from asc_nas.cli.options import (
    HopOption,
    MinConfidenceOption,
    ModelOption,
    RejectOption,
    SilenceOption,
    SmoothOption,
    WindowOption,
    one_of,
)
from asc_nas.cli.output.classify_formats import ENDINGS, ONE_RECORDING, Format, text_of, text_of_one
from asc_nas.cli.output.text import encodable, shown
from asc_nas.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from asc_nas.cli.output.result_files import Target
    from asc_nas.runtime.classifier import Classification, Classifier
    from asc_nas.runtime.recordings import Answer, Answers, Recording
    from asc_nas.runtime.timeline import TimelineConfig


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
    reject: RejectOption = True,
    silence: SilenceOption = None,
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
            parser=one_of(Format),
            metavar="FORMAT",
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

    from asc_nas.cli.output.result_files import check_distinct
    from asc_nas.cli.output.terminal import Terminal
    from asc_nas.runtime.recordings import (
        Answers,
        Work,
        classify_all,
        classify_plainly,
        find_recordings,
    )
    from asc_nas.runtime.timeline import TimelineConfig

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
    if merge is None and output_format in ONE_RECORDING:
        merge = 0.0  # a label track with one label many times over is of no use
    settings = {
        "hop": hop,
        "window": window,
        "smooth": smooth,
        "merge": merge,
        "min_confidence": min_confidence,
        "reject": reject,
    } | ({} if silence is None else {"silence": silence})
    config = TimelineConfig.parse(settings, "classify")
    work = Work(
        model,
        config,
        classify_plainly if plots is None else partial(_classify_and_plot, plots),
        None if target is None else partial(_write, target, output_format),
    )
    listener = Terminal("share", quiet=1.0)
    answers = classify_all(work, recordings, workers, listener) if recordings else Answers()
    if target is not None:
        _report_files(answers, target, len(found) - len(recordings))
    elif output_format is Format.table:
        _report_table(answers, top, timelines=merge is not None)
    else:
        sys.stdout.write(encodable(text_of(output_format, answers)))
        sys.stdout.flush()
    _report_notes(answers)
    if any(answer.classification is None for answer in answers):
        raise typer.Exit(1)


def _target(output: Format, folder: Path | None, beside: bool, skip: bool) -> "Target | None":
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
    from asc_nas.cli.output.result_files import Target

    return Target(folder, ENDINGS[output])


def _plots(plot: Path | None, recordings: "list[Recording]") -> "Target | None":
    """Return where plots go; a missing matplotlib is found before the work begins."""
    if plot is None:
        return None
    import asc_nas.report.timeline_plot  # noqa: F401
    from asc_nas.cli.output.result_files import Target, check_distinct

    if plot.suffix.lower() != ".png":
        target = Target(plot, ".png")
        check_distinct(recordings, target)
        return target
    if len(recordings) > 1:
        raise UsageError(
            f"{len(recordings)} recordings do not fit into the one plot {plot}; give a folder."
        )
    return Target(None, "", plot)


def _classify_and_plot(
    plots: "Target",
    classifier: "Classifier",
    recording: "Recording",
    config: "TimelineConfig",
    on_progress: "Callable[[float], None]",
) -> "Classification":
    from asc_nas.report.timeline_plot import classify_and_plot

    path = plots.path(recording)
    return classify_and_plot(classifier, recording.path, config, path, on_progress)


def _write(target: "Target", output: Format, answer: "Answer") -> None:
    from asc_nas.core.files import write_text

    write_text(target.path(answer.recording), text_of_one(output, answer))


def _report_table(answers: "Answers", top: int, timelines: bool) -> None:
    from asc_nas.cli.output.classify_tables import print_answers, print_summary, print_timelines

    print_answers(answers, top)
    if timelines:
        print_timelines(answers)
    print_summary(answers)


def _report_files(answers: "Answers", target: "Target", skipped: int) -> None:
    from asc_nas.cli.output.classify_tables import print_summary

    print_summary(answers)
    written = sum(answer.classification is not None for answer in answers)
    place = "beside the recordings" if target.folder is None else f"in {shown(target.folder)}"
    counts = f"{written} written {place}, {skipped} skipped, {len(answers) - written} failed"
    print(f"Result files (NAME{target.ending}): {counts}.")


def _report_notes(answers: "Answers") -> None:
    from asc_nas.cli.output.classify_tables import print_errors, print_notes

    print_notes(answers)
    print_errors(answers)
