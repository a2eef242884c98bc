"""One function over many files, in processes that may die or hang over some of them."""

from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from queue import SimpleQueue
from typing import Any, TypeVar

from pebble import ProcessExpired

from asc_nas.core.errors import AscNasError
from asc_nas.core.machine import cores
from asc_nas.core.workers import NO_START, processes

BACKLOG = 4
"""Tasks ahead per process, so that none waits for the next; memory stays small."""
TRIES = 2
"""Processes that may die over a task; once can be the fault of a machine short of memory."""
TIMEOUT = 300.0
"""Seconds after which a process that is still at one task is taken for hanging."""

Task = TypeVar("Task")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Lost:
    """Why there is no result of a task."""

    reason: str


def each(
    function: Callable[[Task], Result],
    tasks: Iterable[Task],
    workers: int | None = None,
    timeout: float | None = TIMEOUT,
) -> Generator[tuple[Task, Result | Lost], None, None]:
    """Yield every task with its result, or with why there is none, in the order they end.

    Made for files, of which some may be damaged: a task that fails, kills its process or hangs is
    given up alone, and what decoders write to stderr is not shown.

    Parameters
    ----------
    function : callable
        Of a module's top level, as it goes to other processes.
    tasks : iterable
        Taken one by one, a few ahead of the work.
    workers : int, optional
        Processes; None takes one per core. 1 stays in this process, in the order of the tasks, and
        without protection: a crash ends the job, and nothing is given up for taking long.
    timeout : float, optional
        Seconds for one task, from when a process begins it.

    Raises
    ------
    AscNasError
        If a process cannot be started at all.
    """
    attempt = partial(_attempt, function)
    if workers == 1:
        yield from ((task, attempt(task)) for task in tasks)
        return
    tasks = iter(tasks)
    first = list(islice(tasks, workers or cores()[0]))
    if not first:
        return
    waiting = ((task, 1) for task in chain(first, tasks))
    again: list[tuple[Task, int]] = []  # tasks over which a process died, for the very end
    running: dict[Future[Any], tuple[Task, int]] = {}
    ended: SimpleQueue[Future[Any]] = SimpleQueue()
    with processes(attempt, len(first), quiet=True, timeout=timeout) as submit:
        while True:
            while len(running) < BACKLOG * len(first) and (
                taken := next(waiting, None) or (again.pop() if again else None)
            ):
                future = submit(taken[0])
                running[future] = taken
                future.add_done_callback(ended.put)
            if not running:
                return
            future = ended.get()
            task, tries = running.pop(future)
            if isinstance(future.exception(), ProcessExpired) and tries < TRIES:
                again.append((task, tries + 1))
            else:
                yield task, _result_or_lost(future, timeout)


def _attempt(function: Callable[[Task], Result], task: Task) -> Result | Lost:
    try:
        return function(task)
    except MemoryError:
        return Lost("needs more memory than there is; cut it into shorter parts or remove it.")
    except Exception as error:
        return Lost(f"unexpected {type(error).__name__} ({error}); remove it, and report this.")


def _result_or_lost(future: Future[Any], timeout: float | None) -> Any:
    try:
        return future.result()
    except BrokenProcessPool as error:
        raise AscNasError(NO_START) from error
    except ProcessExpired:
        return Lost(
            "the process that read it died, so it is damaged or needs more memory than there is; "
            "remove it, or try with fewer workers."
        )
    except TimeoutError:
        return Lost(f"took longer than {timeout:g} s and was given up; remove it.")
