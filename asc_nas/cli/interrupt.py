"""Ctrl-C: for commands that run until they are told to stop, and where Python would lose it."""

import signal
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

Item = TypeVar("Item")
LATER = 0.01
"""Seconds until a Ctrl-C that would have been lost is tried again."""


@contextmanager
def none_lost() -> Iterator[None]:
    """Raise a Ctrl-C also if it came where nothing can be raised: just after that.

    Python only prints a KeyboardInterrupt in a callback of a C library (libsndfile's, as it writes
    to an object of Python) or in a destructor, and goes on.
    """
    before = sys.unraisablehook

    def hook(ignored: "UnraisableHookArgs") -> None:
        if not issubclass(ignored.exc_type, KeyboardInterrupt):
            before(ignored)
            return
        while True:
            with suppress(KeyboardInterrupt):  # a second one
                again = threading.Timer(LATER, _interrupt_main)
                again.daemon = True
                again.start()
                return

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = before


def _interrupt_main() -> None:
    """Send Ctrl-C to the main thread, whatever it waits for."""
    if sys.platform == "win32":
        signal.raise_signal(signal.SIGINT)
    else:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


class Stop:
    """Lets Ctrl-C (and SIGTERM) end the waiting for an item, but not the work on what has come.

    A second Ctrl-C ends that too.
    """

    def __init__(self) -> None:
        self.requested = self._waiting = False

    def __enter__(self) -> "Stop":
        in_main = threading.current_thread() is threading.main_thread()
        numbers = [signal.SIGINT, signal.SIGTERM] if in_main else []  # others may not set handlers
        self._before = {number: signal.signal(number, self._handle) for number in numbers}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def each(self, items: Iterable[Item]) -> Iterator[Item]:
        """Yield what comes until it ends, or is to end."""
        iterator = iter(items)
        with suppress(KeyboardInterrupt, StopIteration):
            while True:
                self._waiting = True  # before the look at `requested`: none gets in between
                if self.requested:
                    break
                item = next(iterator)
                self._waiting = False
                yield item
        self._waiting = False

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        again, self.requested = self.requested, True
        if self._waiting or again:
            raise KeyboardInterrupt
