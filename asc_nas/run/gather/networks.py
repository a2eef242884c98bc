"""The networks of a run for its report: Pareto set, baselines, and those given by hand."""

from collections import defaultdict
from collections.abc import Sequence
from functools import partial

from asc_nas.core.errors import command
from asc_nas.evaluation.result import Result
from asc_nas.report.best import BestNetwork
from asc_nas.report.run_report import Network
from asc_nas.run.best import best_network
from asc_nas.run.folder import RunFolder
from asc_nas.run.gather.files import ReportFiles
from asc_nas.run.networks import NamedNetwork, Pareto, preferred_member
from asc_nas.run.scoring import with_intervals
from asc_nas.search.objectives import Evaluation
from asc_nas.search.pareto import ParetoMember, ParetoSet
from asc_nas.space.genotype import Genotype

ResultsByName = dict[str, list[Result]]


def report_networks(
    run: RunFolder, files: ReportFiles, evaluations: Sequence[Evaluation]
) -> tuple[Network, ...]:
    """Return the Pareto set by rising MACs, then baselines, then networks given by hand.

    Parameters
    ----------
    evaluations : of the search's history, which knows more scores than ``pareto.json``
    """
    paths, baselines = run.paths, run.config.baselines
    results = _results(run, files)
    pareto = files.read("pareto", paths.pareto, ParetoSet.read, f"search {files.root}")
    judged = {(str(e.genotype), e.macro_f1): e for e in evaluations}
    networks = []
    for member in pareto.members if pareto else ():
        supernet = judged.get((member.genotype, member.macro_f1), member)
        networks.append(_network(run, files, str(member.id), member, results, supernet))
    known = {network.name for network in networks}
    for name in sorted(results.keys() - known, key=lambda name: (name not in baselines, name)):
        networks.append(_network(run, files, name, results[name][0], results))
    if not results:
        trains = command("train", files.root, "ID")
        files.missing["trained"] = f"No network is trained from scratch yet: '{trains}' trains one."
    return tuple(networks)


def _network(
    run: RunFolder,
    files: ReportFiles,
    name: str,
    known: ParetoMember | Result,
    results: ResultsByName,
    supernet: Evaluation | ParetoMember | None = None,
) -> Network:
    """Return the network whose genotype and cost `known` has."""
    genotype = Genotype.parse(known.genotype)
    own = [result for result in results.get(name, ()) if result.is_of(genotype)]
    if own and own[0].seed == run.config.seed:
        own[0] = _with_intervals(run, files, name, own[0])
    if len(own) < len(results.get(name, ())):
        files.missing[f"retrain/{name}"] = f"Left out: holds another network than {genotype}."
    by_name = supernet is not None or name in run.config.baselines
    model = run.paths.models / f"{run.config.name}-{name}.onnx"
    return Network(
        name=name,
        argument=name if by_name else str(genotype),
        genotype=str(genotype),
        macs=known.macs,
        params=known.params,
        ram_bytes=known.ram_bytes,
        latency_ms=known.latency_ms,
        supernet=supernet,
        spec=files.guard("drawings", run.paths.manifest, lambda: run.spec(genotype)),
        results=tuple(own),
        models=(f"models/{model.name}",) if model.exists() else (),
    )


def _with_intervals(run: RunFolder, files: ReportFiles, name: str, result: Result) -> Result:
    """Return a result with its intervals, or as it is if they cannot be computed."""
    folder = NamedNetwork(name, Genotype.parse(result.genotype)).folder(run, result.seed)
    found = files.guard("intervals", folder.path, lambda: with_intervals(folder, result))
    return result if found is None else found


def best_of(run: RunFolder, files: ReportFiles, networks: Sequence[Network]) -> BestNetwork | None:
    """Return what ``asc-nas run`` would say at its end, or None and a note.

    A network that is the only one of a run without a search is told of too.
    """
    members = [network for network in networks if network.is_member]
    if members:
        evaluations = [n.supernet for n in members if isinstance(n.supernet, Evaluation)]
        if len(evaluations) < len(members):
            files.missing["best"] = "Not known: the history of the search is not there."
            return None
        found = Pareto.of(evaluations, run.config.search)
        count = run.config.retrain.members
        position = files.guard("best", run.paths.pareto, lambda: preferred_member(found, count))
        if position is None:
            return None
        network, member = members[position], evaluations[position]
    else:
        trained = [network for network in networks if network.results]
        if len(trained) != 1 or run.paths.pareto.exists():
            files.missing["best"] = f"Not chosen yet: {_command('search', run)} chooses it."
            return None
        network, member = trained[0], None
    result = next((r for r in network.results if r.seed == run.config.seed), None)
    if result is None:
        trains = _command("train", run, network.argument)
        files.missing["best"] = (
            f"Network {network.name} is the one that the search prefers; {trains} trains it."
        )
        return None
    beside = [n.results[0] for n in networks if n.name in run.config.beside_members and n.results]
    hand_made = [other for other in beside if other.seed == result.seed]
    return files.guard("best", run.paths.root, lambda: best_network(run, result, member, hand_made))


def _command(name: str, run: RunFolder, *more: str) -> str:
    return f"'{command(name, run.paths.root, *more)}'"


def _results(run: RunFolder, files: ReportFiles) -> ResultsByName:
    """Return the results of every trained network by its name, the run's own seed first."""
    results: ResultsByName = defaultdict(list)
    for path in sorted((run.paths.root / "retrain").glob("*/result.json")):
        result = files.guard(f"retrain/{path.parent.name}", path, partial(Result.read, path))
        if result is not None:
            results[result.network].append(result)
    own = run.config.seed
    return {
        name: sorted(every, key=lambda result: (result.seed != own, result.seed))
        for name, every in results.items()
    }
