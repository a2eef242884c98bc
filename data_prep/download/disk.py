"""Room on a disk, sizes for people, and a folder for one process alone."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from asc_nas.core.errors import AscNasError
from asc_nas.core.locks import hold

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""The error numbers that say that nothing more fits."""


def size_of(path: Path) -> int:
    """Return the size of a file in bytes, 0 if there is none."""
    return path.stat().st_size if path.is_file() else 0


def human(count: int) -> str:
    """Return a number of bytes as text, with decimal units: ``45.8 GB``."""
    value = float(count)
    for unit in ("bytes", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def require_room(folder: Path, needed: int, purpose: str) -> None:
    """Check that `needed` bytes fit on the disk of `folder`, which exists.

    Raises
    ------
    AscNasError
        If they do not; the sentence names `purpose`, what is needed and what is free.
    """
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise AscNasError(
            f"{folder}: {purpose} needs {human(needed)}, and {human(free)} are free; free some "
            "space or choose a folder on another disk."
        )


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Keep a second process, or thread, from writing into `folder`, which exists.

    The lock is the kernel's, on the folder itself: it leaves no file, and ends with the process.
    Where the file system has no locks there is none, nor on Windows.

    Raises
    ------
    AscNasError
        If somebody else is in it.
    """
    if os.name == "nt":  # opens no folders
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        if not hold(handle):
            raise AscNasError(
                f"{folder}: another download into this folder is running; wait for its end."
            )
        yield
    finally:
        os.close(handle)
