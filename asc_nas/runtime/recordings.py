"""Many recordings: those that files, folders and patterns stand for, and the answers for them."""

import glob
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from asc_nas.audio.folders import audio_files, matches
from asc_nas.audio.io import AUDIO_SUFFIXES
from asc_nas.audio.logmel import FrontEnd
from asc_nas.core.errors import AscNasError, UsageError
from asc_nas.core.progress import SILENT, Listener
from asc_nas.core.rows import Rows
from asc_nas.core.tasks import Lost, each
from asc_nas.runtime.classifier import DEFAULT, Classification, Classifier
from asc_nas.runtime.labels_out import ANSWER_COLUMNS, column_of
from asc_nas.runtime.model_files import DEFAULT_MODEL, find_card
from asc_nas.runtime.stream import SceneStream, Signal
from asc_nas.runtime.timeline import TimelineConfig

_A_WEEK = 7 * 86400.0  # a recording may be long


@dataclass(frozen=True)
class Recording:
    """A recording to classify.

    Attributes
    ----------
    path : Path
    name : Path
        Its path below the folder that was named, or its file name: its place below an output
        folder.
    """

    path: Path
    name: Path


@dataclass(frozen=True)
class Answer:
    """What was found of a recording, or why there is nothing.

    Attributes
    ----------
    classification : Classification or None
    error : str
        Why there is none; else empty.
    frontend : FrontEnd or None
        What the network hears; None without an answer.
    """

    recording: Recording
    classification: Classification | None = None
    error: str = ""
    frontend: FrontEnd | None = None

    @property
    def is_short(self) -> bool:
        """Whether the network heard more silence, put at the end, than recording."""
        if self.classification is None or self.frontend is None:
            return False
        too_short = self.classification.duration < self.frontend.seconds / 2
        return too_short and self.frontend.short == "silence"

    @property
    def signal(self) -> Signal | None:
        """What of the recording is sound; None without an answer."""
        return None if self.classification is None else self.classification.signal

    def to_json(self) -> dict[str, Any]:
        """Return plain data: path, label, probability, scores, segments; or path and error."""
        if self.classification is None:
            return {"path": str(self.recording.path), "error": self.error}
        return self.classification.to_json()

    def row(self) -> dict[str, Any]:
        """Return the `ANSWER_COLUMNS`, and the probability of every label as `column_of` it."""
        values = self.to_json()
        scores = values.get("scores", {})
        return {key: values.get(key) for key in ANSWER_COLUMNS} | {
            column_of(label): score for label, score in scores.items()
        }


class Answers(Rows[Answer]):
    """The answers for recordings, in their order."""


ClassifyOne = Callable[[Classifier, Recording, TimelineConfig, Callable[[float], None]], Any]
"""How one recording is classified; by default with `Classifier.classify`."""


def classify_plainly(
    classifier: Classifier,
    recording: Recording,
    config: TimelineConfig,
    on_progress: Callable[[float], None],
) -> Classification:
    """Classify one recording and do nothing else."""
    return classifier.classify(recording.path, None, config, on_progress=on_progress)


@dataclass(frozen=True)
class Work:
    """What is done with every recording; can be pickled, as it goes to other processes.

    Attributes
    ----------
    model : str
        As `Classifier.load` takes it.
    recorder : str, optional
        The same.
    config : TimelineConfig
    one : callable
        Importable by name.
    finish : callable, optional
        Told each answer in the process that found it, to write it to a file.
    """

    model: str
    recorder: str | None = None
    config: TimelineConfig = DEFAULT
    one: ClassifyOne = classify_plainly
    finish: Callable[[Answer], None] | None = None


def classify(
    files: str | Path | Sequence[str | Path],
    model: str = DEFAULT_MODEL,
    config: TimelineConfig | None = None,
    *,
    recorder: str | None = None,
    workers: int = 1,
    listener: Listener = SILENT,
) -> Answers:
    """Classify recordings of any length, rate and number of channels.

    A file that cannot be read gets its error in place of an answer; the others are done all the
    same.

    Parameters
    ----------
    files : audio files, folders (searched to the bottom) and patterns
    model : NAME.onnx, a folder with one model, or a name that ``asc-nas models list`` lists
    config : how windows overlap and become a timeline
    recorder : the recording device whose network is to answer; see `Classifier.load`
    workers : recordings classified side by side

    Raises
    ------
    UsageError
        If there are no audio files, or the settings do not fit the model.
    AscNasError
        If the model cannot be loaded.
    """
    named = [files] if isinstance(files, (str, Path)) else files
    found = find_recordings([Path(name) for name in named])
    return classify_all(Work(model, recorder, config or DEFAULT), found, workers, listener)


