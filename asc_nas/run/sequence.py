"""Every step of a run in its order, as far as it is not done."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from asc_nas.evaluation.result import Result
from asc_nas.export.targets import ExportedModel
from asc_nas.run.budget import decide_sizes
from asc_nas.run.calibration import train_twin
from asc_nas.run.config import parse_duration
from asc_nas.run.export import export_network
from asc_nas.run.folder import RunFolder
from asc_nas.run.latency import ensure_latency
from asc_nas.run.networks import Pareto, find_network
from asc_nas.run.preparation import prepare
from asc_nas.run.search import check_feasible, search, train_supernet
from asc_nas.run.training import train_networks
from asc_nas.search.pareto import choose, preferred


@dataclass(frozen=True)
class Outcome:
    """What a whole run found.

    Attributes
    ----------
    best : Result
        Of the member that search-val prefers; chosen before the test.
    members, baselines : list of Result
        Of all networks that were trained from scratch.
    models : list of ExportedModel
        Those of the members, and last ``NAME-best``.
    """

    best: Result
    members: Sequence[Result]
    baselines: Sequence[Result]
    models: Sequence[ExportedModel]


def run_all(run: RunFolder, start: float) -> Outcome:
    """Do every step of a run, which is sized to its budget, if it has one.

    Parameters
    ----------
    start : when its budget, if it has one, began (`time.monotonic`)
    """
    _size(run, start)
    members = find_pareto_set(run, check=True)
    config, seed = run.config, run.config.seed
    objectives = config.search.objectives
    chosen = choose(members, objectives, config.retrain.members)
    networks = [find_network(run, str(i)) for i in chosen]
    baselines = [find_network(run, name) for name in config.baselines]
    results = train_networks([run], [*networks, *baselines], [seed], config.retrain.workers)
    run.listener.found(results)

    # The best is chosen by search-val, before the test: the member with the best score there.
    best = preferred([members[i] for i in chosen], objectives)
    if config.retrain.calibrate:
        train_twin(networks[best].folder(run, seed), networks[best].name)
    models = [export_network(network.folder(run, seed)) for network in networks]
    models.append(export_network(networks[best].folder(run, seed), f"{config.name}-best"))
    count = len(networks)
    return Outcome(results[best], results[:count], results[count:], models)


def find_pareto_set(run: RunFolder, *, check: bool = False) -> Pareto:
    """Do every step up to the Pareto set, as far as it is not done, and return the set.

    With `check` the recordings are checked too.
    """
    prepare(run, check=check)
    ensure_latency(run)
    check_feasible(run)
    if run.config.search.judge == "supernet":
        train_supernet(run)
    members = search(run)
    run.listener.found(members)
    return members


def _size(run: RunFolder, start: float) -> None:
    """Size the run to its budget, unless that is done or it has none."""
    budget = run.config.budget
    if budget is None or run.paths.budget.exists():
        return
    prepare(run, check=True)
    ensure_latency(run)
    settings = decide_sizes(run, parse_duration(budget) + start - time.monotonic())
    sizes = ", ".join(f"{key} {value}" for key, value in settings.items())
    run.listener.say(f"Budget {budget}: {sizes} ({run.paths.budget}).")
    run.apply_budget()
