"""``asc-nas report``: what a run found, as one page and as plots and tables for papers."""

from pathlib import Path
from typing import Annotated

import typer

from asc_nas.core.errors import UsageError


def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Directory of a run.")],
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
) -> None:
    """Write report.html, a page that opens offline, with plots (PNG, PDF) and tables (CSV, TeX).

    An unfinished run gets a report of what exists. Nothing else in the run changes.

    Example: asc-nas report runs/esc10
    """
    from asc_nas.core.config import read_yaml
    from asc_nas.report.folder import write_report
    from asc_nas.run.folder import Context
    from asc_nas.run.gather.report import gather_report
    from asc_nas.run.opening import RunConfig
    from asc_nas.run.paths import RunPaths

    paths = RunPaths(run)
    if not paths.config.is_file():
        raise UsageError(f"{run}: not a run directory (it has no config.yaml).")
    if check is not None and not check.is_file():
        raise UsageError(f"{check}: no such file; write it with 'asc-nas data check --json'.")
    config = RunConfig.parse(read_yaml(paths.config), str(paths.config))
    content = gather_report(
        Context(config, paths),
        shown_as=str(run),
        check_file=check or paths.check,
        mistakes=mistakes,
        network=network,
    )
    page, *others = write_report(content, out or run / "report")
    for part, reason in content.missing.items():
        typer.echo(f"{part}: {reason}", err=True)
    typer.echo(f"{page} ({page.stat().st_size / 1e6:.1f} MB)")
    typer.echo(f"and {len(others)} figures and tables beside it")
