"""Independent jobs side by side, in worker processes of one thread each.

Threads of small networks mostly wait for one another. Processes take some seconds to start, so they
pay for work that is long (`benchmarks/parallel_trainings.py`, `benchmarks/population.py`). The pool
is pebble's: a process that dies or hangs costs the job it is at, and another takes its place.
"""

import contextlib
import multiprocessing
import os
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, as_completed
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import TYPE_CHECKING, Any, TypeVar

from pebble import ProcessExpired, ProcessPool

from asc_nas.core.errors import AscNasError, told

if TYPE_CHECKING:
    from asc_nas.core.progress import Progress

Job = TypeVar("Job")
Result = TypeVar("Result")

DIED = (ProcessExpired, BrokenProcessPool)
"""What is raised for a job whose process died, and if processes die before they have a job."""
NO_START = (
    "a worker process could not start; free some memory, or run again with one worker; in a script "
    "of your own, put what it does under 'if __name__ == \"__main__\":'."
)

Executor = Callable[..., contextlib.AbstractContextManager[Callable[..., Future[Any]]]]
"""From a function and a number of workers to what lets one of them call it, as `processes` is."""

_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def run_jobs(
    function: Callable[[Job], Result],
    jobs: Sequence[Job],
    workers: int,
    progress: "Progress | None" = None,
    executor: "Executor | None" = None,
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
    executor : what starts the workers, also if there is one only; by default `processes`

    Raises
    ------
    AscNasError
        After all jobs, if some failed or their process died: which, and why; at once if processes
        cannot start. An exception that no user can cause is raised as it is.
    """
    results: dict[int, Result] = {}
    failures: dict[int, Exception] = {}
    outcomes = (
        _in_this_process(function, jobs)
        if workers == 1 and executor is None
        else _side_by_side(function, jobs, workers, executor or processes)
    )
    with contextlib.closing(outcomes):
        for number, outcome in outcomes:
            try:
                results[number] = outcome()
            except BrokenProcessPool as error:
                raise AscNasError(NO_START) from error
            except Exception as error:
                failures[number] = error
            if progress is not None:
                failed = " failed" if number in failures else ""
                progress(len(results) + len(failures), len(jobs), f"{jobs[number]}{failed}")
    if failures:
        raise _summary(jobs, failures)
    return [results[number] for number in range(len(jobs))]


@contextlib.contextmanager
def processes(
    function: Callable[..., Result],
    count: int,
    *,
    quiet: bool = False,
    timeout: float | None = None,
) -> Iterator[Callable[..., Future[Result]]]:
    """Give a function that lets one of `count` processes call `function`, as a future.

    The processes start with the first call and keep what `function` keeps, such as caches. At the
    end, or if the caller stops early (Ctrl-C), running calls are ended.

    Parameters
    ----------
    quiet : bool
        Whether what a process writes to stderr is not shown.
    timeout : float, optional
        Seconds after which a call is ended, with its process, and its future has a TimeoutError.
    """
    context: Any = _OneThreadContext()  # on Windows pebble's types know no such context
    pool = ProcessPool(
        count, initializer=_start_worker, initargs=(function, quiet), context=context
    )

    def submit(*arguments: Any) -> Future[Result]:
        try:
            return pool.schedule(_call, arguments, timeout=timeout)
        except RuntimeError as error:
            raise BrokenProcessPool(str(error)) from error

    try:
        yield submit
    finally:
        pool.stop()
        context.end_all()
        pool.join()


def result_of(future: Future[Result], timeout: float | None = None) -> Result:
    """Return what a process of `processes` found.

    Raises
    ------
    AscNasError
        If it died.
    TimeoutError
        If it takes longer than so many seconds.
    """
    try:
        return future.result(timeout)
    except ProcessExpired as error:
        raise AscNasError(
            f"its worker process died (exit code {error.exitcode}), perhaps for want of memory; "
            "run again with fewer workers."
        ) from error


class _OneThreadProcess(SpawnProcess):
    """A process whose libraries use one thread, which they ask for when they are imported."""

    def start(self) -> None:
        before = {name: os.environ.get(name) for name in _THREADS}
        os.environ.update(dict.fromkeys(_THREADS, "1"))
        try:
            super().start()
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value


class _OneThreadContext(SpawnContext):
    """Knows the processes that it has made.

    A pool that is joined takes away its locks before it ends its workers, one after the other: one
    that was still starting (on a busy machine) then ended with a traceback on the terminal.
    """

    def __init__(self) -> None:
        super().__init__()
        self._made: list[_OneThreadProcess] = []

    def Process(self, *arguments: Any, **options: Any) -> _OneThreadProcess:  # type: ignore[override] # noqa: N802
        """Make a process, as a context does."""
        self._made.append(_OneThreadProcess(*arguments, **options))
        return self._made[-1]

    def end_all(self) -> None:
        """End what still runs, all at once."""
        for process in self._made:
            if process.is_alive():
                process.terminate()


def _start_worker(function: Callable[..., Any], quiet: bool) -> None:
    """Prepare a worker; it is given `function` here, so that its imports hold up no other."""
    global _function
    _function = function
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if quiet:
        with open(os.devnull, "w") as nowhere:  # noqa: PTH123
            os.dup2(nowhere.fileno(), 2)


_function: Callable[..., Any]


def _call(*arguments: Any) -> Any:
    return _function(*arguments)


def _end_with_parent() -> None:
    """End this worker when its parent was killed, which could not end it."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


_Outcomes = Generator[tuple[int, Callable[[], Result]], None, None]
"""A job's number and a function that returns its result or raises what went wrong."""


def _in_this_process(function: Callable[[Job], Result], jobs: Sequence[Job]) -> "_Outcomes[Result]":
    for number, job in enumerate(jobs):
        yield number, partial(function, job)


def _side_by_side(
    function: Callable[[Job], Result], jobs: Sequence[Job], workers: int, executor: "Executor"
) -> "_Outcomes[Result]":
    with executor(function, min(workers, max(1, len(jobs)))) as submit:
        numbers = {submit(job): number for number, job in enumerate(jobs)}
        for future in as_completed(numbers):
            yield numbers[future], partial(result_of, future)


def _summary(jobs: Sequence[Job], failures: dict[int, Exception]) -> Exception:
    """Return the exception that tells of all failures."""
    for number, error in sorted(failures.items()):
        if not isinstance(error, (AscNasError, OSError)):
            error.add_note(f"in {jobs[number]}")
            return error
    reasons = " ".join(
        f"{jobs[number]}: {told(error) if isinstance(error, OSError) else error}"
        for number, error in sorted(failures.items())
    )
    return AscNasError(f"{len(failures)} of {len(jobs)} jobs failed: {reasons}")
