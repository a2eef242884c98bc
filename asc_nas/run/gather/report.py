"""Gathering what a run has for its report."""

import math
import platform
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median

import yaml

from asc_nas import __version__
from asc_nas.core.errors import quoted
from asc_nas.core.events import read_events
from asc_nas.core.packages import versions
from asc_nas.data.manifest import ROLES, Manifest
from asc_nas.evaluation.gain import Adapted
from asc_nas.report.run_report import CostLimit, DataSummary, Generation, Network, RunReport
from asc_nas.run.folder import RunFolder
from asc_nas.run.gather.files import ReportFiles
from asc_nas.run.gather.mistakes import worst_mistakes
from asc_nas.run.gather.networks import best_of, report_networks
from asc_nas.run.paths import SupernetPaths
from asc_nas.search.history import read_generations
from asc_nas.search.objectives import Evaluation, Objective, leading_score, to_minimise
from asc_nas.search.pareto import hypervolume, pareto_set
from asc_nas.search.ranking import Ranking
from asc_nas.search.shrinking_log import ShrinkingLog
from asc_nas.search.verdict import Verdict
from asc_nas.space.genotype import Genotype
from asc_nas.training.path_schedule import Updates
from asc_nas.training.supernet_trainer import TrainingLog
from data_prep.checks import Report


def gather_report(
    run: RunFolder,
    *,
    shown_as: str,
    check_file: Path,
    mistakes: int = 8,
    network: str | None = None,
) -> RunReport:
    """Read everything that a report shows; what a run does not have is said, and no error.

    Parameters
    ----------
    shown_as : str
        The run directory as the report's commands name it.
    check_file : Path
        What ``asc-nas data check --json`` wrote; it may be missing.
    mistakes : int
        Worst mistakes at most; 0 leaves them out.
    network : str, optional
        Whose mistakes; otherwise those of the trained member that search-val prefers.

    Raises
    ------
    UsageError
        If `network` is none of the run's trained networks.
    """
    paths, config = run.paths, run.config
    files = ReportFiles(quoted(shown_as))
    supernet = f"supernet {files.root}"
    check = f"data check {files.root}/data/manifest.parquet --json {files.root}/data/check.json"
    history = _history(run, files)
    candidates = tuple(dict.fromkeys(e for generation in history for e in generation))
    networks = report_networks(run, files, candidates)
    if config.shrinking is None:
        files.missing["shrinking"] = "This run does not shrink its space."
        shrinking = None
    else:
        shrinking = files.read("shrinking", paths.shrinking, ShrinkingLog.read, supernet)
    report = RunReport(
        name=config.name,
        root=shown_as,
        settings=yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False),
        versions=_versions(),
        objectives=config.search.objectives,
        limits=tuple(
            CostLimit(*limit) for limit in config.search.limits.on_costs(config.frontend.seconds)
        ),
        best=best_of(run, files, networks),
        data=_data(run, files),
        check=files.read("check", check_file, Report.read, check),
        curves=_curves(run, files, networks),
        updates=_updates(run, files),
        shrinking=shrinking,
        candidates=candidates,
        generations=files.guard(
            "search", paths.history, lambda: _generations(history, config.search.objectives)
        )
        or (),
        networks=networks,
        adapted=_adapted(run, files),
        judge=config.search.judge,
        folds=config.search.folds,
        verdict=_verdict(run, files),
        ranking=files.read("ranking", paths.rank, Ranking.read, f"rank {files.root}"),
        missing=files.missing,
    )
    return replace(report, mistakes=worst_mistakes(run, report, mistakes, network))


def _adapted(run: RunFolder, files: ReportFiles) -> tuple[Adapted, ...]:
    """Return what adapted networks gain, for every general one of which that is known."""
    paths = sorted(run.paths.adapted("").glob("*.json"))
    found = (files.guard("adapted", path, partial(Adapted.read, path)) for path in paths)
    return tuple(gain for gain in found if gain is not None)


def _verdict(run: RunFolder, files: ReportFiles) -> Verdict | None:
    """Return whether searching adds anything, where that was asked."""
    if not run.paths.verdict.exists():
        return None
    return files.read("search", run.paths.verdict, Verdict.read, f"search {files.root}")


