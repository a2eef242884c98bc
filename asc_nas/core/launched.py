"""Which of several processes this one is, where ``torchrun`` started them for one job."""

import os

from asc_nas.core.errors import UsageError


def place() -> tuple[int, int]:
    """Return (rank, number of ranks) that ``torchrun`` gave this process; (0, 1) without it."""
    rank, size = os.environ.get("RANK", ""), os.environ.get("WORLD_SIZE", "")
    return (int(rank), int(size)) if rank.isdigit() and size.isdigit() else (0, 1)


def require_one(work: str) -> None:
    """Raise UsageError if there are several ranks, which `work` is not made for."""
    size = place()[1]
    if size > 1:
        raise UsageError(
            f"{work}: torchrun started {size} processes (WORLD_SIZE), and only 'asc-nas supernet' "
            "and 'asc-nas train' share their work; start it without torchrun."
        )
