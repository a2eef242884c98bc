"""``asc-nas data check``: what is wrong with a manifest and its recordings."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from asc_nas.core.errors import quoted

if TYPE_CHECKING:
    from data_prep.checks import Report

SHOWN = 20
"""Findings of one check that are printed; the JSON has all."""


def check(
    manifest: Annotated[Path, typer.Argument(help="Manifest, from 'asc-nas data prepare'.")],
    json_file: Annotated[
        str | None,
        typer.Option("--json", metavar="FILE", help="Write the report as JSON; - prints it."),
    ] = None,
    exclude: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Write the keys of bad clips, for the setting data.exclude."
        ),
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes [default: cores].")] = None,
) -> None:
    """Check every recording of a manifest; the exit code is 1 if there are errors.

    Example: asc-nas data check mine.parquet --exclude bad.txt
    """
    from asc_nas.cli.output.progress import progress
    from asc_nas.data.manifest import Manifest
    from data_prep.checks import check as check_manifest
    from data_prep.checks import write_keys

    opened = Manifest.read(manifest)
    with progress("Check") as clips_done:
        report = check_manifest(opened, workers=workers, progress=clips_done)
    if json_file is not None:
        if json_file == "-":
            document = {"format": report.format_name} | report.to_json()
            typer.echo(json.dumps(document, indent=2, ensure_ascii=False))
        else:
            report.write(Path(json_file))
    if json_file != "-":
        _print(report)
    if exclude is not None:
        write_keys(exclude, report.bad_clips)
        typer.echo(
            f"{len(report.bad_clips)} bad clips -> {exclude}; a run leaves them out with "
            f"--set {quoted(f'data.exclude={exclude}')}",
            err=json_file == "-",
        )
    if report.errors:
        raise typer.Exit(1)


def _print(report: "Report") -> None:
    """Print how much of what was found, and then what."""
    from data_prep.checks import CHECKS

    table = Table("Check", "Errors", "Warnings", "What it finds", box=None, header_style="bold")
    for name, meaning in CHECKS.items():
        found = report.of(name)
        errors = sum(finding.severity == "error" for finding in found)
        table.add_row(name, str(errors or "-"), str(len(found) - errors or "-"), meaning)
    Console().print(table)
    for name in CHECKS:
        found = report.of(name)
        if found:
            typer.echo("")
        for finding in found[:SHOWN]:
            typer.echo(f"{finding.severity}: {name}: {finding.message}")
        if len(found) > SHOWN:
            typer.echo(f"... and {len(found) - SHOWN} more ({name}); --json FILE writes all.")
    typer.echo(
        f"\n{report.name}: {report.clips} clips, {report.errors} errors, {report.warnings} warnings"
    )
