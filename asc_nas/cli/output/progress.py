"""Progress of long work: a bar with the time left, or plain lines where there is no terminal."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from asc_nas.core.progress import Progress

if TYPE_CHECKING:
    from rich.progress import ProgressColumn, TaskID

Unit = Literal["items", "bytes", "share"]
"""What is counted: shown as 3/10, as 1.2/4.0 GB with the speed, or in percent."""

SECONDS_BETWEEN_LINES = 15.0


@contextmanager
def progress(title: str, unit: Unit = "items", quiet: float = 0.0) -> Iterator[Progress]:
    """Give a function to be called with (done, total, text) while the work titled `title` runs.

    Parameters
    ----------
    quiet : float
        Seconds in which nothing is shown: shorter work does not pay for loading the bar.
    """
    start, display = time.monotonic(), None

    def report(done: float, total: float, text: str = "") -> None:
        nonlocal display
        if time.monotonic() - start < quiet:
            return
        if display is None:
            display = Bar(title, unit) if sys.stderr.isatty() else Lines(title, unit, start)
        display.show(done, total, text)

    try:
        yield report
    finally:
        if display is not None:
            display.close()


class Bar:
    """A bar on a terminal, and under it what is going on."""

    def __init__(self, title: str, unit: Unit) -> None:
        from rich import progress as rich
        from rich.console import Console, RenderableType
        from rich.text import Text

        class WithText(rich.Progress):
            text = ""

            def get_renderables(self) -> Iterator[RenderableType]:
                yield self.make_tasks_table(self.tasks)
                if self.text:
                    yield Text(self.text)

        counts: dict[Unit, list[ProgressColumn]] = {
            "items": [rich.MofNCompleteColumn(), rich.TimeElapsedColumn()],
            "bytes": [rich.DownloadColumn(), rich.TransferSpeedColumn()],
            "share": [rich.TaskProgressColumn(), rich.TimeElapsedColumn()],
        }
        left = (rich.TextColumn("left"), rich.TimeRemainingColumn())
        named = rich.TextColumn("{task.description}", markup=False)
        columns = (named, rich.BarColumn(), *counts[unit], *left)
        self._bar = WithText(*columns, console=Console(stderr=True), transient=unit == "share")
        self._title = title
        self._task: TaskID | None = None
        self._bar.start()

    def show(self, done: float, total: float, text: str) -> None:
        """Show how much is done."""
        if self._task is None:  # what is there at the start counts neither for speed nor time left
            self._task = self._bar.add_task(self._title, total=total, completed=int(done))
        self._bar.text = text
        self._bar.update(self._task, completed=done, total=total)

    def close(self) -> None:
        """Leave the terminal as it was."""
        self._bar.stop()


class Lines:
    """Plain lines: the first, one every 15 s, and the last."""

    def __init__(
        self, title: str, unit: Unit, start: float = 0.0, clock: Any = time.monotonic
    ) -> None:
        self._title, self._unit, self._start, self._clock = title, unit, start, clock
        self._last: tuple[float, float] | None = None  # when, and how much was done

    def show(self, done: float, total: float, text: str) -> None:
        """Print a line, if it is time for one."""
        now = self._clock()
        then, before = self._last or (-SECONDS_BETWEEN_LINES, done)
        ended = done >= total and self._unit == "items"
        if now - then < SECONDS_BETWEEN_LINES and not ended:
            return
        first, self._last = self._last is None, (now, done)
        if first and self._unit != "items":
            return  # neither speed nor time left are known yet
        parts = self._parts(done, total, now, (done - before) / max(now - then, 1e-9))
        line = ", ".join(filter(None, (*parts, text)))
        print(f"{self._title}: {line}", file=sys.stderr, flush=True)

    def _parts(self, done: float, total: float, now: float, speed: float) -> tuple[str, ...]:
        seconds = now - self._start
        if self._unit == "items":
            return f"{done:g}/{total:g}", f"{seconds:.0f} s"
        if self._unit == "share":
            share = min(1.0, done / max(total, 1.0))
            left = f"{seconds / share - seconds:.0f} s left" if share else ""
            return f"{share:.0%}", left
        from data_prep.download.disk import human

        left = f"{timedelta(seconds=round((total - done) / speed))} left" if speed > 0 else ""
        return f"{human(int(done))} of {human(int(total))}", f"{human(int(speed))}/s", left

    def close(self) -> None:
        """Lines need no closing."""
