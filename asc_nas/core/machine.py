"""What this process may use of the machine: cores and memory, containers' limits included."""

import ctypes
import os
import sys
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")


def cores() -> tuple[int, int]:
    """Return (cores that this process may use, cores of the machine)."""
    there = os.cpu_count() or 1
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else there
    quota = _words(CGROUP / "cpu.max")  # "200000 100000" is two cores; "max 100000" is no limit
    if len(quota) == 2 and quota[0].isdigit():
        allowed = min(allowed, max(1, round(int(quota[0]) / int(quota[1]))))
    return allowed, there


def total_memory() -> int | None:
    """Return the bytes of memory that this process may use at most; None where that is unknown."""
    if not hasattr(os, "sysconf"):  # on Windows
        return None
    try:
        machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return None
    limit = _words(CGROUP / "memory.max")
    return min(machine, int(limit[0])) if limit and limit[0].isdigit() else machine


def available_memory() -> int | None:
    """Return the bytes of memory that are available now; None where that is unknown."""
    rows = (line.split() for line in _lines(Path("/proc/meminfo")))
    free = next((int(row[1]) * 1024 for row in rows if row[:1] == ["MemAvailable:"]), None)
    limit, used = _words(CGROUP / "memory.max"), _words(CGROUP / "memory.current")
    if free is not None and limit and used and limit[0].isdigit():
        free = min(free, max(0, int(limit[0]) - int(used[0])))
    return free


def keep_freed_memory() -> bool:
    """Let this process keep the memory that it frees, for the next tensor; return whether it does.

    Glibc asks the kernel for every large block and gives it back when it is freed. Training frees
    and asks for the same megabytes some hundred times in a step, and every time the kernel has to
    clear the pages, which takes a third of the time of a step (`benchmarks/training_step.py`).
    Elsewhere than on Linux with glibc nothing is changed.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    settings = {_M_MMAP_MAX: 0, _M_TRIM_THRESHOLD: 2**31 - 1, _M_TOP_PAD: 64 * 2**20}
    return all(mallopt(name, value) == 1 for name, value in settings.items())


def wait_asleep() -> None:
    """Let threads that wait for one another give up their core soon; called before PyTorch loads.

    PyTorch's threads (GNU OpenMP) wait at the end of every operation by asking again and again, for
    milliseconds. If another program has the core of the thread that is waited for, that keeps two
    cores busy with nothing: beside one busy process a training step on two threads took twice as
    long (`benchmarks/busy_machine.py`). What the user has set stays.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", _SPINS)


_SPINS = "1000"  # with 10,000 most of the gain is lost
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4  # malloc.h


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        return []


def _words(path: Path) -> list[str]:
    return " ".join(_lines(path)).split()
