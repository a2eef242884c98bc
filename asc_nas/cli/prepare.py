"""From recordings to the run's manifest and features."""

from pathlib import Path

import typer

from asc_nas.cli.progress import progress
from asc_nas.cli.run_config import OpenRun
from asc_nas.data.manifest import Manifest
from asc_nas.errors import UsageError
from data_prep.checks import without
from data_prep.datasets import read_dataset
from data_prep.features import extract
from data_prep.splits import assign_roles


def prepare(run: OpenRun) -> None:
    """Write the manifest with its roles and extract the features, as far as that is not done."""
    config, paths = run.config, run.paths
    if paths.manifest.exists():
        manifest = Manifest.read(paths.manifest)
    else:
        if config.data.folder is None:
            raise UsageError(
                "no recordings given: add --data FOLDER (or data.folder to the config)."
            )
        manifest = read_dataset(config.data.dataset, Path(config.data.folder))
        if config.data.exclude is not None:
            everything = len(manifest.clips)
            manifest = without(manifest, Path(config.data.exclude))
            left_out = everything - len(manifest.clips)
            typer.echo(f"{left_out} of {everything} clips left out ({config.data.exclude})")
        manifest = assign_roles(manifest, config.data, config.seed)
        manifest.write(paths.manifest)
    with progress("Features") as report:
        store = extract(
            manifest,
            config.frontend,
            paths.features,
            workers=config.data.workers,
            skip_unreadable=config.data.skip_unreadable,
            progress=lambda done, total: report(done, total, "clips"),
        )
    if store.failed:
        typer.echo(
            f"{len(store.failed)} clips that cannot be read are left out; {paths.features} lists "
            "them in index.json.",
            err=True,
        )