def find_recordings(arguments: Sequence[Path]) -> list[Recording]:
    """Return the recordings that files, folders and patterns stand for.

    Folders are searched to the bottom for audio files, sorted, without hidden ones; see
    `asc_nas.audio.folders`. A pattern, as in ``'rec/**/*.wav'``, stands for the files and folders
    that match; a path that exists is never taken for one. What does not exist is kept, so that it
    is listed with its error. A file that is named twice comes once, and so does one that is found
    in several ways.

    Raises
    ------
    UsageError
        If nothing is left.
    """
    found: list[Recording] = []
    names: set[str] = set()
    files: set[str] = set()
    for path, is_named in _expanded(arguments):
        for recording in _below(path) if _is_folder(path) else [_named(path)]:
            name, file = str(recording.path.absolute()), os.path.realpath(recording.path)
            if name not in names if is_named else file not in files:
                found.append(recording)
                names.add(name)
                files.add(file)
    if not found:
        folders = ", ".join(map(str, arguments))
        known = " ".join(sorted(AUDIO_SUFFIXES))
        raise UsageError(f"no audio files in {folders} (looked for {known}).")
    return found


def _expanded(arguments: Iterable[Path]) -> Iterator[tuple[Path, bool]]:
    """Yield files and folders, and whether each is a file that is named itself."""
    for path in arguments:
        found = matches(path) if glob.has_magic(str(path)) and not os.path.lexists(path) else []
        for match in found or [path]:
            yield match, not found and not _is_folder(match)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a name that is too long, say: an error of this file alone
        return False


def _below(folder: Path) -> Iterator[Recording]:
    for path in audio_files(folder):
        yield Recording(path, path.relative_to(folder))


def _named(path: Path) -> Recording:
    return Recording(path, Path(path.name or "unnamed"))


def classify_all(
    work: Work, recordings: Sequence[Recording], workers: int, listener: Listener = SILENT
) -> Answers:
    """Return the answer for every recording, in their order.

    Raises
    ------
    AscNasError
        If the model cannot be loaded.
    UsageError
        If the settings do not fit it.
    """
    # A bad model or setting is one error, not one per recording.
    classifier = _load(work)
    if work.recorder and (told := classifier.card.told_of_recorder(work.recorder)):
        listener.note(f"note: {told}")
    SceneStream(classifier, classifier.card.frontend.sample_rate, work.config)
    sizes = {recording: _size(recording.path) for recording in recordings}
    total, done = float(sum(sizes.values())), 0.0
    answers: dict[Recording, Answer] = {}
    alone = workers == 1 or len(recordings) == 1
    with listener.stage("Classifying") as progress:

        def report(bytes_done: float) -> None:
            progress(bytes_done, total, f"{len(answers)} of {len(recordings)} recordings")

        for recording, answer in (
            _one_by_one(work, recordings, sizes, report)
            if alone
            else _side_by_side(work, recordings, workers)
        ):
            answers[recording] = answer
            done += sizes[recording]
            report(done)
    return Answers(answers[recording] for recording in recordings)


def _one_by_one(
    work: Work,
    recordings: Sequence[Recording],
    sizes: dict[Recording, int],
    report: Callable[[float], None],
) -> Iterator[tuple[Recording, Answer]]:
    done = 0.0
    for recording in recordings:
        size = sizes[recording]
        yield recording, classify_recording(work, recording, partial(_part, report, done, size))
        done += size


def _part(report: Callable[[float], None], done: float, size: int, share: float) -> None:
    report(done + share * size)


def _side_by_side(
    work: Work, recordings: Sequence[Recording], workers: int
) -> Iterator[tuple[Recording, Answer]]:
    count = min(workers, len(recordings))
    for recording, answer in each(partial(classify_recording, work), recordings, count, _A_WEEK):
        if isinstance(answer, Lost):
            answer = Answer(recording, error=f"{recording.path}: {answer.reason}")
        yield recording, answer


def classify_recording(
    work: Work, recording: Recording, on_progress: Callable[[float], None] = lambda share: None
) -> Answer:
    """Classify one recording, finish with it, and never raise for a bad file."""
    classifier = _load(work)
    try:
        found = work.one(classifier, recording, work.config, on_progress)
        frontend = classifier.card.frontend
        answer = Answer(recording, replace(found, steps=()), frontend=frontend)
        if work.finish is not None:
            work.finish(answer)
    except AscNasError as error:
        return Answer(recording, error=str(error))
    except OSError as error:
        where = error.filename or recording.path
        return Answer(recording, error=f"{where}: {error.strerror or error}.")
    return answer


_load_card = lru_cache(maxsize=1)(Classifier.load)


def _load(work: Work) -> Classifier:
    """Load a model, as `Classifier.load` takes it; a process keeps the last one."""
    return _load_card(find_card(work.model).absolute(), recorder=work.recorder)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
