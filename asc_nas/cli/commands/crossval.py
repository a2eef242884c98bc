"""``asc-nas crossval``: the whole job, or the training of fixed networks, in every fold."""

import json
import re
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from asc_nas.cli.options import ConfigArgument, DataOption, LimitsOption, SetOption, with_limits
from asc_nas.core.errors import UsageError

if TYPE_CHECKING:
    from asc_nas.data.manifest import Manifest
    from asc_nas.run.crossval import Row
    from asc_nas.run.opening import OpenRun, RunConfig

Runs = Mapping[tuple[str, int], "OpenRun"]
"""Runs by fold and seed."""


def crossval(
    config: ConfigArgument,
    data: DataOption = None,
    fold: Annotated[
        list[str] | None,
        typer.Option(metavar="FOLD", help="An official fold; can be repeated [default: all]."),
    ] = None,
    network: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NETWORK",
            help="A baseline of the config, or a genotype: train only this network in every fold, "
            "without a search. Can be repeated.",
        ),
    ] = None,
    seed: Annotated[
        list[int] | None,
        typer.Option(min=0, help="Seed; can be repeated [default: the config's]."),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Parallel trainings, one thread each [default: retrain.workers]."),
    ] = None,
    settings: SetOption = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="Directory of the runs [default: runs/NAME-crossval].", show_default=False
        ),
    ] = None,
    limits: LimitsOption = None,
) -> None:
    """Cross-validate: each official fold is the test set of one run.

    Each fold does everything that 'asc-nas run' does, search included, once per seed. The network
    of a fold is the one with the best score on its own search-val (exported as NAME-best), so no
    test clip influences the choice. The baselines of the config are trained too. With --network
    there is no search: these networks are trained with every seed in every fold.

    The spread is the standard deviation of the single trainings, over folds and seeds. It is not an
    interval for the mean, because folds differ in difficulty and share training clips.

    To continue a stopped command, give it again. Each fold has an ordinary run in OUT/fold-FOLD,
    with -seed-N for a seed other than the config's. OUT/crossval.json has all results.

    Examples: asc-nas crossval configs/esc10.yaml --data ESC-10

    asc-nas crossval configs/esc10.yaml --data ESC-10 --network baseline --network square --seed 0
    --seed 1 --workers 2
    """
    from asc_nas.cli.output.network_tables import print_crossval
    from asc_nas.core.files import write_json
    from asc_nas.run.crossval import crossval_document, official_folds
    from asc_nas.run.opening import lock_run, read_settings

    changes = _changes(with_limits(settings, limits), workers)
    parsed = read_settings(config, data, changes)
    _check_names(parsed, network or [])
    seeds = seed or [parsed.seed]
    place = out or _default_place(config, parsed.name)
    with ExitStack() as stack:
        whole = stack.enter_context(lock_run(config, data, changes, place))
        clips = _clips(whole)
        # A run with fixed networks holds the trainings of all seeds.
        runs = {
            (name, number): stack.enter_context(
                lock_run(place, None, *_fold_run(whole, name, number), shared=bool(network))
            )
            for number in ([parsed.seed] if network else dict.fromkeys(seeds))
            for name in official_folds(clips, fold or ())
        }
        _prepare(whole, clips, runs, check=not network)
        rows = _train(runs, network, seeds) if network else _run(runs)
        document = crossval_document(clips.name, rows)
        target = whole.paths.root / "crossval.json"
        write_json(target, document)
        print_crossval(document)
        typer.echo(f"\n{target}")


def _changes(settings: list[str], workers: int | None) -> list[str]:
    """Return the changes to the config that the folds have in common."""
    if any(setting.startswith("data.test_folds") for setting in settings):
        raise UsageError("--set data.test_folds: choose the folds with --fold.")
    extra = [] if workers is None else [f"retrain.workers={workers}"]
    return [*settings, *extra, "data.test_folds=[]"]


