"""Genotype: one network of the search space, as a short, stable, readable text.

``t5e2w1 f3+t7e2w0.75 skip`` is three blocks: a 1 x 5 depthwise kernel along time with expansion 2
and full width; a 3 x 1 kernel along frequency and a 1 x 7 kernel along time, summed, at three
quarters of the width; and a block that is left out. `s3` is a 3 x 3 square kernel. Before the
blocks may stand what the network does not take from its skeleton and front end, as in
``input:16000-2560-1280-64 stem:16-64 stage2:112 down:2t-3f head:128 sum:linear``.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator

from asc_nas.core.errors import AscNasError, UsageError
from asc_nas.space.shape_gene import ShapeGene

_KERNEL = re.compile(r"([tfs])(\d{1,4})")
_BLOCK = re.compile(r"([tfs]\d+(?:\+[tfs]\d+)*)e(\d{1,4}(?:\.\d+)?)w(\d(?:\.\d+)?)")


@dataclass(frozen=True)
class Kernel:
    """Extent of a depthwise kernel in (frequency, time), odd numbers of bins and frames."""

    frequency: int
    time: int

    def __post_init__(self) -> None:
        extents = (self.frequency, self.time)
        if any(e < 1 or e % 2 == 0 for e in extents) or extents == (1, 1):
            raise UsageError(f"kernel {extents}: extents are odd numbers, at least one above 1.")
        if 1 not in extents and self.frequency != self.time:
            raise UsageError(f"kernel {extents}: use 1 x k, k x 1 or k x k.")

    @classmethod
    def parse(cls, text: str) -> "Kernel":
        """Read ``t5`` (1 x 5 along time), ``f5`` (5 x 1 along frequency) or ``s5`` (5 x 5)."""
        match = _KERNEL.fullmatch(text)
        if match is None:
            raise UsageError(f"kernel '{text}': write t5, f5 or s5 (time, frequency, square).")
        size = int(match[2])
        return {"t": cls(1, size), "f": cls(size, 1), "s": cls(size, size)}[match[1]]

    def __str__(self) -> str:
        if self.frequency == 1:
            return f"t{self.time}"
        return f"f{self.frequency}" if self.time == 1 else f"s{self.time}"

    def __lt__(self, other: "Kernel") -> bool:
        """Order by direction (frequency, square, time), then by size: that of the text form."""
        mine, others = str(self), str(other)
        return (mine[0], int(mine[1:])) < (others[0], int(others[1:]))


@dataclass(frozen=True)
class BlockGene:
    """What one inverted-residual block does.

    Attributes
    ----------
    kernels : tuple of Kernel
        Depthwise kernels whose outputs are summed, sorted; empty means that the block is skipped.
    expansion : float
        Hidden channels as a multiple of the input channels.
    width : float
        Output channels as a multiple of the skeleton's.
    """

    kernels: tuple[Kernel, ...]
    expansion: float = 1.0
    width: float = 1.0

    def __post_init__(self) -> None:
        kernels = tuple(sorted(self.kernels))
        if len(set(kernels)) != len(kernels):
            raise UsageError(f"block '{self}': a kernel stands twice.")
        if self.expansion < 1 or not 0 < self.width <= 1:
            raise UsageError(f"block '{self}': expansion is at least 1, width in (0, 1].")
        object.__setattr__(self, "kernels", kernels)
        if not kernels:
            object.__setattr__(self, "expansion", 1.0)
            object.__setattr__(self, "width", 1.0)

    @property
    def is_skip(self) -> bool:
        """Whether the block passes its input on."""
        return not self.kernels

    @classmethod
    def parse(cls, text: str) -> "BlockGene":
        """Read ``t5e2w1``, ``f3+t7e2w0.75`` or ``skip``."""
        if text == "skip":
            return SKIP
        match = _BLOCK.fullmatch(text)
        if match is None:
            raise UsageError(f"block '{text}': write it as in t5e2w1, f3+t7e2w0.75 or skip.")
        kernels = tuple(Kernel.parse(kernel) for kernel in match[1].split("+"))
        return cls(kernels, float(match[2]), float(match[3]))

    def __str__(self) -> str:
        if self.is_skip:
            return "skip"
        kernels = "+".join(str(kernel) for kernel in self.kernels)
        return f"{kernels}e{self.expansion:g}w{self.width:g}"


SKIP = BlockGene(())


Gene = ShapeGene | BlockGene
"""One choice of a search space."""


def parse_gene(text: str) -> Gene:
    """Read a gene: of the shape if it has a colon, else of a block."""
    return ShapeGene.parse(text) if ":" in text else BlockGene.parse(text)


@dataclass(frozen=True)
class Genotype:
    """One network: a gene per block, after those of its shape.

    Attributes
    ----------
    blocks : tuple of BlockGene
    shape : tuple of ShapeGene
        What differs from the skeleton and the front end, in the order of `SHAPE_KINDS`.
    """

    blocks: tuple[BlockGene, ...]
    shape: tuple[ShapeGene, ...] = ()

    def __post_init__(self) -> None:
        shape = tuple(sorted(self.shape))
        places = [gene.place for gene in shape]
        if len(set(places)) != len(places):
            raise UsageError(f"the genotype '{self}' chooses something twice before its blocks.")
        object.__setattr__(self, "shape", shape)

    @classmethod
    def of(cls, genes: Iterable[Gene]) -> "Genotype":
        """Return the genotype of genes in any order but that of the blocks."""
        every = tuple(genes)
        return cls(
            tuple(gene for gene in every if isinstance(gene, BlockGene)),
            tuple(gene for gene in every if isinstance(gene, ShapeGene)),
        )

    @classmethod
    def parse(cls, text: str) -> "Genotype":
        """Read the text form: genes separated by blanks.

        Raises
        ------
        UsageError
            If a gene is not well formed.
        """
        genotype = cls.of(parse_gene(part) for part in text.split())
        if not genotype.blocks:
            raise UsageError("a genotype needs at least one block, as in 't5e2w1 f5e2w1'.")
        return genotype

    @property
    def genes(self) -> tuple[Gene, ...]:
        """All choices, those of the shape first."""
        return (*self.shape, *self.blocks)

    def shaped(self, *genes: ShapeGene) -> "Genotype":
        """Return the genotype with these genes in place of those that decide the same."""
        places = {gene.place for gene in genes}
        return Genotype(self.blocks, (*(g for g in self.shape if g.place not in places), *genes))

    def hearing_as(self, other: "Genotype") -> "Genotype":
        """Return the genotype with the input of another."""
        return self.shaped(*(gene for gene in other.shape if gene.kind == "input"))

    def __str__(self) -> str:
        return " ".join(str(gene) for gene in self.genes)

    def __len__(self) -> int:
        return len(self.shape) + len(self.blocks)

    def __iter__(self) -> Iterator[Gene]:
        return iter(self.genes)


def _checked(text: str) -> str:
    try:
        Genotype.parse(text)
    except AscNasError as error:
        raise ValueError(str(error).rstrip(".")) from error
    return text


GenotypeText = Annotated[str, AfterValidator(_checked)]
"""A genotype's text in a document."""
