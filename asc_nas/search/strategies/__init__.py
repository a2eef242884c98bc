"""How candidates are proposed, by ask and tell: NSGA-II, a surrogate, random search, no search."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from asc_nas.search.evaluator import CostOf, Evaluate
from asc_nas.search.strategies import hand_made, nsga2, random, surrogate
from asc_nas.search.strategies.strategy import (
    STRATEGIES,
    SearchTask,
    Strategy,
    StrategySettings,
    search_with,
)
from asc_nas.space.genotype import Genotype
from asc_nas.space.search_space import SearchSpace

if TYPE_CHECKING:
    from asc_nas.search.config import SearchConfig

__all__ = [
    "STRATEGIES",
    "SearchTask",
    "Strategy",
    "StrategySettings",
    "hand_made",
    "new_strategy",
    "nsga2",
    "random",
    "search_with",
    "surrogate",
]


def new_strategy(
    config: "SearchConfig",
    space: SearchSpace,
    cost_of: CostOf,
    seed: int,
    first: Sequence[Genotype] = (),
    shared: Evaluate | None = None,
) -> Strategy:
    """Return the strategy that the settings name, at the beginning of a search of `space`.

    Parameters
    ----------
    first : genotypes of the first round, as far as they are in the space and meet the limits
    shared : judges with shared weights, for a strategy that asks for that (`asks`)
    """
    fitting = [g for g in first if g in space and config.limits.met_by(cost_of(g))]
    task = SearchTask(
        space,
        cost_of,
        config.objectives,
        config.limits,
        config.population,
        config.rounds,
        seed,
        tuple(dict.fromkeys(fitting)),
        shared,
    )
    return config.strategy.strategy(task)
