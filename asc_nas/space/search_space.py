"""The search space: the candidates of every block, and genotypes as integer vectors."""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import Field, PositiveInt, field_validator

from asc_nas.core.config import Config
from asc_nas.core.errors import UsageError
from asc_nas.space.genotype import SKIP, BlockGene, Genotype, Kernel
from asc_nas.space.skeleton import Skeleton


class SpaceConfig(Config):
    """What each block may choose."""

    kernels: tuple[tuple[str, ...], ...] = (("t3", "t5", "t7"), ("f3", "f5", "f7"))
    """Kernels along time (``t5``), along frequency (``f5``) or square (``s5``). Block i may use
    those of list ``i % len(kernels)``: two lists are the alternation of Li et al. (2020); one list
    with both directions lets every block mix them."""
    max_paths: PositiveInt = 1
    """Most kernels active at once in a block, whose outputs are summed (MixPath's m); 1 is single
    path. More make many more candidates, and networks that cost more."""
    expansions: tuple[float, ...] = Field((2.0, 3.0), min_length=1)
    """Hidden channels of a block, as multiples (1 or more) of its input channels. MACs grow with
    them; the supernet's weights are those of the largest."""
    widths: tuple[float, ...] = Field((1.0,), min_length=1)
    """Output channels of a block, as shares (up to 1) of the skeleton's. Add smaller ones for
    cheaper networks; see `supernet.broadening_epochs`."""
    skip: bool = False
    """Whether blocks that keep their shape may be left out, for cheaper networks and one more
    candidate in these blocks."""

    @field_validator("kernels")
    @classmethod
    def _check_kernels(cls, value: tuple[tuple[str, ...], ...]) -> tuple[tuple[str, ...], ...]:
        if not value or not all(value):
            raise ValueError("give at least one list of kernels, as in [[t3, t5], [f3, f5]]")
        return value


@dataclass(frozen=True)
class SearchSpace:
    """The candidates of every block, each list in a fixed order without duplicates.

    A genotype is encoded as one integer per block, its position in that block's list: there is one
    vector per genotype, so that equal networks are equal vectors.
    """

    candidates: tuple[tuple[BlockGene, ...], ...]

    def __post_init__(self) -> None:
        for i, genes in enumerate(self.candidates):
            if not genes or len(set(genes)) != len(genes):
                raise UsageError(f"block {i} of the search space is empty or lists a gene twice.")

    @classmethod
    def build(cls, config: SpaceConfig, skeleton: Skeleton) -> "SearchSpace":
        """Return the space that `config` describes on `skeleton`."""
        blocks = []
        for i, plan in enumerate(skeleton.block_plans):
            kernels = sorted(Kernel.parse(k) for k in config.kernels[i % len(config.kernels)])
            paths = range(1, min(config.max_paths, len(kernels)) + 1)
            subsets = itertools.chain.from_iterable(
                itertools.combinations(kernels, n) for n in paths
            )
            genes = [
                BlockGene(subset, expansion, width)
                for subset in subsets
                for expansion in config.expansions
                for width in config.widths
            ]
            if config.skip and plan.may_skip:
                genes.append(SKIP)
            blocks.append(tuple(genes))
        return cls(tuple(blocks))

    def __len__(self) -> int:
        return len(self.candidates)

    @property
    def count(self) -> int:
        """Number of genotypes."""
        return math.prod(len(genes) for genes in self.candidates)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of candidates of each block."""
        return tuple(len(genes) for genes in self.candidates)

    def __contains__(self, genotype: Genotype) -> bool:
        return len(genotype) == len(self) and all(
            gene in genes for gene, genes in zip(genotype, self.candidates, strict=True)
        )

    def encode(self, genotype: Genotype) -> np.ndarray:
        """Return the genotype's integer vector, (blocks,) int64.

        Raises
        ------
        UsageError
            If the genotype is not in the space.
        """
        if genotype not in self:
            raise UsageError(f"the genotype '{genotype}' is not in the search space.")
        positions = [g.index(gene) for gene, g in zip(genotype, self.candidates, strict=True)]
        return np.array(positions, dtype=np.int64)

    def decode(self, vector: Sequence[int] | np.ndarray) -> Genotype:
        """Return the genotype of an integer vector."""
        genes = zip(self.candidates, vector, strict=True)
        return Genotype(tuple(block[int(position)] for block, position in genes))

    def sample(self, rng: np.random.Generator) -> Genotype:
        """Draw a genotype uniformly."""
        return self.decode([int(rng.integers(size)) for size in self.sizes])

    def restrict(self, keep: Callable[[int, BlockGene], bool]) -> "SearchSpace":
        """Return the smaller space of the candidates for which ``keep(block, gene)`` holds."""
        return SearchSpace(
            tuple(
                tuple(gene for gene in genes if keep(i, gene))
                for i, genes in enumerate(self.candidates)
            )
        )

    def largest(self) -> Genotype:
        """Return every block at its largest expansion and width, with its most kernels.

        Its sizes are the supernet's channel numbers. In a space made by `build` it is a member.
        """
        blocks = []
        for genes in self.candidates:
            active = [gene for gene in genes if not gene.is_skip] or [SKIP]
            kernels = max(active, key=lambda gene: (len(gene.kernels), _area(gene))).kernels
            expansion = max(gene.expansion for gene in active)
            blocks.append(BlockGene(kernels, expansion, max(gene.width for gene in active)))
        return Genotype(tuple(blocks))

    def kernels(self, block: int) -> tuple[Kernel, ...]:
        """Return all kernels that `block` can use, sorted."""
        return tuple(sorted({kernel for gene in self.candidates[block] for kernel in gene.kernels}))

    def max_paths(self, block: int) -> int:
        """Return the largest number of kernels active at once in `block`."""
        return max(len(gene.kernels) for gene in self.candidates[block])


def _area(gene: BlockGene) -> int:
    """Return the weights per channel of a gene's kernels."""
    return sum(kernel.frequency * kernel.time for kernel in gene.kernels)
