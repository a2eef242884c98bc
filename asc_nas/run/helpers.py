"""Processes of this machine that train the supernets of a run together with this one."""

import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from pathlib import Path
from typing import Any

from asc_nas.core.errors import AscNasError
from asc_nas.core.workers import NO_START, processes, result_of
from asc_nas.run.folder import RunFolder
from asc_nas.run.jobs import Job, Step
from asc_nas.training.device import threads_of
from asc_nas.training.parallel import RankLostError, Ranks, meeting

NOTICED = 5.0
"""Seconds within which a process that has died is known to have."""


def ranks_of(run: RunFolder) -> int:
    """Return how many processes of a run train its supernets: `supernet.workers`, on the CPU."""
    return run.config.supernet.workers if run.device == "cpu" else 1


def with_helpers(run: RunFolder, step: Step) -> None:
    """Do a step as the first of `supernet.workers` ranks; the others do it with theirs.

    Each computes on one thread. Where the run has ranks already, or computes on another device than
    the CPU, it is done with the run as it is.

    Raises
    ------
    AscNasError
        If a process does not start, or dies.
    """
    size = ranks_of(run)
    if size == 1 or run.ranks.size > 1:
        step(run, None)
        return
    with (
        tempfile.TemporaryDirectory() as folder,
        processes(_help, size - 1, quiet=True) as submit,
        threads_of(size),
    ):
        job = Job.of(run, step, None)
        helpers = [submit(job, Ranks(number, size), folder) for number in range(1, size)]
        try:
            _wait_for(helpers, Path(folder))
            with meeting(Ranks(0, size), Path(folder)) as ranks:
                step(replace(run, ranks=ranks), None)
        except RankLostError as error:
            raise _reason(helpers) or error from error


def _help(job: Job, ranks: Ranks, folder: str) -> None:
    (Path(folder) / str(ranks.number)).touch()
    with meeting(ranks, Path(folder)):
        job.step(replace(job.run(), ranks=ranks), job.item)


def _wait_for(helpers: Sequence[Future[Any]], folder: Path) -> None:
    """Return when all helpers are there; raise RankLostError if one has ended before."""
    while len(list(folder.iterdir())) < len(helpers):
        if any(helper.done() for helper in helpers):
            raise RankLostError(
                "a worker process has ended; run again with fewer supernet.workers."
            )
        time.sleep(0.02)


def _reason(helpers: Sequence[Future[Any]]) -> Exception | None:
    """Return what ended a helper by itself, if that can be known."""
    end = time.monotonic() + NOTICED
    for helper in helpers:
        try:
            result_of(helper, max(0.1, end - time.monotonic()))
        except (RankLostError, TimeoutError):
            continue
        except BrokenProcessPool:
            return AscNasError(NO_START)
        except AscNasError as error:
            return AscNasError(f"supernet.workers: {error}")
        except Exception as error:
            return error
    return None
