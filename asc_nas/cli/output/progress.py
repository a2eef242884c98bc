"""Progress of long work: a bar with the time left, or plain lines where there is no terminal."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

Report = Callable[[int, int, str], None]
SECONDS_BETWEEN_LINES = 15.0


@contextmanager
def progress(title: str) -> Iterator[Report]:
    """Give a function to be called with (done, total, text) while the work titled `title` runs."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _lines(title)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[text]}"),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(title, total=None, text="")

        def report(done: int, total: int, text: str = "") -> None:
            bar.update(task, completed=done, total=total, text=text)

        yield report


def _lines(title: str) -> Report:
    start = time.monotonic()
    last = -SECONDS_BETWEEN_LINES

    def report(done: int, total: int, text: str = "") -> None:
        nonlocal last
        now = time.monotonic() - start
        if done < total and now - last < SECONDS_BETWEEN_LINES:
            return
        last = now
        tail = f", {text}" if text else ""
        print(f"{title}: {done}/{total}, {now:.0f} s{tail}", file=sys.stderr, flush=True)

    return report
