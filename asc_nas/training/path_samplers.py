"""Which networks of the space are trained in one optimiser step.

A sampler is a function of the step number alone, so that a resumed training draws what an
uninterrupted one would have drawn.
"""

from abc import ABC, abstractmethod

import numpy as np

from asc_nas.core.randomness import stream
from asc_nas.core.registry import Registry
from asc_nas.space.genotype import Genotype
from asc_nas.space.search_space import SearchSpace


class PathSampler(ABC):
    """Gives the genotypes whose gradients are accumulated in one optimiser step.

    Parameters
    ----------
    passes : int or None
        Forward and backward passes per step; None is the largest number of candidates in a block.
    """

    def __init__(self, space: SearchSpace, seed: int, passes: int | None = None) -> None:
        self.space = space
        self.seed = seed
        self.passes = passes or max(space.sizes)

    @abstractmethod
    def step(self, number: int) -> tuple[Genotype, ...]:
        """Return the genotypes of optimiser step `number`, `passes` of them."""


SAMPLERS: Registry[type[PathSampler]] = Registry("sampler")


@SAMPLERS.register("strict_fair")
class StrictFairSampler(PathSampler):
    """Every candidate of every block exactly once per step (FairNAS, arXiv 1907.01845).

    Each block deals its flattened candidate list from shuffled decks, independently of the other
    blocks. Where the number of candidates is not that of `passes`, a deck may begin within a step
    and span steps; at any time the candidates' numbers of updates differ by at most one.
    """

    def step(self, number: int) -> tuple[Genotype, ...]:
        """Return one network per pass; by default they cover every candidate."""
        columns = [self._deal(block, size, number) for block, size in enumerate(self.space.sizes)]
        return tuple(self.space.decode(vector) for vector in np.stack(columns, axis=1))

    def _deal(self, block: int, size: int, number: int) -> np.ndarray:
        first = number * self.passes
        deck_numbers = range(first // size, (first + self.passes - 1) // size + 1)
        decks = [
            stream(self.seed, "strict_fair", block, deck).permutation(size) for deck in deck_numbers
        ]
        offset = first - deck_numbers[0] * size
        return np.concatenate(decks)[offset : offset + self.passes]


@SAMPLERS.register("uniform")
class UniformSampler(PathSampler):
    """Every candidate drawn independently: single-path one-shot, at an equal number of passes."""

    def step(self, number: int) -> tuple[Genotype, ...]:
        """Return `passes` networks drawn uniformly."""
        rng = stream(self.seed, "uniform", number)
        return tuple(self.space.sample(rng) for _ in range(self.passes))
