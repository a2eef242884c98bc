"""``asc-nas data``: which datasets there are, and their manifests."""

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

app = typer.Typer(no_args_is_help=True, help="List datasets, and make manifests of recordings.")


@app.command("list")
def list_datasets() -> None:
    """List the datasets that can be read."""
    from data_prep.datasets import READERS

    table = Table("Name", "What it reads", box=None, header_style="bold")
    for name in READERS:
        table.add_row(name, READERS[name].summary)
    Console().print(table)


@app.command("prepare")
def prepare(
    name: Annotated[str, typer.Argument(help="Dataset name, see 'asc-nas data list'.")],
    folder: Annotated[Path, typer.Argument(help="Where the recordings lie.")],
    out: Annotated[Path, typer.Option(help="The manifest to write.")] = Path("manifest.parquet"),
) -> None:
    """Write the manifest of a folder of recordings.

    Example: asc-nas data prepare folders my_recordings --out mine.parquet
    """
    from data_prep.datasets import read_dataset

    manifest = read_dataset(name, folder)
    manifest.write(out)
    table = Table("Label", "Clips", "Groups", box=None, header_style="bold")
    clips = Counter(clip.label for clip in manifest.clips)
    for label in manifest.labels:
        groups = {clip.group for clip in manifest.clips if clip.label == label}
        table.add_row(label, str(clips[label]), str(len(groups)))
    Console().print(table)
    typer.echo(f"{len(manifest.clips)} clips -> {out}")
