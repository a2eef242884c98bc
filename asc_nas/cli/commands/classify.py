"""``asc-nas classify``: label recordings with an exported model."""

import shlex
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from asc_nas.cli.options import (
    HopOption,
    MinConfidenceOption,
    ModelOption,
    OnlyOption,
    RecorderOption,
    RejectOption,
    SilenceOption,
    SmoothOption,
    WindowOption,
    one_of,
)
from asc_nas.cli.output.classify_formats import (
    ENDINGS,
    ONE_RECORDING,
    Format,
    dcase_text,
    text_of,
    text_of_one,
)
from asc_nas.cli.output.text import encodable, shown
from asc_nas.core.errors import UsageError

if TYPE_CHECKING:
    from asc_nas.cli.output.result_files import Target
    from asc_nas.core.progress import Listener
    from asc_nas.runtime.card import ModelCard
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
    recorder: RecorderOption = None,
    top: Annotated[int, typer.Option(min=1, help="Scenes shown per file in the table.")] = 3,
    min_confidence: MinConfidenceOption = 0.0,
    only: OnlyOption = None,
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
            "becomes part of the one before. The table then shows the timeline, as of one "
            "recording of several windows.",
            show_default=False,
        ),
    ] = None,
    output_format: Annotated[
        Format,
        typer.Option(
            "--format",
            parser=one_of(Format),
            metavar="FORMAT",
            help="table (for people), json, csv (one row per file, with the probability of every "
            "class), segments (CSV, one row per segment), dcase (the challenge's result file), "
            "audacity (labels) or raven (selection table).",
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
    clips: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Cut every segment with a scene out, as WAV files in DIR, with a list of them, "
            "clips.csv. Neighbours of one scene are joined.",
            show_default=False,
        ),
    ] = None,
    all_clips: Annotated[
        bool,
        typer.Option("--all-clips", help="Also cut out what is silent, unknown or none of these."),
    ] = False,
    review: Annotated[
        Path | None,
        typer.Option(
            metavar="HTML",
            help="Write a page on which you listen to the segments, the least sure first, correct "
            "their labels, and save a list for 'asc-nas init'.",
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

    asc-nas classify recordings/ --clips clips --review review.html
    """
    target = _target(output_format, output, beside, skip_existing)
    _check_outputs(clips, all_clips, review, skip_existing)
    if output_format is Format.dcase:
        import data_prep.results.dcase_results  # noqa: F401  what it lacks is told before the work

    from asc_nas.cli.output.result_files import Target, check_distinct
    from asc_nas.cli.output.terminal import Terminal
    from asc_nas.runtime.card import ModelCard
    from asc_nas.runtime.model_files import find_card
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
    if clips is not None:
        from asc_nas.runtime.clips import check_folder

        check_distinct(recordings, Target(clips, ""))
        check_folder(clips, recordings)
        clips.mkdir(parents=True, exist_ok=True)  # what cannot be made is told before the work
    if review is not None:
        review.parent.mkdir(parents=True, exist_ok=True)
    asked = merge is not None
    # A label track, or a timeline, with one label many times over is of no use; a person who
    # corrects labels wants short sounds.
    joined = output_format in ONE_RECORDING or clips is not None
    if merge is None and review is None and (joined or output_format is Format.table):
        merge = 0.0
    settings = {
        "hop": hop,
        "window": window,
        "smooth": smooth,
        "merge": merge,
        "min_confidence": min_confidence,
        "only": only or (),
        "reject": reject and output_format is not Format.dcase,
    } | ({} if silence is None else {"silence": silence})
    config = TimelineConfig.parse(settings, "classify")
    work = Work(
        model,
        recorder,
        config,
        classify_plainly if plots is None else partial(_classify_and_plot, plots),
        partial(_finish, _writers(target, output_format, clips, all_clips)),
    )
    listener = Terminal("share", quiet=1.0)
    answers = classify_all(work, recordings, workers, listener) if recordings else Answers()
    card = ModelCard.read(find_card(model).with_suffix(".json"))
    if target is not None:
        _report_files(answers, target, len(found) - len(recordings))
    elif output_format is Format.table:
        _report_table(answers, top, asked, review is None)
    else:
        is_dcase = output_format is Format.dcase
        text = dcase_text(answers, card) if is_dcase else text_of(output_format, answers)
        sys.stdout.write(encodable(text))
        sys.stdout.flush()
    if clips is not None:
        _list_clips(answers, clips, all_clips)
    if review is not None:
        _write_review(answers, card, review, listener)
    _report_notes(answers, card)
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
    if output is Format.dcase:
        raise UsageError(
            "a result file of a challenge is one for all recordings: leave --output and --beside "
            "out, and send it to a file, as with > output.csv."
        )
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


def _check_outputs(
    clips: Path | None, all_clips: bool, review: Path | None, skip_existing: bool
) -> None:
    """Raise UsageError where the options of clips and review do not fit together."""
    if all_clips and clips is None:
        raise UsageError("--all-clips is about clips: add --clips DIR.")
    if skip_existing and (clips is not None or review is not None):
        raise UsageError(
            "--skip-existing leaves recordings out, which a list of clips or a page to review "
            "would then lack; leave it out."
        )
    if clips is not None and clips.exists() and not clips.is_dir():
        raise UsageError(f"{shown(clips)}: not a folder; give one for the clips.")
    if review is not None and (review.suffix.lower() not in (".html", ".htm") or review.is_dir()):
        raise UsageError(f"{shown(review)}: the page to review is a file FILE.html.")


def _writers(
    target: "Target | None", output: Format, clips: Path | None, all_clips: bool
) -> "list[Callable[[Answer], None]]":
    """Return what is done with each answer, in the process that found it."""
    writers: list[Callable[[Answer], None]] = []
    if target is not None:
        writers.append(partial(_write, target, output))
    if clips is not None:
        from asc_nas.runtime.clips import cut_clips

        writers.append(partial(cut_clips, clips, all_clips))
    return writers


def _finish(writers: "Sequence[Callable[[Answer], None]]", answer: "Answer") -> None:
    for write in writers:
        write(answer)


def _write(target: "Target", output: Format, answer: "Answer") -> None:
    from asc_nas.core.files import write_text

    write_text(target.path(answer.recording), text_of_one(output, answer))


def _report_table(answers: "Answers", top: int, asked: bool, joined: bool) -> None:
    """Print the answers; their timelines where asked for, or if there is one, of several windows.

    Parameters
    ----------
    joined : whether neighbours of one scene are, so that a timeline is short
    """
    from asc_nas.cli.output import classify_tables as tables

    tables.print_answers(answers, top)
    several = any(map(tables.has_several_windows, answers))
    timelines = asked or (joined and several and len(answers) == 1)
    if timelines:
        tables.print_timelines(answers)
    tables.print_summary(answers)
    if several and joined and not timelines:
        tables.print_hint()


def _list_clips(answers: "Answers", folder: Path, everything: bool) -> None:
    """Write the list of all clips, and say where they are."""
    from asc_nas.cli.output.classify_formats import csv_text
    from asc_nas.core.files import write_text
    from asc_nas.runtime.clips import LIST_NAME, clip_rows
    from asc_nas.runtime.labels_out import CLIP_COLUMNS

    rows = [row for answer in answers for row in clip_rows(everything, answer)]
    write_text(folder / LIST_NAME, csv_text(CLIP_COLUMNS, rows))
    count = f"{len(rows)} clip{'s' * (len(rows) != 1)}"
    print(f"{count} in {shown(folder)}; {LIST_NAME} lists them.", file=sys.stderr)


def _write_review(answers: "Answers", card: "ModelCard", file: Path, listener: "Listener") -> None:
    """Write the page, and say what to do with it."""
    from asc_nas.report.review import write_review

    with listener.stage("Writing the page") as progress:
        made = write_review(answers, card, file, progress)
    kept = "" if made.sounds == made.of else f", the least sure of {made.of}"
    count = f"{made.sounds} sound{'s' * (made.sounds != 1)}"
    print(
        f"{shown(file)}: {count}{kept}. Open it in a browser, correct the labels and "
        f"save the list; then train with it: asc-nas init {shlex.quote(shown(file.stem) + '.csv')}",
        file=sys.stderr,
    )


def _report_files(answers: "Answers", target: "Target", skipped: int) -> None:
    from asc_nas.cli.output.classify_tables import print_summary

    print_summary(answers)
    written = sum(answer.classification is not None for answer in answers)
    place = "beside the recordings" if target.folder is None else f"in {shown(target.folder)}"
    counts = f"{written} written {place}, {skipped} skipped, {len(answers) - written} failed"
    print(f"Result files (NAME{target.ending}): {counts}.")


def _report_notes(answers: "Answers", card: "ModelCard") -> None:
    from asc_nas.cli.output.classify_tables import print_errors, print_notes
    from asc_nas.cli.output.licence import print_licence

    print_licence(card)
    print_notes(answers)
    print_errors(answers)
