"""Locks that keep two processes from writing over one another in a run directory.

A lock is an operating-system lock (``flock``) on a file that stays: it ends with the process that
holds it, however that ends, so that a killed run leaves none behind. Where there are none they are
worked on without: on file systems without ``flock`` (Lustre, as it may be mounted), and for shared
ones on Windows, unless pywin32 is installed.
"""

import multiprocessing
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import portalocker
from portalocker import LockFlags

from asc_nas.core.errors import AscNasError
from asc_nas.core.files import naming


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
        if not hold(handle, shared=shared):
            raise AscNasError(
                f"{folder}: another asc-nas works here ({_holder(handle)}); {advice}."
            )
        _sign(handle)
        yield


@contextmanager
def taking_turns(folder: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock of `folder`; wait, and `say` so in a line, while another process holds it."""
    with _opened(folder) as handle:
        if not hold(handle):
            say(f"{folder}: waiting for another asc-nas ({_holder(handle)}).")
            hold(handle, wait=True)
        _sign(handle)
        yield


def hold(handle: BinaryIO | int, *, shared: bool = False, wait: bool = False) -> bool:
    """Lock an open file until it is closed; return False if another process holds the lock.

    Parameters
    ----------
    handle : file or its descriptor
    wait : bool
        Whether to wait for the other process, until the lock is held.
    """
    flags = LockFlags.SHARED if shared else LockFlags.EXCLUSIVE
    while True:
        try:
            portalocker.lock(handle, flags if wait else flags | LockFlags.NON_BLOCKING)
        except portalocker.AlreadyLocked:  # with `wait` on Windows only, after ten seconds
            if not wait:
                return False
        except (portalocker.LockException, ImportError):  # there are none here
            return True
        else:
            return True


def _opened(folder: Path) -> BinaryIO:
    # A worker process first imports the script that started it: one without a guard would begin the
    # job anew, and wait here for the process that waits for it.
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise AscNasError(
            "a script that starts worker processes is imported by each of them; put what it does "
            "under 'if __name__ == \"__main__\":'."
        )
    folder.mkdir(parents=True, exist_ok=True)
    return (folder / ".lock").open("ab+", buffering=0)


def _sign(handle: BinaryIO) -> None:
    """Write who holds the lock; of several that share it, the last."""
    with naming(Path(handle.name)):
        handle.truncate(0)
        handle.write(f"process {os.getpid()} on {socket.gethostname()}".encode())


def _holder(handle: BinaryIO) -> str:
    text = ""
    with suppress(OSError):  # Windows locks reading, too
        handle.seek(0)
        text = handle.read(200).decode(errors="replace")
    return text or "which one is not known"
