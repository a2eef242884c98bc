"""Progress of ``asc-nas classify`` by bytes of audio, as recordings differ in length."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

QUIET_SECONDS = 1.0
"""Work that takes no longer shows no progress, and does not pay for loading the bar."""
SECONDS_BETWEEN_LINES = 15.0

Report = Callable[[float, int], None]
"""Told the bytes and the recordings that are done."""


@contextmanager
def progress(total: float, count: int) -> Iterator[Report]:
    """Give a function to report to: it shows a bar on a terminal, or else a line now and then.

    Parameters
    ----------
    total, count : the bytes and the number of all recordings
    """
    start = time.monotonic()
    display: _Display | None = None

    def report(done: float, recordings: int) -> None:
        nonlocal display
        seconds = time.monotonic() - start
        if seconds < QUIET_SECONDS:
            return
        if display is None:
            display = _Bar(total) if sys.stderr.isatty() else _Lines(total)
        display.show(done, seconds, f"{recordings} of {count} recordings")

    try:
        yield report
    finally:
        if display is not None:
            display.close()


class _Display(Protocol):
    def show(self, done: float, seconds: float, text: str) -> None:
        """Show how many bytes are done after so many seconds."""

    def close(self) -> None:
        """Leave the terminal as it was."""


class _Lines:
    def __init__(self, total: float) -> None:
        self._total, self._next = max(total, 1.0), SECONDS_BETWEEN_LINES

    def show(self, done: float, seconds: float, text: str) -> None:
        share = min(1.0, done / self._total)
        if seconds < self._next or not 0 < share < 1:
            return
        self._next = seconds + SECONDS_BETWEEN_LINES
        left = seconds / share - seconds
        print(f"Classifying: {text}, {share:.0%}, {left:.0f} s left", file=sys.stderr, flush=True)

    def close(self) -> None:
        pass


class _Bar:
    def __init__(self, total: float) -> None:
        from rich import progress as rich
        from rich.console import Console

        columns = (
            rich.TextColumn("Classifying {task.fields[text]}"),
            rich.BarColumn(),
            rich.TaskProgressColumn(),
            rich.TimeElapsedColumn(),
            rich.TextColumn("left"),
            rich.TimeRemainingColumn(),
        )
        self._bar = rich.Progress(*columns, console=Console(stderr=True), transient=True)
        self._task = self._bar.add_task("", total=total, text="")
        self._bar.start()

    def show(self, done: float, seconds: float, text: str) -> None:
        self._bar.update(self._task, completed=done, text=text)

    def close(self) -> None:
        self._bar.stop()
