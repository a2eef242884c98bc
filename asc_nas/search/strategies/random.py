"""Random search: the control that every other strategy must beat at as many evaluations."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import ClassVar

from asc_nas.core.randomness import stream
from asc_nas.search.feasibility import feasible_draws
from asc_nas.search.objectives import Evaluation
from asc_nas.search.strategies.strategy import STRATEGIES, SearchTask, StrategySettings
from asc_nas.space.genotype import Genotype

REPEATED = 1000
"""Draws in a row of what was drawn before, after which the space seems exhausted."""


@STRATEGIES.register("random")
class RandomSettings(StrategySettings):
    """Distinct genotypes that meet the limits, drawn uniformly."""

    learns: ClassVar[bool] = False

    def strategy(self, task: SearchTask) -> "RandomSearch":
        """Return the strategy at the beginning of a search."""
        return RandomSearch(task)


class RandomSearch:
    """Asks for distinct genotypes that meet the limits, drawn uniformly.

    Stops early only where the space seems exhausted.
    """

    def __init__(self, task: SearchTask) -> None:
        self._task = task
        self._draws = self._draw(min(task.candidates * task.rounds, task.space.count))

    def ask(self) -> list[Genotype]:
        """Return the genotypes of the next round; none when the search is done."""
        return list(islice(self._draws, self._task.candidates))

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Learn nothing."""

    def _draw(self, count: int) -> Iterator[Genotype]:
        task, rng = self._task, stream(self._task.seed, "random_search")
        draws = feasible_draws(task.space, task.cost_of, task.limits, rng)
        drawn: set[Genotype] = set()
        while len(drawn) < count:
            new = next((g for g in islice(draws, REPEATED) if g not in drawn), None)
            if new is None:
                break
            drawn.add(new)
            yield new
