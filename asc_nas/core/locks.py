"""Locks that keep two processes from writing over one another in a run directory.

A lock is an operating-system lock (``flock``) on a file that stays: it ends with the process that
holds it, however that ends, so that a killed run leaves none behind. Systems and file systems
without such locks (Windows, Lustre mounted without ``flock``) are worked on without.
"""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from asc_nas.core.errors import AscNasError

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]


@contextmanager
def locked(folder: Path, advice: str, *, shared: bool = False) -> Iterator[None]:
    """Hold the lock of `folder` (made if it is missing), its file ``.lock``.

    Parameters
    ----------
    advice : str
        The end of the sentence for the one who comes second: what to do.
    shared : bool
        Whether others that share it may hold it at the same time.

    Raises
    ------
    AscNasError
        If another process holds it.
    """
    with _opened(folder) as handle:
        if not _try_lock(handle, shared=shared):
            raise AscNasError(
                f"{folder}: another asc-nas works here ({_holder(handle)}); {advice}."
            )
        _sign(handle)
        yield


@contextmanager
def taking_turns(folder: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock of `folder`; wait, and `say` so in a line, while another process holds it."""
    with _opened(folder) as handle:
        if not _try_lock(handle, shared=False):
            say(f"{folder}: waiting for another asc-nas ({_holder(handle)}).")
            with suppress(OSError):
                fcntl.flock(handle, fcntl.LOCK_EX)
        _sign(handle)
        yield


def _opened(folder: Path) -> BinaryIO:
    folder.mkdir(parents=True, exist_ok=True)
    return (folder / ".lock").open("ab+", buffering=0)


def _try_lock(handle: BinaryIO, *, shared: bool) -> bool:
    """Return whether the lock is held now, or there are none here."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # the file system has no locks
        return True
    return True


def _sign(handle: BinaryIO) -> None:
    """Write who holds the lock; of several that share it, the last."""
    handle.truncate(0)
    handle.write(f"process {os.getpid()} on {socket.gethostname()}".encode())


def _holder(handle: BinaryIO) -> str:
    handle.seek(0)
    return handle.read(200).decode(errors="replace") or "which one is not known"
