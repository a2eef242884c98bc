"""Write a feature store: its files at the start, then clip after clip."""

import os
import shutil
import time
from contextlib import AbstractContextManager
from io import FileIO
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from asc_nas.audio.logmel import FrontEnd
from asc_nas.core.errors import AscNasError
from asc_nas.data.feature_store import DONE, FEATURES, Index, store_shape

FLUSH_SECONDS = 0.5
"""How often finished clips are forced to the disk and marked as done."""


def create_arrays(folder: Path, index: Index, frontend: FrontEnd) -> None:
    """Make the two arrays, with no clip done, and then the index that makes them a store.

    Raises
    ------
    AscNasError
        If the disk has too little room for the features, or cannot be written.
    """
    shape = store_shape(index, frontend)
    needed = 2 * int(np.prod(shape, dtype=np.int64))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
        if needed > free:
            raise AscNasError(
                f"{folder}: the features need {needed / 1e9:.1f} GB, the disk has "
                f"{free / 1e9:.1f} GB free; choose a folder on another disk."
            )
        np.lib.format.open_memmap(folder / FEATURES, "w+", np.float16, shape)
        np.lib.format.open_memmap(folder / DONE, "w+", np.uint8, (len(index.keys),))
        index.write(folder)
    except OSError as error:
        raise AscNasError(f"{folder}: cannot be written ({error.strerror}).") from error


class FeatureWriter(AbstractContextManager["FeatureWriter"]):
    """Writes rows, and marks their clips as done once the rows are on the disk.

    It writes to plain file handles: on a full disk a memory map would kill the process.
    """

    def __init__(self, folder: Path, index: Index) -> None:
        self._folder = folder
        self._first_rows = index.first_rows
        self._features_at = _data_offset(folder / FEATURES)
        self._done_at = _data_offset(folder / DONE)
        self._features = (folder / FEATURES).open("rb+", buffering=0)
        self._done = (folder / DONE).open("rb+", buffering=0)
        self._unmarked: list[int] = []
        self._flushed = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def add(self, number: int, features: NDArray[np.float16]) -> None:
        """Write the rows of the clip `number`."""
        position = self._features_at + self._first_rows[number] * features[0].nbytes
        self._write(self._features, position, features.tobytes())
        self._unmarked.append(number)
        if time.monotonic() - self._flushed > FLUSH_SECONDS:
            self._flush()

    def _flush(self) -> None:
        os.fsync(self._features.fileno())
        for number in self._unmarked:
            self._write(self._done, self._done_at + number, b"\x01")
        os.fsync(self._done.fileno())
        self._unmarked.clear()
        self._flushed = time.monotonic()

    def _write(self, handle: FileIO, position: int, data: bytes) -> None:
        handle.seek(position)
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[handle.write(rest) :]
        except OSError as error:
            raise AscNasError(
                f"{self._folder}: cannot be written ({error.strerror}); what is done is kept: "
                "make room and run again to go on."
            ) from error

    def __exit__(self, *exception: object) -> None:
        try:
            self._flush()
        finally:
            self._features.close()
            self._done.close()


def _data_offset(path: Path) -> int:
    """Return where the numbers of a ``.npy`` file begin, in bytes."""
    return int(np.load(path, mmap_mode="r", allow_pickle=False).offset)
