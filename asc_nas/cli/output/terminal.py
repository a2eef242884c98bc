"""The listener of the command line: progress, messages and tables on the terminal."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from asc_nas.cli.output.progress import Unit, progress
from asc_nas.core.progress import Listener, Progress
from asc_nas.core.rows import Rows


class Terminal(Listener):
    """Shows what the steps of a run say: results on standard output, the rest on standard error.

    Parameters
    ----------
    unit, quiet : see `asc_nas.cli.output.progress.progress`
    """

    def __init__(self, unit: Unit = "items", quiet: float = 0.0) -> None:
        self._unit, self._quiet = unit, quiet

    @contextmanager
    def stage(self, title: str) -> Iterator[Progress]:
        """Show a bar, or lines where there is no terminal."""
        with progress(title, self._unit, self._quiet) as report:
            yield report

    def say(self, text: str) -> None:
        """Print a line."""
        typer.echo(text)

    def note(self, text: str) -> None:
        """Print a line on standard error."""
        typer.echo(text, err=True)

    def found(self, rows: Rows) -> None:
        """Print a table."""
        from asc_nas.cli.output.network_tables import print_pareto, print_results
        from asc_nas.evaluation.result import Results
        from asc_nas.run.networks import Pareto

        if isinstance(rows, Pareto):
            print_pareto(rows)
        elif isinstance(rows, Results):
            print_results(rows)
