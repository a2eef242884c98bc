"""How candidates are proposed, by ask and tell: NSGA-II, and random search as its control."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from asc_nas.search.evaluator import CostOf, Evaluate
from asc_nas.search.objectives import Evaluation
from asc_nas.search.strategies import nsga2, random
from asc_nas.search.strategies.strategy import STRATEGIES, SearchTask, Strategy, StrategySettings
from asc_nas.space.search_space import SearchSpace

if TYPE_CHECKING:
    from asc_nas.search.config import SearchConfig

__all__ = [
    "STRATEGIES",
    "SearchTask",
    "Strategy",
    "StrategySettings",
    "new_strategy",
    "nsga2",
    "random",
    "search_with",
]


def new_strategy(
    config: "SearchConfig", space: SearchSpace, cost_of: CostOf, seed: int
) -> Strategy:
    """Return the strategy that the settings name, at the beginning of a search of `space`."""
    task = SearchTask(
        space,
        cost_of,
        config.objectives,
        config.limits,
        config.population,
        config.generations,
        seed,
    )
    return config.strategy.strategy(task)


def search_with(
    strategy: Strategy,
    evaluate: Evaluate,
    on_round: Callable[[int, list[Evaluation]], None] | None = None,
) -> list[list[Evaluation]]:
    """Evaluate what the strategy asks for until it is done; return the evaluations of each round.

    Parameters
    ----------
    on_round : called with the number of a round (from 1) and its evaluations
    """
    rounds: list[list[Evaluation]] = []
    while genotypes := strategy.ask():
        rounds.append(evaluate(genotypes))
        strategy.tell(rounds[-1])
        if on_round is not None:
            on_round(len(rounds), rounds[-1])
    return rounds
