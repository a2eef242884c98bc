"""``asc-nas report``: what a run found, as one page and as plots and tables for papers."""

from pathlib import Path
from typing import Annotated

import typer

from asc_nas.cli.options import DeviceOption, RunArgument, open_run
from asc_nas.core.errors import UsageError


def report(
    run: RunArgument,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder to write to [default: RUN/report].", show_default=False),
    ] = None,
    mistakes: Annotated[
        int, typer.Option(min=0, max=24, help="Worst mistakes to show; 0 shows none.")
    ] = 8,
    network: Annotated[
        str | None,
        typer.Option(
            help="Network whose mistakes are shown [default: the best trained member on "
            "search-val].",
            show_default=False,
        ),
    ] = None,
    check: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Output of 'asc-nas data check --json' [default: RUN/data/check.json].",
            show_default=False,
        ),
    ] = None,
    device: DeviceOption = None,
) -> None:
    """Write report.html, a page that opens offline, with plots (PNG, PDF) and tables (CSV, TeX).

    An unfinished run gets a report of what exists. Nothing else in the run changes.

    Example: asc-nas report runs/esc10
    """
    if check is not None and not check.is_file():
        raise UsageError(f"{check}: no such file; write it with 'asc-nas data check --json'.")
    opened = open_run(run, device=device)
    if not opened.paths.config.is_file():
        raise UsageError(f"{run}: not a run directory (it has no config.yaml).")
    page, *others = opened.report(out, mistakes=mistakes, network=network, check=check)
    typer.echo(f"{page} ({page.stat().st_size / 1e6:.1f} MB)")
    typer.echo(f"and {len(others)} figures and tables beside it")
