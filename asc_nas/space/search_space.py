"""The search space: what shape and blocks may choose, and genotypes as integer vectors."""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, TypeGuard

import numpy as np
from pydantic import Field, NonNegativeInt, PositiveInt, field_validator

from asc_nas.audio.logmel import FrontEnd
from asc_nas.core.config import Config
from asc_nas.core.errors import UsageError
from asc_nas.space.genotype import SKIP, BlockGene, Gene, Genotype, Kernel
from asc_nas.space.hearing import FrontEndChange, frontend_of
from asc_nas.space.shape_gene import ShapeGene
from asc_nas.space.skeleton import Skeleton, Stride


class SpaceConfig(Config):
    """What each block may choose, and what all blocks have in common."""

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
    """Whether blocks that keep their shape may be left out: fewer blocks in a stage. Give the
    skeleton as many blocks in each stage as there may be."""
    channels: tuple[Annotated[tuple[PositiveInt, ...], Field(min_length=1)], ...] = ()
    """Output channels that each stage may have: a list per stage. `[]`: those of the skeleton. What
    moves accuracy and MACs most."""
    stems: tuple[tuple[PositiveInt, ...], ...] = ()
    """Stems: each the channels of the skeleton's stem convolutions. `[]`: those of the skeleton."""
    downsampling: tuple[tuple[Stride, ...], ...] = ()
    """Where and along which axis to downsample: each a stride (frequency, time), 1 or 2, for every
    block of the skeleton. `[]`: those of the skeleton."""
    heads: tuple[NonNegativeInt, ...] = ()
    """Features before a linear layer; 0 is a head without one, see `skeleton.head_channels`. `[]`:
    that of the skeleton."""
    activations_after_sum: tuple[bool, ...] = ()
    """With and without the ReLU of `skeleton.activation_after_sum`. `[]`: as in the skeleton."""
    frontends: tuple[FrontEndChange, ...] = ()
    """Front ends: each what it has other than `frontend`, `{}` for that one itself. Features of
    each are made once. `[]`: `frontend` only."""

    @field_validator("kernels")
    @classmethod
    def _check_kernels(cls, value: tuple[tuple[str, ...], ...]) -> tuple[tuple[str, ...], ...]:
        if not value or not all(value):
            raise ValueError("give at least one list of kernels, as in [[t3, t5], [f3, f5]]")
        return value


@dataclass(frozen=True)
class SearchSpace:
    """The candidates of every choice, each list in a fixed order without duplicates.

    The choices are those of the shape, in the order in which genotypes are written, and then one
    per block. A genotype is encoded as one integer per choice, the position in that choice's list:
    there is one vector per genotype, so that equal networks are equal vectors.
    """

    candidates: tuple[tuple[Gene, ...], ...]

    def __post_init__(self) -> None:
        for i, genes in enumerate(self.candidates):
            if not genes:
                raise UsageError(f"choice {i} of the search space is empty.")
            if twice := [gene for n, gene in enumerate(genes) if gene in genes[:n]]:
                raise UsageError(f"the search space lists '{twice[0]}' twice; list it once.")

    @classmethod
    def build(
        cls, config: SpaceConfig, skeleton: Skeleton, frontend: FrontEnd | None = None
    ) -> "SearchSpace":
        """Return the space that `config` describes on `skeleton`.

        Raises
        ------
        UsageError
            If its choices do not suit the skeleton or the front end.
        """
        shape = tuple(_shape_choices(config, skeleton, frontend))
        for gene in itertools.chain(*shape):  # what does not suit is told here
            skeleton.shaped((gene,))
            if frontend is not None:
                frontend_of((gene,), frontend)
        blocks = []
        for i, may_skip in enumerate(_may_skip(skeleton, shape)):
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
            if config.skip and may_skip:
                genes.append(SKIP)
            blocks.append(tuple(genes))
        return cls((*shape, *blocks))

    def __len__(self) -> int:
        return len(self.candidates)

    @property
    def shape(self) -> tuple[tuple[ShapeGene, ...], ...]:
        """The candidates of every choice of the shape."""
        return tuple(genes for genes in self.candidates if _of_shape(genes))

    @property
    def blocks(self) -> tuple[tuple[BlockGene, ...], ...]:
        """The candidates of every block."""
        return tuple(genes for genes in self.candidates if _of_block(genes))

    @property
    def inputs(self) -> tuple[tuple[ShapeGene, ...], ...]:
        """What can be heard, each as the shape that says it; ``((),)`` where it is not searched."""
        found = [genes for genes in self.shape if genes[0].kind == "input"]
        return tuple((gene,) for gene in found[0]) if found else ((),)

    @property
    def count(self) -> int:
        """Number of genotypes."""
        return math.prod(len(genes) for genes in self.candidates)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of candidates of each choice."""
        return tuple(len(genes) for genes in self.candidates)

    def __contains__(self, genotype: Genotype) -> bool:
        return len(genotype) == len(self) and all(
            gene in genes for gene, genes in zip(genotype, self.candidates, strict=True)
        )

    def encode(self, genotype: Genotype) -> np.ndarray:
        """Return the genotype's integer vector, (choices,) int64.

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
        return Genotype.of(choice[int(position)] for choice, position in genes)

    def sample(self, rng: np.random.Generator) -> Genotype:
        """Draw a genotype uniformly."""
        return self.decode([int(rng.integers(size)) for size in self.sizes])

    def restrict(self, keep: Callable[[int, Gene], bool]) -> "SearchSpace":
        """Return the smaller space of the candidates for which ``keep(choice, gene)`` holds."""
        return SearchSpace(
            tuple(
                tuple(gene for gene in genes if keep(i, gene))
                for i, genes in enumerate(self.candidates)
            )
        )

    def largest(self) -> Genotype:
        """Return every choice at its largest: channels, expansion, width, kernels, input.

        Its sizes are the supernet's channel numbers. In a space made by `build` it is a member, but
        for stems of which none is the widest in all convolutions.
        """
        return Genotype(
            tuple(_largest_block(genes) for genes in self.blocks),
            tuple(_largest_shape(genes) for genes in self.shape),
        )

    def kernels(self, block: int) -> tuple[Kernel, ...]:
        """Return all kernels that `block` can use, sorted."""
        return tuple(sorted({kernel for gene in self.blocks[block] for kernel in gene.kernels}))

    def max_paths(self, block: int) -> int:
        """Return the largest number of kernels active at once in `block`."""
        return max(len(gene.kernels) for gene in self.blocks[block])


