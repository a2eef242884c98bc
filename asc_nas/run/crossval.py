"""Cross-validation: every official fold is the test set of a run of its own."""

import json
import re
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from asc_nas.core.errors import AscNasError, UsageError, closest
from asc_nas.core.files import write_text
from asc_nas.core.progress import SILENT, Listener
from asc_nas.data.manifest import Manifest
from asc_nas.run.beginning import read_clips
from asc_nas.run.budget import Pace
from asc_nas.run.config import RunConfig
from asc_nas.run.crossval_summary import SEARCHED, Crossval, row_of, summary
from asc_nas.run.folder import RunFolder
from asc_nas.run.networks import find_network
from asc_nas.run.opening import Source, fetched, read_settings
from asc_nas.run.paired import FoldTraining, differences
from asc_nas.run.paths import RunPaths
from asc_nas.run.preparation import prepare, share_features
from asc_nas.run.sequence import run_all
from asc_nas.run.training import train_networks
from data_prep.splits import assign_roles

Runs = Mapping[tuple[str, int], RunFolder]
"""Runs by fold and seed."""


def crossval(
    source: Source,
    data: Path | str | None = None,
    settings: Sequence[str] = (),
    out: Path | str | None = None,
    *,
    folds: Sequence[str] = (),
    networks: Sequence[str] = (),
    seeds: Sequence[int] = (),
    workers: int | None = None,
    listener: Listener = SILENT,
    device: str | None = None,
    executor: str | None = None,
    address: str | None = None,
) -> tuple[Crossval, Path]:
    """Do the whole job, or train fixed networks, in every official fold; write ``crossval.json``.

    Parameters
    ----------
    source, data, settings, out : see `RunFolder.open`; by default in ``runs/NAME-crossval``
    folds : official folds; all by default
    networks : baselines or genotypes to train in place of searching
    seeds : the config's by default
    workers : trainings side by side, in place of `retrain.workers`
    listener, device, executor, address : see `RunFolder.open`

    Returns
    -------
    The results, and their file.

    Raises
    ------
    UsageError
        If a setting is wrong, or a fold or a network does not exist.
    AscNasError
        If the set has no folds, or a training failed.
    """
    changes = _changes(settings, workers)
    source, out, mirror = fetched(source, out, listener)
    config = read_settings(source, data, changes)
    _check_names(config, networks)
    place = Path(out) if out is not None else _default_place(source, config.name)
    whole = RunFolder.open(
        source,
        data,
        changes,
        place,
        listener=listener,
        device=device,
        executor=executor,
        address=address,
    )
    if mirror is not None and mirror.folder == place:  # and not one that only the settings are of
        whole.mirror = mirror
    clips = _clips(whole)
    # A run with fixed networks holds the trainings of all seeds.
    runs = {
        (fold, seed): _fold_run(whole, clips, fold, seed)
        for seed in ([config.seed] if networks else dict.fromkeys(seeds or [config.seed]))
        for fold in official_folds(clips, folds)
    }
    places = {str(run.paths.root).casefold() for run in runs.values()}
    if len(places) < len(runs):
        raise UsageError("folds: two names differ in case or by -seed-N only; rename one.")
    if not networks:
        for run in runs.values():
            run.begin(search=True)
        Pace(next(iter(runs.values())), time.monotonic())  # refuses a budget that is too short
    with ExitStack() as stack:
        stack.enter_context(whole.lock())
        for run in runs.values():
            stack.enter_context(run.lock(shared=bool(networks)))
        _prepare(whole, runs, check=not networks)
        tested = _train(runs, networks, seeds or [config.seed]) if networks else _search(runs)
        with listener.stage("Compare") as progress:
            differing = differences(tested, progress)
    rows = [one.row for one in tested]
    document = Crossval(data=clips.name, summary=summary(rows), results=rows, differences=differing)
    target = whole.paths.root / "crossval.json"
    document.write(target)
    return document, target


