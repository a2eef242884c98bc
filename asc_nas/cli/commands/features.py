"""``asc-nas features``: log-mel features of a manifest."""

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from asc_nas.core.errors import UsageError


def features(
    manifest: Annotated[Path, typer.Argument(help="Manifest, from 'asc-nas data prepare'.")],
    frontend: Annotated[
        str, typer.Option(help="Front-end preset: esc10 or dcase2018_task5.")
    ] = "esc10",
    out: Annotated[str, typer.Option(help="Folder of the feature store, or its URL.")] = "features",
    workers: Annotated[int | None, typer.Option(min=1, help="Processes [default: cores].")] = None,
    skip_unreadable: Annotated[
        bool, typer.Option(help="Leave out clips that cannot be read, and list them.")
    ] = False,
    part: Annotated[
        str | None,
        typer.Option(
            metavar="I/N",
            help="Make part I of N only, I from 1 on. Several machines with one file system can "
            "each make parts, in any order, also at the same time.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Extract features; after an interruption, run it again to continue.

    With --part the features are complete when all N parts are made. They are the same, byte by
    byte, as without it.

    Examples: asc-nas features mine.parquet --frontend esc10 --out mine_features

    asc-nas features mine.parquet --frontend esc10 --out mine_features --part 3/8
    """
    from asc_nas.audio.logmel import frontend_from
    from asc_nas.cli.output.progress import progress
    from asc_nas.cli.output.terminal import Terminal
    from asc_nas.data.feature_store import FILES, is_being_made
    from asc_nas.data.manifest import Manifest
    from asc_nas.remote.bucket import is_url
    from asc_nas.remote.mirror import working_in
    from data_prep.extraction import extract, extract_part
    from data_prep.feature_parts import Part

    settings, clips = frontend_from(frontend), Manifest.read(manifest)
    wanted = None if part is None else Part.parse(part)
    if wanted is not None and is_url(out):
        raise UsageError(f"--part {wanted}: needs a folder that machines share; {out} is a URL.")
    title = "Features" if wanted is None else f"Features, part {wanted}"
    options: dict[str, Any] = {"workers": workers, "skip_unreadable": skip_unreadable}
    missing: tuple[str, ...] = ()
    with working_in(out, FILES, is_being_made, Terminal()) as folder, progress(title) as report:
        options["progress"] = report
        if wanted is not None:
            say = partial(typer.echo, err=True)
            missing = extract_part(clips, settings, folder, wanted, say=say, **options).missing
        store = None if missing else extract(clips, settings, folder, **options)
    if store is None:
        typer.echo(f"part {wanted} -> {out}; still missing: {', '.join(missing)}")
        return
    for key, reason in store.failed.items():
        typer.echo(f"left out: {key}: {reason}", err=True)
    if store.unheard:
        typer.echo(f"left out: channels without a signal: {len(store.unheard)}", err=True)
    typer.echo(f"{store.features.shape[0]} examples of {store.features.shape[1:]} -> {out}")