def _shape_choices(
    config: SpaceConfig, skeleton: Skeleton, frontend: FrontEnd | None
) -> Iterator[tuple[ShapeGene, ...]]:
    """Yield the candidates of every choice of the shape that `config` lists, in order.

    Raises
    ------
    UsageError
        If one does not suit the skeleton or the front end.
    """
    if config.frontends:
        if frontend is None:
            raise UsageError("space.frontends needs the front end that they differ from.")
        yield tuple(change.gene(frontend) for change in config.frontends)
    if config.stems:
        yield tuple(ShapeGene("stem", "-".join(map(str, stem))) for stem in config.stems)
    if config.channels and len(config.channels) != len(skeleton.stages):
        raise UsageError(
            f"space.channels: {len(config.channels)} lists for {len(skeleton.stages)} stages; give "
            "one per stage."
        )
    for stage, channels in enumerate(config.channels, 1):
        yield tuple(ShapeGene("stage", str(number), stage) for number in channels)
    if config.downsampling:
        blocks = len(skeleton.block_plans)
        for strides in config.downsampling:
            if len(strides) != blocks or max(map(max, strides)) > 2:
                raise UsageError(
                    f"space.downsampling: give a stride of 1 or 2 along frequency and time for "
                    f"each of the {blocks} blocks."
                )
        yield tuple(ShapeGene.down(strides) for strides in config.downsampling)
    if config.heads:
        yield tuple(ShapeGene("head", str(head)) for head in config.heads)
    if config.activations_after_sum:
        words = {True: "relu", False: "linear"}
        yield tuple(ShapeGene("sum", words[relu]) for relu in config.activations_after_sum)


def _may_skip(skeleton: Skeleton, shape: Sequence[tuple[ShapeGene, ...]]) -> list[bool]:
    """Return of every block whether all shapes let it be left out."""
    alone = [skeleton.shaped((gene,)) for genes in shape for gene in genes if gene.kind == "down"]
    free = [
        all(plan.stride == (1, 1) for plan in plans)
        for plans in zip(*(s.block_plans for s in alone or [skeleton]), strict=True)
    ]
    if any(gene.kind in ("stem", "stage") for genes in shape for gene in genes):
        begins = [i == 0 for stage in skeleton.stages for i in range(len(stage.strides))]
        return [ok and not first for ok, first in zip(free, begins, strict=True)]
    same = [plan.in_channels == plan.out_channels for plan in skeleton.block_plans]
    return [ok and kept for ok, kept in zip(free, same, strict=True)]


def _of_shape(genes: tuple[Gene, ...]) -> TypeGuard[tuple[ShapeGene, ...]]:
    return isinstance(genes[0], ShapeGene)


def _of_block(genes: tuple[Gene, ...]) -> TypeGuard[tuple[BlockGene, ...]]:
    return isinstance(genes[0], BlockGene)


def _largest_block(genes: tuple[BlockGene, ...]) -> BlockGene:
    active = [gene for gene in genes if not gene.is_skip] or [SKIP]
    kernels = max(active, key=lambda gene: (len(gene.kernels), _area(gene))).kernels
    expansion = max(gene.expansion for gene in active)
    return BlockGene(kernels, expansion, max(gene.width for gene in active))


def _largest_shape(genes: tuple[ShapeGene, ...]) -> ShapeGene:
    kind = genes[0].kind
    if kind == "stem":
        widest = [max(numbers) for numbers in zip(*(g.numbers for g in genes), strict=True)]
        return ShapeGene("stem", "-".join(map(str, widest)))
    if kind == "input":
        return max(genes, key=_values_a_second)
    if kind == "down":  # the fewest halvings leave most to compute
        return min(genes, key=lambda gene: len(gene.value))
    return max(genes, key=lambda gene: gene.numeric)


def _values_a_second(gene: ShapeGene) -> float:
    """Return the log-mel values per second of a gene of kind "input"."""
    rate, _, hop, mels = gene.numbers
    return mels * rate / hop


def _area(gene: BlockGene) -> int:
    """Return the weights per channel of a gene's kernels."""
    return sum(kernel.frequency * kernel.time for kernel in gene.kernels)
