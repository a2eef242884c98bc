"""Where ``asc-nas classify`` writes the result of each recording."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from asc_nas.cli.output.text import shown
from asc_nas.core.errors import UsageError
from asc_nas.runtime.recordings import Recording


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
