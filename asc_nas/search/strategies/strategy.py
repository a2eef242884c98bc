"""What a search strategy is: it asks for evaluations and is told them; and the registry.

To add one, write a module with a class that has `ask` and `tell`, and a subclass of
`StrategySettings` that makes it; register that in `STRATEGIES`, and import the module in
`asc_nas.search.strategies`. A search that was interrupted is resumed by running it again over
`asc_nas.search.evaluator.CachedEvaluator`, so what a strategy asks for may depend on its task
(with the seed) and on what it was told alone.
"""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from asc_nas.core.config import Config
from asc_nas.core.registry import Registry
from asc_nas.search.evaluator import CostOf, Evaluate
from asc_nas.search.limits import Limits
from asc_nas.search.objectives import Evaluation, Objective
from asc_nas.space.genotype import Genotype
from asc_nas.space.search_space import SearchSpace


@dataclass(frozen=True)
class SearchTask:
    """What every strategy gets.

    Attributes
    ----------
    limits : Limits
        What breaks them is not to be judged.
    candidates, rounds : int
        Genotypes that are asked for in a round, at most, and rounds.
    first : tuple of Genotype
        Asked for in the first round: hand-made networks, so that what is found is never worse.
    shared : callable, optional
        Judges with shared weights, where what is told comes from something else.
    """

    space: SearchSpace
    cost_of: CostOf
    objectives: tuple[Objective, ...]
    limits: Limits
    candidates: int
    rounds: int
    seed: int
    first: tuple[Genotype, ...] = ()
    shared: Evaluate | None = None


class Strategy(Protocol):
    """Proposes genotypes, round by round."""

    def ask(self) -> list[Genotype]:
        """Return the genotypes of the next round; none when the search is done."""

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Take the evaluations of the genotypes that were asked for last, in their order."""


class StrategySettings(Config):
    """A strategy by its name, with settings of its own."""

    searches: ClassVar[bool] = True
    """Whether it proposes networks; else the hand-made ones are judged in one round."""
    learns: ClassVar[bool] = True
    """Whether what was judged decides what is proposed next; only then a search can be told that
    there is nothing to learn (`search.stop_sign`)."""

    name: str
    """`nsga2`; `surrogate`, for candidates that are trained (`search.judge`); `random`, the control
    to hold others against; or `hand_made`, which judges the networks of `baselines` at every width
    of the space and searches nothing. The last two have no settings of their own."""

    @property
    def asks(self) -> int:
        """Networks that it has judged with shared weights before it proposes a round, at most."""
        return 0

    @abstractmethod
    def strategy(self, task: SearchTask) -> Strategy:
        """Return the strategy at the beginning of a search."""


STRATEGIES: Registry[type[StrategySettings]] = Registry("search strategy")


def search_with(
    strategy: Strategy,
    evaluate: Evaluate,
    on_round: Callable[[int, list[Evaluation]], object] | None = None,
) -> list[list[Evaluation]]:
    """Evaluate what the strategy asks for until it is done; return the evaluations of each round.

    Parameters
    ----------
    on_round : called with the number of a round (from 1) and its evaluations
        The search ends if it returns True.
    """
    rounds: list[list[Evaluation]] = []
    while genotypes := strategy.ask():
        rounds.append(evaluate(genotypes))
        strategy.tell(rounds[-1])
        if on_round is not None and on_round(len(rounds), rounds[-1]) is True:
            break
    return rounds
