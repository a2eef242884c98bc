"""Reading the files of a run for its report: what is missing or damaged is said, and no error."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from asc_nas.core.errors import AscNasError
from asc_nas.core.files import as_written

Value = TypeVar("Value")


class ReportFiles:
    """Reads parts of a report and remembers why a part stays empty.

    Attributes
    ----------
    root : str
        The run directory as the commands of the report name it.
    missing : dict
        Part of the report and what is missing.
    """

    def __init__(self, root: str) -> None:
        self.root = root
        self.missing: dict[str, str] = {}

    def read(
        self, part: str, path: Path, read: Callable[[Path], Value], command: str
    ) -> Value | None:
        """Return what `read` reads, or None and a note."""
        if not self.there(part, path, command):
            return None
        return self.guard(part, path, lambda: read(path))

    def there(self, part: str, path: Path, command: str) -> bool:
        """Return whether a file exists; if not, note the `command` that makes it."""
        if not path.exists():
            self.missing[part] = f"Not there yet: 'asc-nas {command}' makes it."
        return path.exists()

    def guard(self, part: str, path: Path, make: Callable[[], Value]) -> Value | None:
        """Return what `make` makes of the file `path`, or None and a note if it is damaged."""
        try:
            with as_written(path, "restore it, or delete it and repeat the step that makes it"):
                return make()
        except AscNasError as error:
            self.missing[part] = f"Left out: {error}"
        return None