def _default_place(config: Path, name: str) -> Path:
    """Return the directory of an earlier call, if `config` is that, and else runs/NAME-crossval."""
    is_crossval = config.is_dir() and any(config.glob("fold-*/config.yaml"))
    return config if is_crossval else Path("runs") / f"{name}-crossval"


def _check_names(config: "RunConfig", networks: Sequence[str]) -> None:
    """Raise unless each name means the same network in every fold."""
    from asc_nas.run.crossval import SEARCHED
    from asc_nas.run.folder import Context
    from asc_nas.run.networks import find_network
    from asc_nas.run.paths import RunPaths

    if not networks and SEARCHED in config.baselines:
        raise UsageError(
            f"baselines: '{SEARCHED}' is what crossval calls the search's own; rename it."
        )
    for name in networks:
        if name.isdigit() and name not in config.baselines:
            raise UsageError(
                f"--network {name}: a Pareto member's id is another network in every fold; give "
                "the name of a baseline or a genotype."
            )
        find_network(Context(config, RunPaths(Path())), name)


def _clips(whole: "OpenRun") -> "Manifest":
    """Return the clips of all folds, without roles, which they have in each fold's run only."""
    from asc_nas.data.manifest import Manifest
    from asc_nas.run.preparation import read_clips

    path = whole.paths.manifest
    if path.exists():
        return Manifest.read(path)
    clips = read_clips(whole.config.data)
    clips.write(path)
    return clips


def _fold_run(whole: "OpenRun", fold: str, seed: int) -> tuple[list[str], Path]:
    """Return the settings of one fold's run, and its directory."""
    name = "fold-" + re.sub(r"[^\w.-]", "_", fold)
    name += "" if seed == whole.config.seed else f"-seed-{seed}"
    return [f"data.test_folds={json.dumps([fold])}", f"seed={seed}"], whole.paths.root / name


def _prepare(whole: "OpenRun", clips: "Manifest", runs: Runs, *, check: bool) -> None:
    """Extract the features once, for all, and divide the clips of each run into roles."""
    from asc_nas.core.files import write_text
    from asc_nas.run.preparation import prepare
    from data_prep.splits import assign_roles

    for run in runs.values():
        if not run.paths.manifest.exists():
            assign_roles(clips, run.config.data, run.config.seed).write(run.paths.manifest)
    prepare(whole, check=check)
    for run in runs.values():
        if not run.paths.features.exists():
            run.paths.features.symlink_to(Path("..") / whole.paths.features.name)
        if check and whole.paths.check.exists() and not run.paths.check.exists():
            write_text(run.paths.check, whole.paths.check.read_text(encoding="utf-8"))


def _run(runs: Runs) -> "list[Row]":
    """Do the whole of each run; return the results of what it found and of the baselines."""
    from asc_nas.cli.commands.run import run_steps
    from asc_nas.run.crossval import SEARCHED, row_of

    rows = []
    for (fold, _), run in runs.items():
        typer.echo(f"\n{run.paths.root}")
        searched, *baselines = run_steps(run, time.monotonic())
        rows.append(row_of(searched, fold, SEARCHED))
        rows += [row_of(result, fold) for result in baselines]
    return rows


def _train(runs: Runs, names: Sequence[str], seeds: Sequence[int]) -> "list[Row]":
    """Train fixed networks in each run; return their results."""
    from asc_nas.cli.output.progress import progress
    from asc_nas.run.crossval import row_of
    from asc_nas.run.networks import find_network
    from asc_nas.run.training import train_in_runs

    contexts = [run.context for run in runs.values()]
    networks = [find_network(contexts[0], name) for name in names]
    for network in networks:
        contexts[0].spec(network.genotype)  # one that does not fit is told before all trainings
    workers = contexts[0].config.retrain.workers
    results = train_in_runs(contexts, networks, seeds, workers, progress)
    each = len(results) // len(runs)
    folds = [fold for fold, _ in runs for _ in range(each)]
    return [row_of(result, fold) for result, fold in zip(results, folds, strict=True)]
