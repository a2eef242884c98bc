"""The hand-made networks alone: no search.

Width moves accuracy more than what most spaces leave to choose, so a person's network at several
widths is what every search must beat (docs/results/search_by_hand.md).
"""

from collections.abc import Sequence
from typing import ClassVar

from asc_nas.core.errors import UsageError
from asc_nas.search.objectives import Evaluation
from asc_nas.search.strategies.strategy import STRATEGIES, SearchTask, StrategySettings
from asc_nas.space.genotype import Genotype


@STRATEGIES.register("hand_made")
class HandMadeSettings(StrategySettings):
    """The hand-made networks at every width of the space, within the limits; they are no search."""

    searches: ClassVar[bool] = False
    learns: ClassVar[bool] = False

    def strategy(self, task: SearchTask) -> "HandMade":
        """Return the strategy at the beginning of a search.

        Raises
        ------
        UsageError
            If the space has none of the networks within the limits.
        """
        if not task.first:
            raise UsageError(
                "search.strategy hand_made: no network of 'baselines' is in the space and meets "
                "search.limits; give the space its kernels and smaller channels, raise the limits, "
                "or take another strategy."
            )
        return HandMade(task)


class HandMade:
    """Asks for the hand-made networks, once."""

    def __init__(self, task: SearchTask) -> None:
        self._left = list(task.first)

    def ask(self) -> list[Genotype]:
        """Return the genotypes of the next round; none when all were asked for."""
        asked, self._left = self._left, []
        return asked

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Learn nothing."""
