"""Which networks of the space are trained in one optimiser step.

A sampler is a function of the step number alone, so that a resumed training draws what an
uninterrupted one would have drawn.
"""

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from asc_nas.core.randomness import stream
from asc_nas.core.registry import Registry
from asc_nas.space.genotype import Genotype
from asc_nas.space.search_space import SearchSpace


class PathSampler(ABC):
    """Gives the genotypes whose gradients are accumulated in one optimiser step.

    All networks of a step hear the same, as they learn from the same batch; what can be heard comes
    in turn, in shuffled decks of steps.

    Parameters
    ----------
    passes : int or None
        Forward and backward passes per step; None is the largest number of candidates in a block.
    """

    def __init__(self, space: SearchSpace, seed: int, passes: int | None = None) -> None:
        self.space = space
        self.seed = seed
        self.passes = passes or max(map(len, space.candidates[self._inputs :]))

    @property
    def _inputs(self) -> int:
        """Choices of what is heard: 1, or 0 where that is not searched; it is the first one."""
        return int(self.space.inputs != ((),))

    def step(self, number: int) -> tuple[Genotype, ...]:
        """Return the genotypes of optimiser step `number`, `passes` of them."""
        vectors = self.vectors(number)
        if self._inputs:
            vectors[:, 0] = deal(self.seed, ("input",), len(self.space.candidates[0]), number, 1)
        return tuple(self.space.decode(vector) for vector in vectors)

    @abstractmethod
    def vectors(self, number: int) -> np.ndarray:
        """Return the vectors of a step's genotypes, (passes, choices) int64."""


SAMPLERS: Registry[type[PathSampler]] = Registry("sampler")


@SAMPLERS.register("strict_fair")
class StrictFairSampler(PathSampler):
    """Every candidate of every choice exactly once per step (FairNAS, arXiv 1907.01845).

    Each choice deals its candidates from shuffled decks, independently of the others. Where the
    number of candidates is not that of `passes`, a deck may begin within a step and span steps; at
    any time the candidates' numbers of updates differ by at most one.
    """

    def vectors(self, number: int) -> np.ndarray:
        """Return one vector per pass; by default they cover every candidate."""
        columns = [
            deal(self.seed, ("strict_fair", choice), size, number, self.passes)
            for choice, size in enumerate(self.space.sizes)
        ]
        return np.stack(columns, axis=1)


def deal(
    seed: int, name: tuple[str | int, ...], size: int, number: int, count: int
) -> NDArray[np.int64]:
    """Return the cards, (count,), that turn `number` gets from shuffled decks of `size` cards."""
    first = number * count
    deck_numbers = range(first // size, (first + count - 1) // size + 1)
    decks = [stream(seed, *name, deck).permutation(size) for deck in deck_numbers]
    offset = first - deck_numbers[0] * size
    return np.concatenate(decks)[offset : offset + count]


@SAMPLERS.register("uniform")
class UniformSampler(PathSampler):
    """Every candidate drawn independently: single-path one-shot, at an equal number of passes."""

    def vectors(self, number: int) -> np.ndarray:
        """Return `passes` vectors drawn uniformly."""
        rng = stream(self.seed, "uniform", number)
        drawn = [[rng.integers(size) for size in self.space.sizes] for _ in range(self.passes)]
        return np.array(drawn, dtype=np.int64)