def official_folds(manifest: Manifest, wanted: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the published folds in their order, 2 before 10, or those of them that are wanted.

    Raises
    ------
    AscNasError
        If the set has no folds, or one published split only.
    UsageError
        If a wanted fold does not exist.
    """
    folds = sorted({clip.fold for clip in manifest.clips} - {""}, key=lambda f: (len(f), f))
    if len(folds) < 2 or set(folds) == {"train", "test"}:
        has = "one published split into train and test" if "test" in folds else "no folds"
        raise AscNasError(
            f"{manifest.name}: has {has}, and a cross-validation needs two folds or more; "
            "run 'asc-nas run' with several seeds instead."
        )
    for fold in wanted:
        if fold not in folds:
            raise UsageError(
                f"{manifest.name}: no fold '{fold}'.{closest(fold, folds)} "
                f"Folds: {', '.join(folds)}."
            )
    return tuple(fold for fold in folds if fold in wanted or not wanted)


def folds_of(crossval: Path, device: str | None = None) -> dict[str, RunFolder]:
    """Return the runs of a cross-validation whose splits were drawn with its own seed, by fold.

    Parameters
    ----------
    device : see `RunFolder.open`

    Raises
    ------
    UsageError
        If there are none, or the device is not there.
    """
    places = sorted(place.parent for place in crossval.glob("fold-*/config.yaml"))
    if not places:
        raise UsageError(f"{crossval}: holds no folds; run 'asc-nas crossval' first.")
    whole = RunFolder.open(crossval, device=device)
    runs, seed = (RunFolder.open(place, device=device) for place in places), whole.config.seed
    return {run.config.data.test_folds[0]: run for run in runs if run.config.seed == seed}


def _changes(settings: Sequence[str], workers: int | None) -> list[str]:
    """Return the changes to the config that the folds have in common."""
    if any(setting.startswith("data.test_folds") for setting in settings):
        raise UsageError("--set data.test_folds: choose the folds with --fold.")
    extra = [] if workers is None else [f"retrain.workers={workers}"]
    return [*settings, *extra, "data.test_folds=[]"]


def _default_place(source: Source, name: str) -> Path:
    """Return the directory of an earlier call, if `source` is that, and else runs/NAME-crossval."""
    if not isinstance(source, Mapping) and any(Path(source).glob("fold-*/config.yaml")):
        return Path(source)
    return Path("runs") / f"{name}-crossval"


def _check_names(config: RunConfig, networks: Sequence[str]) -> None:
    """Raise unless each name means the same network in every fold."""
    for name in networks:
        if name.isdigit():
            raise UsageError(
                f"--network {name}: a Pareto member's id is another network in every fold; give "
                "the name of a baseline or a genotype."
            )
        find_network(RunFolder(config, RunPaths(Path())), name)


def _clips(whole: RunFolder) -> Manifest:
    """Return the clips of all folds, without roles, which they have in each fold's run only."""
    if whole.paths.manifest.exists():
        return whole.manifest
    whole.first = read_clips(whole.config.data, whole.listener)
    return whole.first


def _fold_run(whole: RunFolder, clips: Manifest, fold: str, seed: int) -> RunFolder:
    """Open one fold's run."""
    name = "fold-" + re.sub(r"[^\w.-]", lambda found: f"%{ord(found[0]):02X}", fold)
    name += "" if seed == whole.config.seed else f"-seed-{seed}"
    settings = [f"data.test_folds={json.dumps([fold])}", f"seed={seed}"]
    source = whole.config.model_dump(mode="json")
    out = whole.paths.root / name
    run = RunFolder.open(
        source,
        None,
        settings,
        out,
        listener=whole.listener,
        device=whole.device,
        executor=whole.executor,
        address=whole.config.compute.address,
    )
    if not run.paths.manifest.exists():
        run.first = assign_roles(clips, run.config.data, run.config.seed)
    return run


def _prepare(whole: RunFolder, runs: Runs, *, check: bool) -> None:
    """Extract the features once, for all."""
    prepare(whole, check=check)
    for run in runs.values():
        share_features(whole, run)
        if check and whole.paths.check.exists() and not run.paths.check.exists():
            write_text(run.paths.check, whole.paths.check.read_text(encoding="utf-8"))


def _search(runs: Runs) -> list[FoldTraining]:
    """Do the whole of each run; return what it found and the baselines."""
    tested = []
    for (fold, _), run in runs.items():
        run.listener.say(f"\n{run.paths.root}")
        done = run_all(run, time.monotonic())
        for result, name in ((done.best, SEARCHED), *((one, None) for one in done.baselines)):
            folder = find_network(run, result.network).folder(run, result.seed)
            tested.append(FoldTraining(row_of(result, fold, name), folder))
    return tested


def _train(runs: Runs, names: Sequence[str], seeds: Sequence[int]) -> list[FoldTraining]:
    """Train fixed networks in each run, and return them."""
    opened = list(runs.values())
    networks = [find_network(opened[0], name) for name in names]
    for network in networks:
        opened[0].spec(network.genotype)  # one that does not fit is told before all trainings
    results = train_networks(opened, networks, seeds, opened[0].config.retrain.workers)
    each, named = len(results) // len(runs), {network.name: network for network in networks}
    places = [(fold, run) for (fold, _), run in runs.items() for _ in range(each)]
    return [
        FoldTraining(row_of(result, fold), named[result.network].folder(run, result.seed))
        for result, (fold, run) in zip(results, places, strict=True)
    ]
