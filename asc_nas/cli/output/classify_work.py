"""The work of ``asc-nas classify``: one recording after the other, or several side by side."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path

from asc_nas.audio.logmel import FrontEnd
from asc_nas.cli.output.classify_files import Recording, Target
from asc_nas.cli.output.classify_formats import Format, text_of_one
from asc_nas.cli.output.classify_progress import Report, progress
from asc_nas.core.errors import AscNasError
from asc_nas.core.files import write_text
from asc_nas.runtime.classifier import Classification, Classifier
from asc_nas.runtime.model_files import find_card
from asc_nas.runtime.stream import SceneStream
from asc_nas.runtime.timeline import TimelineConfig

_A_WEEK = 7 * 86400.0  # a recording may be long


@dataclass(frozen=True)
class Work:
    """What is done with every recording; small, as it goes to other processes.

    Attributes
    ----------
    model : str
        As `Classifier.load` takes it.
    config : TimelineConfig
    output : Format
    target, plots : Target, optional
        Where the result and the plot of each recording are written.
    """

    model: str
    config: TimelineConfig
    output: Format
    target: Target | None = None
    plots: Target | None = None


@dataclass(frozen=True)
class Outcome:
    """A recording's answer, or why there is none.

    Attributes
    ----------
    frontend : FrontEnd or None
        What the network hears; None without an answer.
    """

    recording: Recording
    answer: Classification | None = None
    error: str = ""
    frontend: FrontEnd | None = None

    @property
    def is_short(self) -> bool:
        """Whether the network heard more silence, put at the end, than recording."""
        if self.answer is None or self.frontend is None or self.frontend.short != "silence":
            return False
        return self.answer.duration < self.frontend.seconds / 2


_load_card = lru_cache(maxsize=1)(Classifier.load)


def load(model: str) -> Classifier:
    """Load a model, as `Classifier.load` takes it; a process keeps the last one."""
    return _load_card(find_card(model).absolute())


def classify_recording(
    work: Work, recording: Recording, on_progress: Callable[[float], None] | None = None
) -> Outcome:
    """Classify one recording, write what is to be written, and never raise for a bad file."""
    classifier = load(work.model)
    try:
        if work.plots is None:
            answer = classifier.classify(recording.path, None, work.config, on_progress=on_progress)
        else:
            from asc_nas.report.timeline_plot import classify_and_plot

            path = work.plots.path(recording)
            answer = classify_and_plot(classifier, recording.path, work.config, path, on_progress)
        outcome = Outcome(recording, replace(answer, steps=()), frontend=classifier.card.frontend)
        if work.target is not None:
            write_text(work.target.path(recording), text_of_one(work.output, outcome))
    except AscNasError as error:
        return Outcome(recording, error=str(error))
    except OSError as error:
        where = error.filename or recording.path
        return Outcome(recording, error=f"{where}: {error.strerror or error}.")
    return outcome


def classify_all(work: Work, recordings: Sequence[Recording], workers: int) -> list[Outcome]:
    """Return the outcome of every recording, in their order.

    Raises
    ------
    AscNasError
        If the model cannot be loaded.
    UsageError
        If the settings do not fit it.
    """
    # A bad model or setting is one error, not one per recording.
    classifier = load(work.model)
    SceneStream(classifier, classifier.card.frontend.sample_rate, work.config)
    sizes = [_size(recording.path) for recording in recordings]
    done, outcomes = 0.0, {}
    with progress(sum(sizes), len(recordings)) as report:
        if workers == 1 or len(recordings) == 1:
            for number, (recording, size) in enumerate(zip(recordings, sizes, strict=True)):
                part = partial(_report_part, report, done, size, number)
                outcomes[recording] = classify_recording(work, recording, part)
                done += size
                report(done, number + 1)
        else:
            size_of = dict(zip(recordings, sizes, strict=True))
            for recording, outcome in _side_by_side(work, recordings, workers):
                outcomes[recording] = outcome
                done += size_of[recording]
                report(done, len(outcomes))
    return [outcomes[recording] for recording in recordings]


def _side_by_side(
    work: Work, recordings: Sequence[Recording], workers: int
) -> Iterator[tuple[Recording, Outcome]]:
    from asc_nas.core.tasks import Lost, each

    count = min(workers, len(recordings))
    for recording, outcome in each(partial(classify_recording, work), recordings, count, _A_WEEK):
        if isinstance(outcome, Lost):
            outcome = Outcome(recording, error=f"{recording.path}: {outcome.reason}")
        yield recording, outcome


def _report_part(report: Report, done: float, size: float, number: int, share: float) -> None:
    report(done + share * size, number)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
