"""Random search: the control that NSGA-II must beat at the same number of evaluations."""

from asc_nas.core.randomness import stream
from asc_nas.search.evaluator import Evaluate
from asc_nas.search.objectives import Evaluation, Limits
from asc_nas.search.strategies.nsga2 import CostOf
from asc_nas.space.genotype import Genotype
from asc_nas.space.search_space import SearchSpace


def random_search(
    space: SearchSpace,
    evaluate: Evaluate,
    cost_of: CostOf,
    limits: Limits,
    *,
    evaluations: int,
    seed: int,
) -> list[Evaluation]:
    """Evaluate distinct genotypes that meet the limits, drawn uniformly.

    Stops early only where the space seems exhausted.
    """
    rng = stream(seed, "random_search")
    drawn: dict[Genotype, None] = {}
    for _ in range(1000 * evaluations):
        genotype = space.sample(rng)
        if limits.met_by(cost_of(genotype)):
            drawn[genotype] = None
        if len(drawn) == evaluations:
            break
    return evaluate(list(drawn))
