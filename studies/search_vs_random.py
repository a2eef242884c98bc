"""NSGA-II against random search with the same number of evaluations on the same supernet.

python studies/search_vs_random.py RUN [--seeds 5] [--generations 10]

RUN is a run directory with a trained supernet. For every seed, NSGA-II runs with the run's own
settings; random search then gets as many distinct genotypes as NSGA-II evaluated. The score is the
hypervolume of the Pareto set between the ideal (macro-F1 1, no cost) and the nadir (macro-F1 0, the
dearest genotype's cost), as a share of that box, which is that of the space before any shrinking.
"""

from itertools import chain
from pathlib import Path

import numpy as np
import typer
from progress import say

from asc_nas.run.folder import RunFolder
from asc_nas.run.population import supernet_evaluator
from asc_nas.run.search import cached_cost
from asc_nas.search.config import SearchConfig
from asc_nas.search.evaluator import CachedEvaluator
from asc_nas.search.objectives import DEFAULT_OBJECTIVES
from asc_nas.search.pareto import hypervolume, pareto_set
from asc_nas.search.strategies import new_strategy, search_with


def main(run: Path, seeds: int = 5, generations: int = 10) -> None:
    run = RunFolder.open(run)
    space, cost_of = run.remaining_space(), cached_cost(run)
    search = run.config.search.model_copy(update={"generations": generations})
    evaluate = CachedEvaluator(supernet_evaluator(run))
    whole = run.config.search_space()
    dearest = cost_of(whole.largest()).macs
    ideal, nadir = {"macro_f1": 1.0, "macs": 0.0}, {"macro_f1": 0.0, "macs": float(dearest)}

    def volume(evaluations):
        members = pareto_set(evaluations, DEFAULT_OBJECTIVES)
        best = max(member.macro_f1 for member in members)
        return hypervolume(members, DEFAULT_OBJECTIVES, ideal, nadir), best

    rows = []
    for seed in range(seeds):
        found = set(chain(*search_with(new_strategy(search, space, cost_of, seed), evaluate)))
        control = SearchConfig(
            strategy="random", population=len(found), generations=1, limits=search.limits
        )
        (drawn,) = search_with(new_strategy(control, space, cost_of, seed), evaluate)
        rows.append((len(found), *volume(found), *volume(drawn)))
        say(seed + 1, seeds, f"{len(evaluate.known)} evaluated")

    print("seed  evaluations  NSGA-II HV  best F1  random HV  best F1")
    for seed, (count, *values) in enumerate(rows):
        print(f"{seed:4d}  {count:11d}  " + "  ".join(f"{value:9.4f}" for value in values))
    table = np.array(rows)[:, 1:]
    spread = table.std(0, ddof=1) if len(rows) > 1 else np.zeros(4)
    for name, column in (("NSGA-II", 0), ("random", 2)):
        print(
            f"{name:8s} hypervolume {table[:, column].mean():.4f} +- {spread[column]:.4f}, "
            f"best macro-F1 {table[:, column + 1].mean():.4f} +- {spread[column + 1]:.4f}"
        )


if __name__ == "__main__":
    main.__doc__ = __doc__.partition("\n")[0]
    typer.run(main)
