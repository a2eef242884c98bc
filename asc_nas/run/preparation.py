"""From recordings to the run's manifest and features."""

from pathlib import Path

from asc_nas.core.errors import UsageError
from asc_nas.core.locks import taking_turns
from asc_nas.core.progress import SILENT, Listener
from asc_nas.data.manifest import Manifest
from asc_nas.run.config import DataConfig
from asc_nas.run.folder import RunFolder
from data_prep.checks import Report, without
from data_prep.checks import check as check_recordings
from data_prep.datasets import read_dataset
from data_prep.extraction import extract
from data_prep.splits import assign_roles

MOST_DECODED = 5000
"""Clips up to which a run looks into every recording; of more, only at labels and groups."""


def prepare(run: RunFolder, *, check: bool = False) -> None:
    """Write the manifest with its roles and extract the features, as far as that is not done.

    With `check` the recordings are checked afterwards, when all that cannot be read is known.
    """
    with taking_turns(run.paths.manifest.parent, run.listener.note):
        manifest = _manifest(run)
        _extract(run, manifest)
        if check:
            _check(run, manifest)


def _manifest(run: RunFolder) -> Manifest:
    """Return the run's clips with their roles."""
    config, paths = run.config, run.paths
    if paths.manifest.exists():
        return Manifest.read(paths.manifest)
    manifest = assign_roles(read_clips(config.data, run.listener), config.data, config.seed)
    manifest.write(paths.manifest)
    return manifest


def read_clips(data: DataConfig, listener: Listener = SILENT) -> Manifest:
    """Read the recordings, without those to leave out; the clips have no roles yet.

    Raises
    ------
    UsageError
        If the settings do not say where the recordings are.
    AscNasError
        If they are not there, or not laid out as the dataset's reader expects.
    """
    if data.folder is None:
        raise UsageError("no recordings given: add --data FOLDER (or data.folder to the config).")
    manifest = read_dataset(data.dataset, Path(data.folder))
    if data.exclude is None:
        return manifest
    everything = len(manifest.clips)
    manifest = without(manifest, Path(data.exclude))
    left_out = everything - len(manifest.clips)
    listener.say(f"{left_out} of {everything} clips left out ({data.exclude})")
    return manifest


def _extract(run: RunFolder, manifest: Manifest) -> None:
    config, paths = run.config, run.paths
    with run.listener.stage("Features") as progress:
        store = extract(
            manifest,
            config.frontend,
            paths.features,
            workers=config.data.workers,
            skip_unreadable=config.data.skip_unreadable,
            progress=progress,
        )
    if store.failed:
        run.listener.note(
            f"{len(store.failed)} clips that cannot be read are left out; {paths.features} lists "
            "them in index.json."
        )


def _check(run: RunFolder, manifest: Manifest) -> None:
    """Write what is wrong with the recordings for the report, and say it in a line."""
    target = run.paths.check
    if target.exists() or not manifest.root.is_dir():  # done, or the recordings are not at hand
        return
    decode = len(manifest.clips) <= MOST_DECODED
    with run.listener.stage("Check") as progress:
        found = check_recordings(
            manifest, workers=run.config.data.workers, decode=decode, progress=progress
        )
    found.write(target)
    by_hand = f"asc-nas data check {run.paths.manifest} --json {target}"
    if found.findings:
        run.listener.note(f"Check: {_summary(found)}; '{by_hand}' shows them.")
    if not decode:
        run.listener.note(
            f"Check: labels and groups only, of so many clips; '{by_hand}' listens to all "
            f"{len(manifest.clips):,}."
        )


def _summary(report: Report) -> str:
    checks = (f"{name} {len(report.of(name))}" for name in report.counts if report.of(name))
    return f"{report.errors} errors, {report.warnings} warnings ({', '.join(checks)})"
