"""From recordings to the run's features."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from asc_nas.audio.logmel import FrontEnd
from asc_nas.core.errors import AscNasError, command
from asc_nas.core.locks import taking_turns
from asc_nas.core.machine import cores
from asc_nas.core.progress import Progress
from asc_nas.data.device_front_end import DeviceFrontEnd
from asc_nas.data.feature_store import INDEX, Index
from asc_nas.data.manifest import Manifest
from asc_nas.run.executors import LOCAL
from asc_nas.run.folder import RunFolder
from asc_nas.run.jobs import Job, spread
from data_prep.checks import Report
from data_prep.checks import check as check_recordings
from data_prep.extraction import extract, extract_part
from data_prep.feature_parts import Part

MOST_DECODED = 5000
"""Clips up to which a run looks into every recording; of more, only at labels and groups."""


def prepare(run: RunFolder, *, check: bool = False) -> None:
    """Begin the run and extract its features, as far as that is not done.

    With `check` the recordings are checked afterwards, when all that cannot be read is known. Of
    several ranks the first does that, and the others wait.
    """
    run.ranks.by_first(partial(_prepare, run, check))


def _prepare(run: RunFolder, check: bool) -> None:
    with run.lock(shared=True), taking_turns(run.paths.manifest.parent, run.listener.note):
        _extract(run, run.manifest)
        if check:
            _check(run, run.manifest)


def share_features(whole: RunFolder, run: RunFolder) -> None:
    """Let a run beside the features of `whole`, which has the same clips, use them.

    Raises
    ------
    AscNasError
        See `require_readable`.
    """
    own = run.config.frontend
    for frontend in run.config.frontends():
        folder = run.paths.features_of(frontend, own)
        if not folder.exists():
            folder.symlink_to(Path("..") / whole.paths.features_of(frontend, own).name)
    require_readable(run)


def require_readable(run: RunFolder) -> None:
    """Raise unless the clips that can be read are enough to train, to steer the search and to test.

    Raises
    ------
    AscNasError
        If none of a role can be read, or none of a class that is trained on.
    """
    manifest, failed = run.manifest, run.store().failed
    reasons: dict[tuple[str, str], list[str]] = {}
    left: set[tuple[str, str]] = set()
    for clip in manifest.clips:
        if clip.role and clip.key in failed:
            for part in ("", clip.label):
                reasons.setdefault((clip.role, part), []).append(failed[clip.key])
        elif clip.role:
            left |= {(clip.role, ""), (clip.role, clip.label)}
    for (role, label), why in reasons.items():
        if (role, label) in left:
            continue
        of_class = f" of the class '{label}'" if label else ""
        told = f"none of {len(why)} clips{of_class} with the role '{role}' can be read"
        if not label or role == "train":
            remedy = "repair them" + (", or remove the class" if label else "")
            raise AscNasError(f"{manifest.name}: {told} ({why[0].rstrip('.')}); {remedy}.")
        run.listener.note(f"warning: {told}: it has no F1 there, and macro-F1 is without it.")


def _extract(run: RunFolder, manifest: Manifest) -> None:
    config, paths = run.config, run.paths
    for frontend in config.frontends():
        folder = paths.features_of(frontend, config.frontend)
        with run.listener.stage("Features") as progress:
            if run.executor != LOCAL:
                _spread_parts(run, manifest, frontend, progress)
            store = extract(
                manifest,
                frontend,
                folder,
                workers=config.data.workers,
                skip_unreadable=config.data.skip_unreadable,
                progress=progress,
                transform=transform_of(run, frontend),
            )
        if store.failed and frontend == config.frontend:
            run.listener.note(
                f"{len(store.failed)} clips that cannot be read are left out; {paths.features} "
                "lists them in index.json."
            )
            require_readable(run)
        if store.unheard and frontend == config.frontend:
            run.listener.note(f"channels without a signal are left out: {len(store.unheard)}.")


def transform_of(run: RunFolder, frontend: FrontEnd) -> DeviceFrontEnd | None:
    """Return what makes features on the run's device, if that is wanted (`compute`)."""
    wanted = run.config.compute.features_on_device
    return DeviceFrontEnd(frontend, run.device) if wanted else None


@dataclass(frozen=True)
class FeaturePart:
    """A part of the features of a front end, as a job."""

    frontend: FrontEnd
    part: str

    def __str__(self) -> str:
        return f"part {self.part}"


def _spread_parts(
    run: RunFolder, manifest: Manifest, frontend: FrontEnd, progress: Progress
) -> None:
    """Make what is missing of the features in parts, which other machines may do."""
    folder = run.paths.features_of(frontend, run.config.frontend)
    workers = run.config.data.workers or cores()[0]
    parts = Part(1, min(workers, len(manifest.clips))).all
    if (folder / INDEX).is_file():
        parts = Index.read(folder).missing
    jobs = [Job.of(run, make_part, FeaturePart(frontend, part)) for part in parts]
    if jobs:
        spread(run, jobs, workers, progress)


def make_part(run: RunFolder, wanted: FeaturePart) -> None:
    """Make one part of the features of a run."""
    extract_part(
        run.manifest,
        wanted.frontend,
        run.paths.features_of(wanted.frontend, run.config.frontend),
        Part.parse(wanted.part),
        workers=1,
        skip_unreadable=run.config.data.skip_unreadable,
        transform=transform_of(run, wanted.frontend),
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
