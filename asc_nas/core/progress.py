"""What long work tells while it runs: one protocol for training, search, files and messages."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from asc_nas.core.rows import Rows

Progress = Callable[[float, float, str], None]
"""Told (done, total, text): epochs, clips or bytes that are done, of how many."""

OnProgress = Callable[[str, float, float, str], None]
"""The same, with the title of the work before it."""


def unheard(done: float, total: float, text: str = "") -> None:
    """Take a progress that nobody listens to."""


class Listener:
    """Hears what the steps of a run say; by default nothing is shown.

    Parameters
    ----------
    on_progress : called with (title, done, total, text) while long work runs
    on_message : called with one line, for what has been found or should be known
    """

    def __init__(
        self, on_progress: OnProgress | None = None, on_message: Callable[[str], None] | None = None
    ) -> None:
        self._on_progress, self._on_message = on_progress, on_message

    @contextmanager
    def stage(self, title: str) -> Iterator[Progress]:
        """Give what the work titled `title` tells its progress to."""
        told = self._on_progress
        yield unheard if told is None else partial(told, title)

    def say(self, text: str) -> None:
        """Hear what was done or found."""
        if self._on_message is not None:
            self._on_message(text)

    def note(self, text: str) -> None:
        """Hear what somebody should know or look at."""
        self.say(text)

    def found(self, rows: Rows) -> None:
        """Hear what a step found, before the next step begins; what it returns is the same."""


SILENT = Listener()
