"""Ctrl-C for commands that run until they are told to stop."""

import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from types import FrameType
from typing import TypeVar

Item = TypeVar("Item")


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
