"""``asc-nas data download``: a published dataset, checked, resumed and unpacked."""

from pathlib import Path
from typing import Annotated

import typer

from asc_nas.cli.completion import complete_dataset
from asc_nas.core.errors import command


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
        str, typer.Option(help="What to download, for example 'meta,doc' [default: everything].")
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
    from asc_nas.cli.output.progress import progress as byte_progress
    from data_prep.datasets import catalogue
    from data_prep.download.fetch import UNPACK_RATIO, UNPACK_RATIOS, fetch_dataset
    from data_prep.download.files import choose

    packages = catalogue.packages(name)
    contents = [content.strip() for content in only.split(",") if content.strip()]
    chosen = choose(packages, contents)
    with byte_progress(name, "bytes") as progress:
        folder = fetch_dataset(
            chosen,
            to or Path(name),
            keep_archives=keep_archives,
            unpack_ratio=UNPACK_RATIOS.get(name, UNPACK_RATIO),
            progress=progress,
        )
    typer.echo(f"{name} ({len(chosen)} of {len(packages)} packages) -> {folder}")
    if "audio" in {package.content for package in chosen}:
        typer.echo(f"Next: {command('data', 'prepare', name, folder)}")
    else:
        again = command("data", "download", name, "--to", folder)
        typer.echo(f"Next, for the audio too: {again}")
