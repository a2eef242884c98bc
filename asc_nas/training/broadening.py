"""Broadening: narrow channel numbers come into the space while the supernet trains.

The spring block of BS-NAS (Shen et al., arXiv 2003.09821): channel numbers are searchable in
training. Here they are the genes expansion (hidden width) and width (a block's output), leading
slices of the largest weights; the widest ones are trained first, and each narrower one starts from
weights that its wider neighbours have trained.
"""

from asc_nas.space.genotype import BlockGene
from asc_nas.space.search_space import SearchSpace


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


def _entries(genes: tuple[BlockGene, ...]) -> dict[BlockGene, float]:
    """Return when each candidate of a block comes in, as a share of the broadening (0 to 1)."""
    active = [gene for gene in genes if not gene.is_skip]
    expansions = sorted({gene.expansion for gene in active}, reverse=True)
    widths = sorted({gene.width for gene in active}, reverse=True)
    shares = {
        gene: max(
            _share(expansions.index(gene.expansion), expansions),
            _share(widths.index(gene.width), widths),
        )
        for gene in active
    }
    widest = min(shares.values(), default=0.0)
    return {gene: shares.get(gene, widest) for gene in genes}


def _share(position: int, values: list[float]) -> float:
    return position / max(1, len(values) - 1)
