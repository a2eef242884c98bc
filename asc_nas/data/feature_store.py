"""The feature store: one memory-mapped array of log-mel, and an index keyed by clip.

A store is a folder of four files:

``features.npy``
    (examples, mels, frames) float16, decibels; one example per channel of a clip, and a clip's
    examples stand in consecutive rows. A channel without a signal, where others have one, is NaN.
``checksums.npy``
    (examples,) uint32, the CRC-32 of each example's bytes; stores from before it have none.
``done.npy``
    (clips,) uint8, 1 where the clip's rows are written; this is what an interrupted job goes on by.
``index.json``
    Front-end settings and their fingerprint, clip keys, first row and channels per clip, the clips
    that could not be read, the rows that are not heard, and whether the store is complete.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Self
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from asc_nas.audio.logmel import FrontEnd
from asc_nas.core.errors import AscNasError, command
from asc_nas.core.files import json_text, read_json, with_checksum, write_text

FORMAT = "asc-nas/features/1"
FEATURES, CHECKSUMS = "features.npy", "checksums.npy"
DONE, INDEX = "done.npy", "index.json"
FILES = (FEATURES, CHECKSUMS, DONE, INDEX)


@dataclass(frozen=True)
class Index:
    """What ``index.json`` holds.

    Attributes
    ----------
    frontend : dict
        All settings of the front end.
    fingerprint : str
        Of those settings and of the algorithm.
    source : str
        Fingerprint of the clips (path, channels, start, duration), so that other audio under the
        same keys is noticed.
    keys, channels : tuple
        Key and number of channels of each clip, in manifest order.
    failed : dict
        Reason by key of a clip that could not be read; its rows are zero.
    unheard : tuple of int
        Rows of channels without a signal, of clips in which others have one; stores from before
        they were told apart list none.
    missing : tuple of str
        Parts that are not in the store yet, as ``3/8``; none if it is not made in parts.
    complete : bool
        False while clips are missing.
    """

    frontend: dict[str, Any]
    fingerprint: str
    source: str
    keys: tuple[str, ...]
    channels: tuple[int, ...]
    failed: dict[str, str] = field(default_factory=dict)
    unheard: tuple[int, ...] = ()
    complete: bool = False
    missing: tuple[str, ...] = ()

    @cached_property
    def first_rows(self) -> list[int]:
        """First row of each clip, and the number of rows at the end."""
        return [0, *np.cumsum(self.channels, dtype=np.int64).tolist()]

    def write(self, folder: Path) -> None:
        """Write the index into `folder`, atomically."""
        values = with_checksum(
            {
                "format": FORMAT,
                "complete": self.complete,
                **({"missing": self.missing} if self.missing else {}),
                "fingerprint": self.fingerprint,
                "frontend": self.frontend,
                "source": self.source,
                "failed": self.failed,
                "unheard": self.unheard,
                "keys": self.keys,
                "channels": self.channels,
                "first_rows": self.first_rows[:-1],
            }
        )
        lines = (f'"{key}": {json_text(values[key], ensure_ascii=False)}' for key in values)
        write_text(folder / INDEX, "{\n" + ",\n".join(lines) + "\n}\n")

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read the index of `folder`.

        Raises
        ------
        AscNasError
            If there is none, or if it is damaged.
        """
        path = folder / INDEX
        if not path.is_file():
            raise AscNasError(f"{folder}: no features here; make them with 'asc-nas features'.")
        values = read_json(path, FORMAT)
        try:
            return cls(
                values["frontend"],
                values["fingerprint"],
                values["source"],
                tuple(values["keys"]),
                tuple(values["channels"]),
                values["failed"],
                tuple(values.get("unheard", ())),
                values["complete"],
                tuple(values.get("missing", ())),
            )
        except (KeyError, TypeError) as error:
            raise _damaged(folder) from error

    def check_frontend(self, frontend: FrontEnd, folder: Path) -> None:
        """Raise AscNasError, naming what differs, unless the features are those of `frontend`."""
        if self.fingerprint == frontend.fingerprint:
            return
        wanted = frontend.model_dump()
        differing = [
            f"{name} {self.frontend.get(name)} instead of {wanted.get(name)}"
            for name in sorted({*self.frontend, *wanted})
            if self.frontend.get(name) != wanted.get(name)
        ] or ["an older version of the log-mel transform"]
        raise AscNasError(
            f"{folder}: these features were made with other front-end settings "
            f"({', '.join(differing)}); use another folder, or delete this one to make them again."
        )


class Check:
    """Holds examples that are read, each for the first time, against their checksums."""

    def __init__(self, folder: Path, checksums: NDArray[np.uint32]) -> None:
        self._folder, self._checksums = folder, checksums
        self._seen = np.zeros(len(checksums), dtype=bool)

    def __call__(self, rows: NDArray[np.int64], examples: NDArray[np.float16]) -> None:
        """Raise AscNasError unless `examples` are what was written into `rows`."""
        for i in np.flatnonzero(~self._seen[rows]):
            if crc32(np.ascontiguousarray(examples[i]).data) != self._checksums[rows[i]]:
                raise _damaged(self._folder)
        self._seen[rows] = True


