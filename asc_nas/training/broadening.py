"""Broadening: narrow channel numbers come into the space while the supernet trains.

The spring block of BS-NAS (Shen et al., arXiv 2003.09821): channel numbers are searchable in
training. Here they are the genes expansion (hidden width), width (a block's output) and channels
of stem, stages and head, leading slices of the largest weights; the widest ones are trained first,
and each narrower one starts from weights that its wider neighbours have trained.
"""

from collections.abc import Sequence

from asc_nas.space.genotype import BlockGene, Gene
from asc_nas.space.search_space import SearchSpace
from asc_nas.space.shape_gene import ShapeGene

WIDTHS = ("stem", "stage", "head")
"""Kinds of genes of the shape that are channel numbers."""


def broadened(space: SearchSpace, epoch: int, epochs: int) -> SearchSpace:
    """Return the part of `space` that is in force in `epoch`, counted from 0.

    A block's training starts with its widest expansion and width. Of n values of a gene, the i-th
    narrower one comes in at epoch ``i / (n - 1) * epochs``: evenly, the last one at `epochs`. A
    candidate is there when both its values are; at least one is from the start on. Skip always is.
    """
    if epoch >= epochs:
        return space
    entries = [_entries(genes) for genes in space.candidates]
    first = [min(entry.values()) for entry in entries]
    return space.restrict(
        lambda block, gene: entries[block][gene] <= max(epoch / epochs, first[block])
    )


def _entries(genes: tuple[Gene, ...]) -> dict[Gene, float]:
    """Return when each candidate of a choice comes in, as a share of the broadening (0 to 1)."""
    channels = [g for g in genes if isinstance(g, ShapeGene) and g.kind in WIDTHS]
    widest_first = sorted(channels, reverse=True)
    if channels:
        return {gene: _share(widest_first.index(gene), widest_first) for gene in channels}
    active = [gene for gene in genes if isinstance(gene, BlockGene) and not gene.is_skip]
    expansions = sorted({gene.expansion for gene in active}, reverse=True)
    widths = sorted({gene.width for gene in active}, reverse=True)
    shares: dict[Gene, float] = {
        gene: max(
            _share(expansions.index(gene.expansion), expansions),
            _share(widths.index(gene.width), widths),
        )
        for gene in active
    }
    widest = min(shares.values(), default=0.0)
    return {gene: shares.get(gene, widest) for gene in genes}


def _share(position: int, values: Sequence[object]) -> float:
    return position / max(1, len(values) - 1)
