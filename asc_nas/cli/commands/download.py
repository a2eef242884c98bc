"""``asc-nas data download``: a published dataset, checked, resumed and unpacked."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.text import Text

from asc_nas.cli.completion import complete_dataset

if TYPE_CHECKING:
    from data_prep.download.files import Progress as Report

SECONDS_BETWEEN_LINES = 15.0


def download(
    name: Annotated[
        str,
        typer.Argument(
            help="Dataset name, see 'asc-nas data list'.", autocompletion=complete_dataset
        ),
    ],
    to: Annotated[
        Path | None, typer.Option(help="The dataset's folder.  [default: NAME]", show_default=False)
    ] = None,
    only: Annotated[
        str,
        typer.Option(help="What to download, for example 'meta,doc' [default: everything]."),
    ] = "",
    keep_archives: Annotated[
        bool,
        typer.Option(
            "--keep-archives/--delete-archives",
            help="Keep or delete an archive after unpacking it.",
        ),
    ] = True,
) -> None:
    """Download a dataset and unpack it; files that exist already are not downloaded again.

    To continue an interrupted download, run the command again.

    Example: asc-nas data download tau_urban_2020_mobile --only meta,doc --to TAU2020
    """
    from data_prep.datasets import catalogue
    from data_prep.download.fetch import UNPACK_RATIO, UNPACK_RATIOS, fetch_dataset
    from data_prep.download.files import choose

    packages = catalogue.packages(name)
    contents = [content.strip() for content in only.split(",") if content.strip()]
    chosen = choose(packages, contents)
    with _byte_progress(name) as progress:
        folder = fetch_dataset(
            chosen,
            to or Path(name),
            keep_archives=keep_archives,
            unpack_ratio=UNPACK_RATIOS.get(name, UNPACK_RATIO),
            progress=progress,
        )
    typer.echo(f"{name} ({len(chosen)} of {len(packages)} packages) -> {folder}")
    if "audio" in {package.content for package in chosen}:
        typer.echo(f"Next: asc-nas data prepare {name} {folder}")
    else:
        typer.echo(f"Next, for the audio too: asc-nas data download {name} --to {folder}")


class _Bar(Progress):
    """A bar, and under it what is going on: file names are too long to stand beside it."""

    text = ""

    def get_renderables(self) -> Iterator[RenderableType]:
        """Yield the bar and the text."""
        yield self.make_tasks_table(self.tasks)
        yield Text(self.text)


@contextmanager
def _byte_progress(title: str) -> Iterator["Report"]:
    """Give a function for (bytes done, bytes in all, text) that shows speed and time left."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield ByteLines(title)
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=12),
        DownloadColumn(),
        TransferSpeedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with _Bar(*columns, console=console) as bar:
        task: TaskID | None = None

        def report(done: int, total: int, text: str) -> None:
            nonlocal task
            if task is None:  # what is there at the start counts neither for speed nor time left
                task = bar.add_task("Downloading", total=total, completed=done)
            bar.text = f"{title}: {text}"
            bar.update(task, completed=done, total=total)

        yield report


class ByteLines:
    """Progress as plain lines, for where there is no terminal: one every 15 s."""

    def __init__(self, title: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._title = title
        self._clock = clock
        self._last: tuple[float, int] | None = None  # when, and how many bytes were done

    def __call__(self, done: int, total: int, text: str) -> None:
        """Take the bytes done and the bytes in all."""
        from data_prep.download.disk import human

        now = self._clock()
        if self._last is None:
            self._last = now, done
            return
        then, before = self._last
        if now - then < SECONDS_BETWEEN_LINES:
            return
        self._last = now, done
        speed = max(0.0, done - before) / (now - then)
        left = f"{timedelta(seconds=round((total - done) / speed))} left, " if speed else ""
        print(
            f"{self._title}: {human(done)} of {human(total)}, {human(int(speed))}/s, {left}{text}",
            file=sys.stderr,
            flush=True,
        )
