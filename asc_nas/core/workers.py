"""Independent jobs side by side, in worker processes of one thread each.

Threads of small networks mostly wait for one another. Processes take some seconds to start, so they
pay for work that is long (`benchmarks/parallel_trainings.py`, `benchmarks/population.py`).
"""

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING, Any, TypeVar

from asc_nas.core.errors import AscNasError
from asc_nas.core.machine import keep_freed_memory

if TYPE_CHECKING:  # PyTorch must not be imported here: workers set their threads before that
    from asc_nas.training.trainer import Progress

Job = TypeVar("Job")
Result = TypeVar("Result")

_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def run_jobs(
    function: Callable[[Job], Result],
    jobs: Sequence[Job],
    workers: int,
    progress: "Progress | None" = None,
) -> list[Result]:
    """Return ``function(job)`` of every job, in the order of `jobs`.

    A job that fails does not stop the others. Jobs should keep what they did in files: then a
    second call goes on where an interrupted one was.

    Parameters
    ----------
    function : importable by name if there are several workers
    jobs : small values that can be pickled; ``str(job)`` names one in progress and errors
    workers : int
        With 1, jobs run in this process, on all its threads; otherwise in so many new processes,
        on one thread each.
    progress : called with (jobs done, jobs, name of the last)

    Raises
    ------
    AscNasError
        After all jobs, if some failed: which, and why. An exception that no user can cause is
        raised as it is.
    """
    results: dict[int, Result] = {}
    failures: dict[int, Exception] = {}
    outcomes = _here(function, jobs) if workers == 1 else _side_by_side(function, jobs, workers)
    try:
        with contextlib.closing(outcomes):
            for number, outcome in outcomes:
                try:
                    results[number] = outcome()
                except BrokenProcessPool:
                    raise
                except Exception as error:
                    failures[number] = error
                if progress is not None:
                    failed = " failed" if number in failures else ""
                    progress(len(results) + len(failures), len(jobs), f"{jobs[number]}{failed}")
    except BrokenProcessPool as error:
        raise AscNasError(
            f"a worker process died with {len(results)} of {len(jobs)} jobs done, perhaps for want "
            "of memory; run again with fewer workers."
        ) from error
    if failures:
        raise _summary(jobs, failures)
    return [results[number] for number in range(len(jobs))]


_Outcomes = Generator[tuple[int, Callable[[], Result]], None, None]
"""A job's number and a function that returns its result or raises what went wrong."""


def _here(function: Callable[[Job], Result], jobs: Sequence[Job]) -> "_Outcomes[Result]":
    for number, job in enumerate(jobs):
        yield number, lambda job=job: function(job)  # type: ignore[misc]


def _side_by_side(
    function: Callable[[Job], Result], jobs: Sequence[Job], workers: int
) -> "_Outcomes[Result]":
    with one_thread_processes(min(workers, max(1, len(jobs)))) as pool:
        numbers = {submit(pool, function, job): number for number, job in enumerate(jobs)}
        for future in as_completed(numbers):
            yield numbers[future], future.result


@contextlib.contextmanager
def one_thread_processes(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Give a pool of processes of one thread each, to be used with `submit`.

    If the caller stops early (Ctrl-C), running ones are ended.
    """
    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(
        workers,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_start_worker,
    )
    try:
        yield pool
    except BaseException:
        for process in set(multiprocessing.active_children()) - others:
            process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def submit(
    pool: ProcessPoolExecutor, function: Callable[..., Result], *arguments: Any
) -> Future[Result]:
    """Let a process of `pool` call ``function(*arguments)``; it may be started by that."""
    with _one_thread():
        return pool.submit(function, *arguments)


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Let processes that start now use one thread each."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _start_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the parent ends its workers
    threading.Thread(target=_end_with_parent, daemon=True).start()
    keep_freed_memory()
    import torch

    torch.set_num_threads(1)


def _end_with_parent() -> None:
    """End this worker when its parent was killed, which could not end it."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _summary(jobs: Sequence[Job], failures: dict[int, Exception]) -> Exception:
    """Return the exception that tells of all failures."""
    for number, error in sorted(failures.items()):
        if not isinstance(error, (AscNasError, OSError)):
            error.add_note(f"in {jobs[number]}")
            return error
    told = " ".join(f"{jobs[number]}: {error}" for number, error in sorted(failures.items()))
    return AscNasError(f"{len(failures)} of {len(jobs)} jobs failed: {told}")
