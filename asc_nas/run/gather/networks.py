"""The networks of a run for its report: Pareto set, baselines, and those given by hand."""

from collections import defaultdict
from collections.abc import Sequence
from functools import partial

from asc_nas.core.errors import command
from asc_nas.evaluation.result import Result
from asc_nas.report.run_report import Network
from asc_nas.run.folder import RunFolder
from asc_nas.run.gather.files import ReportFiles
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
