"""From recordings to the run's features."""

from asc_nas.core.errors import command
from asc_nas.core.locks import taking_turns
from asc_nas.data.manifest import Manifest
from asc_nas.run.folder import RunFolder
from data_prep.checks import Report
from data_prep.checks import check as check_recordings
from data_prep.extraction import extract

MOST_DECODED = 5000
"""Clips up to which a run looks into every recording; of more, only at labels and groups."""


def prepare(run: RunFolder, *, check: bool = False) -> None:
    """Begin the run and extract its features, as far as that is not done.

    With `check` the recordings are checked afterwards, when all that cannot be read is known.
    """
    with run.lock(shared=True), taking_turns(run.paths.manifest.parent, run.listener.note):
        _extract(run, run.manifest)
        if check:
            _check(run, run.manifest)


def _extract(run: RunFolder, manifest: Manifest) -> None:
    config, paths = run.config, run.paths
    for frontend in config.frontends():
        with run.listener.stage("Features") as progress:
            store = extract(
                manifest,
                frontend,
                paths.features_of(frontend, config.frontend),
                workers=config.data.workers,
                skip_unreadable=config.data.skip_unreadable,
                progress=progress,
            )
        if store.failed and frontend == config.frontend:
            run.listener.note(
                f"{len(store.failed)} clips that cannot be read are left out; {paths.features} "
                "lists them in index.json."
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
    by_hand = command("data", "check", run.paths.manifest, "--json", target)
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
