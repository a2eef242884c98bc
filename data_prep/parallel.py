"""One function over many tasks, in processes that may die or hang on some of them.

A `concurrent.futures` pool breaks as a whole when one process dies, and does not say over which
task. Here every process has a pipe of its own: its oldest unanswered task is the one it works on,
so that task alone is given up and a new process takes the others over.
"""

import contextlib
import multiprocessing
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, TypeVar

from asc_nas.core.errors import AscNasError

BACKLOG = 4
"""Tasks a process has before it, so that it never waits for the next; memory stays small."""
TIMEOUT = 300.0
"""Seconds after which a process that is still at one task is taken for hanging."""
START_SECONDS = 120.0
"""Seconds that a process has to start, on however busy a machine."""
END_SECONDS = 5.0
"""Seconds to wait for a killed process to end; one that waits for a disk may not."""
DEATHS = 2
"""How many processes may die over a task; once can be the fault of a machine short of memory."""

T = TypeVar("T")
R = TypeVar("R")

_READY = "ready"


@dataclass(frozen=True)
class Lost:
    """Why there is no result of a task."""

    reason: str


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def each(
    function: Callable[[T], R],
    tasks: Iterable[T],
    workers: int | None = None,
    timeout: float = TIMEOUT,
) -> Generator[tuple[T, R | Lost], None, None]:
    """Yield every task with its result, or with why there is none, in the order they end.

    Parameters
    ----------
    function : callable
        Of a module's top level, as it goes to other processes.
    tasks : iterable
        Taken one by one, a few ahead of the work.
    workers : int, optional
        Processes; None takes one per core. 1 stays in this process, in the order of the tasks, and
        without protection: a crash ends the job, and nothing is given up for taking long.
    timeout : float
        Seconds for one task.

    Raises
    ------
    AscNasError
        If a process cannot be started at all.
    """
    if workers == 1:
        yield from ((task, _attempt(function, task)) for task in tasks)
        return
    pool = _Pool(function, iter(tasks), timeout)
    try:
        yield from pool.run(workers or cores())
    finally:
        pool.kill()


def _attempt(function: Callable[[T], R], task: T) -> R | Lost:
    try:
        return function(task)
    except MemoryError:
        return Lost("needs more memory than there is; cut it into shorter parts or remove it.")
    except Exception as error:
        return Lost(f"unexpected {type(error).__name__} ({error}); remove it, and report this.")


def _work(connection: Connection, function: Callable[[Any], Any]) -> None:
    """Answer tasks until the other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the main process, which ends this
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123 - decoders complain there by themselves
        os.dup2(nowhere.fileno(), 2)
    with contextlib.suppress(EOFError, OSError):  # the main process is gone
        connection.send(_READY)
        while True:
            connection.send(_attempt(function, connection.recv()))


class _Worker(Generic[T]):
    """A process, its pipe, and the tasks it has been given and not yet answered."""

    def __init__(self, function: Callable[[T], Any]) -> None:
        context = multiprocessing.get_context("spawn")  # a forked child may inherit held locks
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_work, args=(theirs, function), daemon=True)
        self.process.start()
        theirs.close()  # or the end of the process would not be seen
        self.ready = False
        self.given: deque[T] = deque()
        self.since = time.monotonic()

    def give(self, task: T) -> None:
        if not self.given:
            self.since = time.monotonic()
        self.given.append(task)
        with contextlib.suppress(OSError):  # it died: seen, and dealt with, when it is read
            self.connection.send(task)

    def kill(self) -> None:
        self.connection.close()
        self.process.kill()
        self.process.join(END_SECONDS)


def _answered(worker: _Worker[Any]) -> bool:
    """Return whether an answer (or an end) waits: whoever takes the results may be slow."""
    return worker.connection.poll()


class _Pool(Generic[T, R]):
    def __init__(self, function: Callable[[T], R], tasks: Iterator[T], timeout: float) -> None:
        self._function = function
        self._tasks = tasks
        self._timeout = timeout
        self._again: deque[T] = deque()  # taken from a process that died
        self._suspects: deque[T] = deque()  # the task that it died over, for the very end
        self._deaths: dict[int, int] = {}  # by the identity of the task, which `_suspects` keeps
        self._workers: list[_Worker[T]] = []

    def run(self, count: int) -> Iterator[tuple[T, R | Lost]]:
        while len(self._workers) < count and self._start():
            pass
        while self._workers:
            last = min(self._deadline(worker) for worker in self._workers)
            connections = [worker.connection for worker in self._workers]
            ready = wait(connections, max(0.0, last - time.monotonic()))
            for worker in list(self._workers):
                if worker.connection in ready:
                    yield from self._read(worker)
                elif time.monotonic() > self._deadline(worker) and not _answered(worker):
                    reason = f"took longer than {self._timeout:g} s and was given up; remove it."
                    yield from self._replace(worker, reason, deaths=1)

    def _deadline(self, worker: _Worker[T]) -> float:
        start = 0.0 if worker.ready else START_SECONDS
        return worker.since + max(start, self._timeout)

    def kill(self) -> None:
        for worker in self._workers:
            worker.kill()
        self._workers.clear()

    def _read(self, worker: _Worker[T]) -> Iterator[tuple[T, R | Lost]]:
        try:
            result = worker.connection.recv()
        except (EOFError, OSError):
            reason = (
                "the process that read it died, so it is damaged or needs more memory than there "
                "is; remove it, or try with fewer workers."
            )
            yield from self._replace(worker, reason, DEATHS)
            return
        worker.since = time.monotonic()
        if worker.ready:
            task = worker.given.popleft()
            self._deaths.pop(id(task), None)
            yield task, result
        worker.ready = True
        self._fill(worker)

    def _replace(
        self, worker: _Worker[T], reason: str, deaths: int
    ) -> Iterator[tuple[T, R | Lost]]:
        """End a worker; its task is given up after as many `deaths`, the others go to a new one."""
        worker.kill()
        self._workers.remove(worker)
        if not worker.ready:
            raise AscNasError(
                f"a worker process could not start (exit code {worker.process.exitcode}); free "
                "some memory, or run again with one worker."
            )
        task = worker.given.popleft()
        self._again.extend(worker.given)
        died = self._deaths.pop(id(task), 0) + 1
        if died < deaths:
            self._deaths[id(task)] = died
            self._suspects.append(task)
        self._start()
        if died >= deaths:
            yield task, Lost(reason)

    def _start(self) -> bool:
        """Start a process if there is a task for it."""
        task = self._next()
        if task is None:
            return False
        worker = _Worker(self._function)
        worker.give(task[0])
        self._workers.append(worker)
        return True

    def _fill(self, worker: _Worker[T]) -> None:
        """Give a worker its next tasks; one that has none left is ended."""
        while len(worker.given) < BACKLOG and (task := self._next()) is not None:
            worker.give(task[0])
        if not worker.given:
            worker.kill()
            self._workers.remove(worker)

    def _next(self) -> tuple[T] | None:
        if self._again:
            return (self._again.popleft(),)
        for task in self._tasks:
            return (task,)
        return (self._suspects.popleft(),) if self._suspects else None
