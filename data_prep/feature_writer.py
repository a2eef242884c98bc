"""Write a feature store: its files at the start, then clip after clip."""

import os
import shutil
import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Self
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from asc_nas.audio.logmel import FrontEnd
from asc_nas.core.errors import AscNasError
from asc_nas.data.feature_store import CHECKSUMS, DONE, FEATURES, Index, map_array, store_shape

FLUSH_SECONDS = 0.5
"""How often finished clips are forced to the disk and marked as done."""


def create_arrays(folder: Path, index: Index, frontend: FrontEnd) -> None:
    """Make the arrays, with no clip done, and then the index that makes them a store.

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
        np.lib.format.open_memmap(folder / CHECKSUMS, "w+", np.uint32, shape[:1])
        np.lib.format.open_memmap(folder / DONE, "w+", np.uint8, (len(index.keys),))
        index.write(folder)
    except OSError as error:
        where = error.filename or folder
        raise AscNasError(f"{where}: cannot be written ({error.strerror}).") from error


class FeatureWriter(AbstractContextManager["FeatureWriter"]):
    """Writes rows, and marks their clips as done once the rows are on the disk.

    It writes to plain file handles: on a full disk a memory map would kill the process.
    """

    def __init__(self, folder: Path, index: Index) -> None:
        self._folder = folder
        self._first_rows = index.first_rows
        names = [FEATURES, DONE, CHECKSUMS]
        files = {name: folder / name for name in names if (folder / name).exists()}
        self._starts = {name: map_array(folder, name).offset for name in files}
        self._handles = {name: path.open("rb+", buffering=0) for name, path in files.items()}
        self._unmarked: list[int] = []
        self._flushed = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def add(self, number: int, features: NDArray[np.float16]) -> None:
        """Write the rows of the clip `number`."""
        first = self._first_rows[number]
        self._write(FEATURES, first * features[0].nbytes, features.tobytes())
        if CHECKSUMS in self._handles:  # not in a store that was begun before there were any
            checksums = np.array([crc32(example) for example in features], np.uint32)
            self._write(CHECKSUMS, first * checksums.itemsize, checksums.tobytes())
        self._unmarked.append(number)
        if time.monotonic() - self._flushed > FLUSH_SECONDS:
            self._flush()

    def _flush(self) -> None:
        for name in (FEATURES, CHECKSUMS):
            if name in self._handles:
                os.fsync(self._handles[name].fileno())
        for number in self._unmarked:
            self._write(DONE, number, b"\x01")
        os.fsync(self._handles[DONE].fileno())
        self._unmarked.clear()
        self._flushed = time.monotonic()

    def _write(self, name: str, position: int, data: bytes) -> None:
        handle = self._handles[name]
        handle.seek(self._starts[name] + position)
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[handle.write(rest) :]
        except OSError as error:
            raise AscNasError(
                f"{self._folder / name}: cannot be written ({error.strerror}); what is done is "
                "kept: make room and run again to go on."
            ) from error

    def __exit__(self, *exception: object) -> None:
        try:
            self._flush()
        finally:
            for handle in self._handles.values():
                handle.close()
