"""``asc-nas data``: which datasets there are, and their manifests."""

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from asc_nas.cli.commands.check import check
from asc_nas.cli.commands.download import download
from asc_nas.cli.completion import complete_dataset

app = typer.Typer(no_args_is_help=True, help="List datasets, and make manifests of recordings.")
app.command("check")(check)
app.command("download")(download)


@app.command("list")
def list_datasets() -> None:
    """List the datasets that can be read, and the size of those that can be downloaded.

    Splits: which parts of its training list 'data prepare --split' and 'data.split' can take.

    Example: asc-nas data list
    """
    from data_prep.datasets import READERS

    console = Console()
    if not console.is_terminal:
        console.width = 160  # piped: a dataset stays on one line
    wide = console.width >= 120
    table = Table(box=None, header_style="bold", padding=(0, 1, 0, 0))
    table.add_column("Name", min_width=max(map(len, READERS)))
    if wide:
        table.add_column("What it reads")
    for header in ("Download", "Clips", "Classes", "Folds"):
        table.add_column(header, justify="right", no_wrap=True)
    table.add_column("Splits")
    table.add_column("Licence")
    for name in READERS:
        info = READERS[name].info
        size = f"{info.download_bytes / 1e9:.1f} GB" if info.download_bytes else "-"
        counts = (f"{n:,}" if n else "-" for n in (info.clips, info.classes, info.folds))
        what = (name, info.title) if wide else (f"[bold]{name}[/bold]\n{info.title}",)
        table.add_row(*what, size, *counts, " ".join(info.splits) or "-", info.licence)
    console.print(table)


@app.command("prepare")
def prepare(
    name: Annotated[
        str,
        typer.Argument(
            help="Dataset name, see 'asc-nas data list'.", autocompletion=complete_dataset
        ),
    ],
    folder: Annotated[Path, typer.Argument(help="Folder of the recordings.")],
    split: Annotated[
        str | None,
        typer.Option(
            help="Published split of the training list, see 'asc-nas data list' [default: all].",
            show_default=False,
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="The manifest to write.")] = Path("manifest.parquet"),
) -> None:
    """Write the manifest of a folder of recordings.

    Examples: asc-nas data prepare folders my_recordings --out mine.parquet

    asc-nas data prepare tau_urban_2022_mobile tau --split 25 --out tau25.parquet
    """
    from data_prep.datasets import read_dataset

    manifest = read_dataset(name, folder, split)
    manifest.write(out)
    table = Table("Label", "Clips", "Groups", box=None, header_style="bold")
    clips = Counter(clip.label for clip in manifest.clips)
    for label in manifest.labels:
        groups = {clip.group for clip in manifest.clips if clip.label == label}
        table.add_row(Text(label), str(clips[label]), str(len(groups)))
    Console().print(table)
    typer.echo(f"{len(manifest.clips)} clips -> {out}")
