"""What this process may use of the machine: cores and memory, containers' limits included."""

import os
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
    try:
        machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
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


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        return []


def _words(path: Path) -> list[str]:
    return " ".join(_lines(path)).split()
