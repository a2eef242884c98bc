"""Every step of a run in its order, as far as it is not done."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from asc_nas.evaluation.result import Result
from asc_nas.export.target import ExportedModel
from asc_nas.report.best import BestNetwork
from asc_nas.run.best import best_network
from asc_nas.run.budget import Pace
from asc_nas.run.calibration import train_twin
from asc_nas.run.export import as_targets, export_network
from asc_nas.run.folder import RunFolder
from asc_nas.run.latency import ensure_latency
from asc_nas.run.networks import BEST, Pareto, find_network, preferred_member
from asc_nas.run.preparation import prepare
from asc_nas.run.scoring import with_intervals
from asc_nas.run.search import check_feasible, search, train_supernet
from asc_nas.run.training import train_networks
from asc_nas.search.objectives import Evaluation
from asc_nas.search.pareto import choose


@dataclass(frozen=True)
class Outcome:
    """What a whole run found.

    Attributes
    ----------
    best : Result
        Of the member that the search prefers; chosen before the test. With intervals.
    member : Evaluation
        That member, with its scores in the search.
    summary : BestNetwork
        What is said of it for people.
    members, baselines : list of Result
        Of all networks that were trained from scratch.
    models : list of ExportedModel
        Those of the members, and last ``NAME-best``.
    best_models : list of ExportedModel
        ``NAME-best``, and what the limits speak of: int8, or `search.limits.target`.
    """

    best: Result
    member: Evaluation
    summary: BestNetwork
    members: Sequence[Result]
    baselines: Sequence[Result]
    models: Sequence[ExportedModel]
    best_models: Sequence[ExportedModel]


def run_all(run: RunFolder, start: float) -> Outcome:
    """Do every step of a run, which is sized to its budget, if it has one.

    Nothing is written before its clips, its limits and its budget are known to do.

    Parameters
    ----------
    start : when its budget, if it has one, began (`time.monotonic`)
    """
    run.begin(search=True)
    pace = Pace(run, start)
    with run.lock():
        try:
            return _do_all(run, pace)
        finally:
            pace.stop()


def _do_all(run: RunFolder, pace: Pace) -> Outcome:
    members = find_pareto_set(run, check=True, done=pace.step, enough=pace.enough)
    config, seed = run.config, run.config.seed
    objectives = config.search.objectives
    chosen = choose(members, objectives, config.retrain.members)
    networks = [find_network(run, str(i)) for i in chosen]
    baselines = [find_network(run, name) for name in config.beside_members]
    results = train_networks([run], [*networks, *baselines], [seed], config.retrain.workers)
    run.listener.found(results)
    pace.step("retrain")

    # The best is chosen by the search, before the test.
    best_id = preferred_member(members, config.retrain.members)
    best = chosen.index(best_id)
    if config.retrain.calibrate:
        train_twin(networks[best].folder(run, seed), networks[best].name)
    models = [export_network([network.folder(run, seed)]) for network in networks]
    best_model = models[best].copied_as(f"{config.name}-{BEST}")
    best_models = as_targets(run, best_model, config.search.limits.targets)
    result = with_intervals(networks[best].folder(run, seed), results[best])
    count = len(networks)
    return Outcome(
        best=result,
        member=members[best_id],
        summary=best_network(run, result, members[best_id], results[count:]),
        members=results[:count],
        baselines=results[count:],
        models=[*models, best_model],
        best_models=best_models,
    )


def find_pareto_set(
    run: RunFolder,
    *,
    check: bool = False,
    done: Callable[[str], None] = lambda step: None,
    enough: Callable[[int], bool] = lambda generation: False,
) -> Pareto:
    """Do every step up to the Pareto set, as far as it is not done, and return the set.

    Parameters
    ----------
    check : whether the recordings are checked too
    done : called after each step with its name
    enough : see `search`
    """
    prepare(run, check=check)
    ensure_latency(run)
    check_feasible(run)
    done("features")
    if run.config.search.trains_supernet:
        train_supernet(run)
        done("supernet")
    members = search(run, enough)
    run.listener.found(members)
    done("search")
    return members
