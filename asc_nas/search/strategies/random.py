"""Random search: the control that every other strategy must beat at as many evaluations."""

from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from typing import ClassVar

from asc_nas.core.randomness import stream
from asc_nas.search.feasibility import distinct_draws
from asc_nas.search.objectives import Evaluation
from asc_nas.search.strategies.strategy import STRATEGIES, SearchTask, StrategySettings
from asc_nas.space.genotype import Genotype


def drawn_uniformly(task: SearchTask, known: Collection[Genotype] = ()) -> Iterator[Genotype]:
    """Yield distinct genotypes that meet the limits, drawn uniformly, but for those that are known.

    They are the same, in the same order, in every search of one space with one seed, so that
    searches that begin with them share their trainings with random search.
    """
    rng = stream(task.seed, "random_search")
    return distinct_draws(task.space, task.cost_of, task.limits, rng, known)


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
        self._draws = islice(drawn_uniformly(task), task.candidates * task.rounds)
        self._candidates = task.candidates

    def ask(self) -> list[Genotype]:
        """Return the genotypes of the next round; none when the search is done."""
        return list(islice(self._draws, self._candidates))

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Learn nothing."""