class FeatureStore:
    """A complete store, open for reading.

    Attributes
    ----------
    features : (examples, mels, frames) float16
        Log-mel in decibels, a read-only memory map.
    check : Check or None
        To be called with what is read of `features`; None of a store without checksums.
    keys : tuple of str
        Clips that have features, in manifest order.
    failed : dict
        Reason by key of the clips that could not be read and were left out.
    unheard : frozenset of int
        Rows of channels without a signal, which are left out too.
    frontend : FrontEnd
        How the features were made.
    """

    def __init__(
        self, folder: Path, index: Index, features: NDArray[np.float16], check: Check | None = None
    ) -> None:
        self.folder = folder
        self.features = features
        self.check = check
        self.fingerprint = index.fingerprint
        self.frontend = FrontEnd.parse(index.frontend, f"{folder}: frontend")
        self.failed: Mapping[str, str] = index.failed
        rows = (range(*pair) for pair in zip(index.first_rows, index.first_rows[1:], strict=False))
        self.unheard = frozenset(index.unheard)
        self._rows = {
            key: row for key, row in zip(index.keys, rows, strict=True) if key not in index.failed
        }
        self.keys = tuple(self._rows)

    @classmethod
    def open(cls, folder: Path, frontend: FrontEnd) -> Self:
        """Open the features that were made with the settings `frontend`.

        Raises
        ------
        AscNasError
            If there are none, if they were made with other settings (named, with both values), if
            their making was interrupted, or if a file is damaged.
        """
        index = Index.read(folder)
        index.check_frontend(frontend, folder)
        if index.missing:
            raise AscNasError(_missing_message(index.missing, folder))
        if not index.complete:
            raise AscNasError(
                f"{folder}: the extraction of these features was interrupted; "
                "run 'asc-nas features' again to go on."
            )
        shape, check = store_shape(index, frontend), None
        if (folder / CHECKSUMS).exists():
            check = Check(folder, np.array(open_array(folder, CHECKSUMS, shape[:1])))
        return cls(folder, index, open_array(folder, FEATURES, shape), check)

    def rows(self, clip_key: str) -> list[int]:
        """Return where the clip's examples stand in `features`, one per channel that is heard.

        Raises
        ------
        AscNasError
            If the clip has no features, with the reason if it could not be read.
        """
        if clip_key in self._rows:
            return [row for row in self._rows[clip_key] if row not in self.unheard]
        reason = self.failed.get(clip_key, "it was not in the manifest they were made from")
        raise AscNasError(f"{self.folder}: no features of the clip {clip_key} ({reason}).")


def open_array(folder: Path, name: str, shape: Sequence[int]) -> np.memmap:
    """Open one array of a store for reading, and check its shape.

    Raises
    ------
    AscNasError
        If the file is missing, cut off or of another shape.
    """
    array = map_array(folder, name)
    if array.shape != tuple(shape):
        raise _damaged(folder)
    return array


def map_array(folder: Path, name: str) -> np.memmap:
    """Open one array of a store for reading, whatever its shape.

    Raises
    ------
    AscNasError
        If the file is missing or cut off.
    """
    try:
        array: np.memmap = np.load(folder / name, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError as error:
        raise _damaged(folder) from error
    except OSError as error:
        if error.errno is None:  # numpy's own word for what is no array
            raise _damaged(folder) from error
        raise AscNasError(f"{folder / name}: not readable ({error.strerror}).") from error
    except (EOFError, ValueError) as error:
        raise _damaged(folder) from error
    return array


def store_shape(index: Index, frontend: FrontEnd) -> tuple[int, int, int]:
    """Return the shape of a store's features: (examples, mels, frames)."""
    return index.first_rows[-1], frontend.n_mels, frontend.frames


def is_being_made(folder: Path) -> bool:
    """Tell whether a folder is a store whose arrays are not complete."""
    if not (folder / FEATURES).is_file():
        return False
    try:
        with (folder / INDEX).open("rb") as file:
            return b'"complete": true' not in file.read(200)  # it stands at the beginning
    except FileNotFoundError:
        return True


def _missing_message(parts: tuple[str, ...], folder: Path) -> str:
    more = f" and {len(parts) - 20} more" if len(parts) > 20 else ""
    by_hand = command("features", "MANIFEST", "--out", folder, "--part", parts[0])
    return (
        f"{folder}: of these features the parts {', '.join(parts[:20])}{more} are missing; make "
        f"each with '{by_hand}', or all of them here without --part."
    )


def _damaged(folder: Path) -> AscNasError:
    return AscNasError(f"{folder}: the feature store is damaged; delete it to make it again.")