def _curves(
    run: RunFolder, files: ReportFiles, networks: Sequence[Network]
) -> dict[str, list[float]]:
    """Return the training losses by epoch of supernets and of each trained network's seed."""
    curves: dict[str, list[float]] = {}
    for place in run.supernets:
        log = files.read("training", place.log, TrainingLog.read, f"supernet {files.root}")
        if log:
            curves[_title(place)] = [epoch.loss for epoch in log.epochs]
        elif losses := files.guard("training", run.paths.events, partial(_unfinished, run, place)):
            curves[f"{_title(place)}, so far"] = losses
    return curves | {n.title: [e.loss for e in n.results[0].epochs] for n in networks if n.results}


def _title(place: SupernetPaths) -> str:
    return f"supernet {place.part}".strip()


def _unfinished(run: RunFolder, place: SupernetPaths) -> list[float]:
    """Return the losses that the event log has of a supernet training that is not done."""
    path, wanted = run.paths.events, ("supernet", "epoch", place.part)
    events = read_events(path) if path.exists() else []
    losses = [e.values["loss"] for e in events if (e.step, e.unit, e.network) == wanted]
    return [math.nan if loss is None else float(loss) for loss in losses]


def _updates(run: RunFolder, files: ReportFiles) -> dict[str, Updates]:
    """Return how often each supernet's candidates were trained."""
    found: dict[str, Updates] = {}
    for place in run.supernets:
        if place.updates.exists():  # runs made by earlier versions have none
            makes = f"supernet {files.root}"
            updates = files.read("updates", place.updates, Updates.read, makes)
            found |= {} if updates is None else {_title(place): updates}
    return found


def _data(run: RunFolder, files: ReportFiles) -> DataSummary | None:
    path = run.paths.manifest
    if not files.there("data", path, f"supernet {files.root}"):
        return None
    manifest = files.guard("data", path, lambda: run.manifest)
    if manifest is None:
        return None
    store = files.guard("features", run.paths.features, run.store)
    return _summary(manifest, run.licence, dict(store.failed) if store is not None else {})


def _summary(manifest: Manifest, licence: str, left_out: dict[str, str]) -> DataSummary:
    places = {label: i for i, label in enumerate(manifest.labels)}
    counts = {role: [0] * len(places) for role in ROLES}
    groups: dict[str, set[str]] = defaultdict(set)
    used = [c for c in manifest.clips if c.role in counts and c.key not in left_out]
    for clip in used:
        counts[clip.role][places[clip.label]] += 1
        if clip.group:
            groups[clip.role].add(clip.group)
    return DataSummary(
        name=manifest.name,
        licence=licence,
        labels=manifest.labels,
        counts={role: tuple(count) for role, count in counts.items()},
        groups={role: len(groups[role]) for role in ROLES if groups[role]},
        devices=dict(sorted(Counter(clip.device for clip in used if clip.device).items())),
        left_out=left_out,
    )


def _history(run: RunFolder, files: ReportFiles) -> list[list[Evaluation]]:
    path = run.paths.history
    if not files.there("search", path, f"search {files.root}"):
        return []
    return files.guard("search", path, lambda: read_generations(path)) or []


def _generations(
    history: Sequence[Sequence[Evaluation]], objectives: Sequence[Objective]
) -> tuple[Generation, ...]:
    """Return the progress of the search.

    The hypervolume's box reaches from the ideal (1 for what is maximised, 0 for what is minimised)
    to 0 and to the largest value that the search met.

    Raises
    ------
    UsageError
        If an objective is not known of all that was evaluated.
    """
    everything = [evaluation for generation in history for evaluation in generation]
    to_minimise(everything, objectives)  # says what is not known
    ideal = {o.name: 1.0 if o.sense == "max" else 0.0 for o in objectives}
    nadir = {
        o.name: 0.0
        if o.sense == "max"
        else max((getattr(e, o.name) for e in everything), default=1)
        for o in objectives
    }
    score = leading_score(objectives)
    better = max if score.sense == "max" else min
    front: list[Evaluation] = []
    seen: set[Genotype] = set()
    rows = []
    for number, generation in enumerate(history, start=1):
        seen.update(evaluation.genotype for evaluation in generation)
        front = pareto_set([*front, *generation], objectives)
        scores = [getattr(evaluation, score.name) for evaluation in generation]
        volume = hypervolume(front, objectives, ideal, nadir)
        rows.append(Generation(number, len(seen), better(scores), median(scores), volume))
    return tuple(rows)


def _versions() -> dict[str, str]:
    own = {"asc-nas": __version__, "Python": platform.python_version()}
    return own | versions() | versions("search")
