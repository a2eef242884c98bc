"""``asc-nas features``: log-mel features of a manifest."""

from pathlib import Path
from typing import Annotated

import typer


def features(
    manifest: Annotated[Path, typer.Argument(help="Manifest, from 'asc-nas data prepare'.")],
    frontend: Annotated[
        str, typer.Option(help="Front-end preset: esc10 or dcase2018_task5.")
    ] = "esc10",
    out: Annotated[Path, typer.Option(help="Folder of the feature store.")] = Path("features"),
    workers: Annotated[int | None, typer.Option(min=1, help="Processes [default: cores].")] = None,
    skip_unreadable: Annotated[
        bool, typer.Option(help="Leave out clips that cannot be read, and list them.")
    ] = False,
) -> None:
    """Extract features; after an interruption, run it again to continue.

    Example: asc-nas features mine.parquet --frontend esc10 --out mine_features
    """
    from asc_nas.audio.logmel import frontend_from
    from asc_nas.cli.output.progress import progress
    from asc_nas.data.manifest import Manifest
    from data_prep.extraction import extract

    settings = frontend_from(frontend)
    with progress("Features") as report:
        store = extract(
            Manifest.read(manifest),
            settings,
            out,
            workers=workers,
            skip_unreadable=skip_unreadable,
            progress=report,
        )
    for key, reason in store.failed.items():
        typer.echo(f"left out: {key}: {reason}", err=True)
    if store.unheard:
        typer.echo(f"left out: channels without a signal: {len(store.unheard)}", err=True)
    typer.echo(f"{store.features.shape[0]} examples of {store.features.shape[1:]} -> {out}")
