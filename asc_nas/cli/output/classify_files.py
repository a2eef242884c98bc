"""The recordings that ``asc-nas classify`` is asked for, and where their results go."""

import glob
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from asc_nas.cli.output.text import shown
from asc_nas.core.errors import UsageError


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
class Target:
    """Where each recording's result is written.

    Attributes
    ----------
    folder : Path or None
        None is beside the recording.
    ending : str
        Appended to the recording's file name.
    file : Path, optional
        The one file of the one recording, whatever it is called.
    """

    folder: Path | None
    ending: str
    file: Path | None = None

    def path(self, recording: Recording) -> Path:
        """Return the file for one recording's result."""
        if self.file is not None:
            return self.file
        place = recording.path if self.folder is None else self.folder / recording.name
        return place.with_name(place.name + self.ending)


def find_recordings(arguments: Sequence[Path]) -> list[Recording]:
    """Return the recordings that files, folders and patterns stand for.

    Folders are searched to the bottom for audio files, sorted, without hidden ones. A pattern, as
    in ``'rec/**/*.wav'``, stands for the files and folders that match; a path that exists is never
    taken for one. What does not exist is kept, so that it is listed with its error. A file that is
    named twice comes once.

    Raises
    ------
    UsageError
        If nothing is left.
    """
    from asc_nas.audio.io import AUDIO_SUFFIXES

    found: dict[Path, Recording] = {}
    for path in _expanded(arguments):
        for recording in _below(path, AUDIO_SUFFIXES) if path.is_dir() else [_named(path)]:
            found.setdefault(recording.path, recording)
    if not found:
        folders = ", ".join(map(shown, arguments))
        known = " ".join(sorted(AUDIO_SUFFIXES))
        raise UsageError(f"no audio files in {folders} (looked for {known}).")
    return list(found.values())


def check_distinct(recordings: Sequence[Recording], target: Target) -> None:
    """Check that no two recordings have one result file.

    Raises
    ------
    UsageError
        If two do.
    """
    taken: dict[Path, Recording] = {}
    for recording in recordings:
        other = taken.setdefault(target.path(recording), recording)
        if other is not recording:
            raise UsageError(
                f"{shown(other.path)} and {shown(recording.path)} would both be written to "
                f"{shown(target.path(recording))}; classify them one after the other, into two "
                "folders."
            )


def _expanded(arguments: Iterable[Path]) -> Iterator[Path]:
    for path in arguments:
        matches: list[str] = []
        if glob.has_magic(str(path)) and not path.exists():
            matches = sorted(glob.glob(str(path), recursive=True))  # noqa: PTH207 - absolute too
        yield from (Path(match) for match in matches or [str(path)])


def _below(folder: Path, suffixes: tuple[str, ...]) -> Iterator[Recording]:
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in suffixes and path.is_file() and not path.name.startswith("."):
            yield Recording(path, path.relative_to(folder))


def _named(path: Path) -> Recording:
    return Recording(path, Path(path.name or "unnamed"))
