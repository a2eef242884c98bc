"""The networks of a run for its report: Pareto set, baselines, and those given by hand."""

from collections import defaultdict
from functools import partial
from typing import Any

from asc_nas.report.run_report import Network
from asc_nas.run.folder import Context
from asc_nas.run.gather.files import ReportFiles
from asc_nas.run.results import read_result
from asc_nas.search.pareto import ParetoSet
from asc_nas.space.genotype import Genotype

Results = dict[str, list[dict[str, Any]]]


def report_networks(context: Context, files: ReportFiles) -> tuple[Network, ...]:
    """Return the Pareto set by rising MACs, then baselines, then networks given by hand."""
    paths, baselines = context.paths, context.config.baselines
    results = _results(context, files)
    pareto = files.read("pareto", paths.pareto, ParetoSet.read, f"search {files.root}")
    rows = pareto.members if pareto else []
    networks = [_network(context, files, str(row.id), row, results, member=True) for row in rows]
    known = {network.name for network in networks}
    for name in sorted(results.keys() - known, key=lambda name: (name not in baselines, name)):
        networks.append(_network(context, files, name, results[name][0], results, member=False))
    if not results:
        files.missing["trained"] = (
            f"No network is trained from scratch yet: 'asc-nas train {files.root} ID' trains one."
        )
    return tuple(networks)


def _network(
    context: Context,
    files: ReportFiles,
    name: str,
    row: dict[str, Any],
    results: Results,
    *,
    member: bool,
) -> Network:
    """Return the network that `row` (of the Pareto set, or a result) describes."""
    genotype = Genotype.parse(row["genotype"])
    own = [each for each in results.get(name, ()) if each["genotype"] == str(genotype)]
    if len(own) < len(results.get(name, ())):
        files.missing[f"retrain/{name}"] = f"Left out: holds another network than {genotype}."
    by_name = member or name in context.config.baselines
    model = context.paths.models / f"{context.config.name}-{name}.onnx"
    return Network(
        name=name,
        argument=name if by_name else str(genotype),
        genotype=str(genotype),
        macs=row["macs"],
        params=row["params"],
        latency_ms=row.get("latency_ms"),
        supernet_f1=float(row["macro_f1"]) if member else None,
        spec=files.guard("drawings", context.paths.manifest, lambda: context.spec(genotype)),
        results=tuple(own),
        models=(f"models/{model.name}",) if model.exists() else (),
    )


def _results(context: Context, files: ReportFiles) -> Results:
    """Return the results of every trained network by its name, the run's own seed first."""
    results: Results = defaultdict(list)
    for path in sorted((context.paths.root / "retrain").glob("*/result.json")):
        folder = path.parent
        result = files.guard(f"retrain/{folder.name}", path, partial(read_result, folder))
        if result is not None:
            results[result["network"]].append(result)
    own = context.config.seed
    return {
        name: sorted(every, key=lambda result: (result["seed"] != own, result["seed"]))
        for name, every in results.items()
    }
