"""What the weights of the objectives do to the search (weighted NSGA-II of MoGA).

python studies/objective_weights.py RUN TABLE [--seeds 3] [--generations 10] [--cache FILE]

RUN is a run directory with a trained supernet, TABLE a latency.json of its search space. NSGA-II
maximises macro-F1, minimises latency and maximises parameters, with each set of weights and seed,
over one cache of evaluations (kept in FILE, and that of the run's own search included). Equal
weights are plain NSGA-II, the peer. Of the population that survives the last generation are
printed, per objective, the mean and the number of bins that are occupied, of 40 equal ones over all
that was evaluated: how finely the population covers that objective. Then the members of the Pareto
set of all that a search evaluated, and its hypervolume; all as mean and standard deviation over the
seeds.
"""

import functools
from dataclasses import replace
from pathlib import Path

import numpy as np
import typer
from progress import say

from asc_nas.cost.latency import LatencyTable
from asc_nas.run.folder import RunFolder
from asc_nas.run.population import supernet_evaluator
from asc_nas.search.evaluator import CachedEvaluator
from asc_nas.search.history import read_history, write_history
from asc_nas.search.objectives import Objective
from asc_nas.search.pareto import hypervolume, pareto_set
from asc_nas.search.strategies import new_strategy, search_with

WEIGHTS = {
    "equal 1:1:1": (1, 1, 1),
    "MoGA 2:2:1": (2, 2, 1),
    "macro-F1 8:1:1": (8, 1, 1),
    "latency 1:8:1": (1, 8, 1),
    "parameters 1:1:8": (1, 1, 8),
}
NAMES = ("macro_f1", "latency_ms", "params")
SENSES = ("max", "min", "max")
BINS = 40
COLUMNS = ("macro-F1", "ms", "params", "F1 bins", "ms bins", "param bins", "members", "volume")


def objectives_with(weights):
    return tuple(
        Objective(name=name, sense=sense, weight=weight)
        for name, sense, weight in zip(NAMES, SENSES, weights, strict=True)
    )


def main(
    run: Path, table: Path, seeds: int = 3, generations: int = 10, cache: Path | None = None
) -> None:
    folder = RunFolder.open(run)
    table, space = LatencyTable.read(table), folder.config.search_space()
    rng = np.random.default_rng(0)

    @functools.cache
    def cost_of(genotype):
        return replace(folder.cost(genotype), latency_ms=table.predict(folder.spec(genotype)))

    judge = supernet_evaluator(folder)

    def with_latency(evaluations):
        return [replace(e, latency_ms=cost_of(e.genotype).latency_ms) for e in evaluations]

    scope = folder.evaluation_scope()
    known = read_history(folder.paths.history, scope)
    if cache is not None:
        known += read_history(cache, scope)
    evaluate = CachedEvaluator(
        lambda genotypes: with_latency(judge(genotypes)), with_latency(known)
    )
    costs = [cost_of(space.sample(rng)) for _ in range(1000)]
    slowest, largest = max(c.latency_ms for c in costs), max(c.params for c in costs)
    ideal = {"macro_f1": 1.0, "latency_ms": 0.0, "params": 1.2 * largest}
    nadir = {"macro_f1": 0.0, "latency_ms": 1.2 * slowest, "params": 0.0}

    def search(weights, seed):
        objectives = objectives_with(weights)
        update = {"objectives": objectives, "generations": generations}
        config = folder.config.search.model_copy(update=update)
        strategy = new_strategy(config, space, cost_of, seed)
        evaluated = search_with(strategy, evaluate)
        if cache is not None:
            write_history(cache, [list(evaluate.known.values())], scope)
        survivors = [[getattr(e, name) for name in NAMES] for e in evaluate(strategy.population)]
        members = pareto_set([e for found in evaluated for e in found], objectives)
        volume = hypervolume(members, objectives, ideal, nadir)
        return np.array(survivors), len(members), volume

    def summary(survivors, members, volume):
        everything = np.array([[getattr(e, n) for n in NAMES] for e in evaluate.known.values()])
        low, high = everything.min(0), everything.max(0)
        bins = ((survivors - low) / (high - low) * (BINS - 1e-9)).astype(int)
        occupied = [len(set(column)) for column in bins.T]
        return (*survivors.mean(0), *occupied, members, volume)

    rows = {name: [] for name in WEIGHTS}
    for seed in range(seeds):
        for i, (name, weights) in enumerate(WEIGHTS.items(), start=1):
            rows[name].append(search(weights, seed))
            done, of = seed * len(WEIGHTS) + i, seeds * len(WEIGHTS)
            say(done, of, f"{len(evaluate.known)} evaluated")

    print(f"{'weights F1:ms:params':20s}" + "".join(f"{column:>21s}" for column in COLUMNS))
    for name, searches in rows.items():
        values = [summary(*found) for found in searches]
        mean, spread = np.mean(values, 0), np.std(values, 0, ddof=int(len(values) > 1))
        cells = (f"{m:.4g} +- {s:.2g}" for m, s in zip(mean, spread, strict=True))
        print(f"{name:20s}" + "".join(f"{cell:>21s}" for cell in cells))


if __name__ == "__main__":
    main.__doc__ = __doc__.partition("\n")[0]
    typer.run(main)
