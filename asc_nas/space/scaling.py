"""A skeleton's shape among those of a space, and the same made narrower and wider.

Width alone is what a person would change first, and is a strong baseline of any search.
"""

from asc_nas.audio.logmel import FrontEnd
from asc_nas.space.hearing import FrontEndChange
from asc_nas.space.search_space import SearchSpace
from asc_nas.space.shape_gene import ShapeGene
from asc_nas.space.skeleton import Skeleton

Shape = tuple[ShapeGene, ...]
SCALED = ("stem", "stage")
"""Kinds of genes that are scaled together."""


def scaled_shapes(space: SearchSpace, skeleton: Skeleton, frontend: FrontEnd) -> list[Shape]:
    """Return the skeleton's shape, and it at every width of the space.

    Of each list of channels the one at the same place is taken, in order of size; of lists that
    are shorter, the one at about the same share.
    """
    own = {gene.place: gene for gene in shape_of(skeleton, frontend)}
    nearest = [_nearest(own[genes[0].place], genes) for genes in space.shape]
    lists = [sorted(genes) for genes in space.shape if genes[0].kind in SCALED]
    sizes = max(map(len, lists), default=1)
    shapes = [tuple(nearest)]
    for size in range(sizes):
        taken = [genes[round(size * (len(genes) - 1) / max(1, sizes - 1))] for genes in lists]
        scaled = {gene.place: gene for gene in taken}
        shapes.append(tuple(scaled.get(gene.place, gene) for gene in nearest))
    return list(dict.fromkeys(shapes))


def shape_of(skeleton: Skeleton, frontend: FrontEnd) -> list[ShapeGene]:
    """Return the genes that say what a skeleton and a front end are."""
    strides = tuple(
        (min(2, plan.stride[0]), min(2, plan.stride[1])) for plan in skeleton.block_plans
    )
    stem = "-".join(str(conv.channels) for conv in skeleton.stem)
    return [
        FrontEndChange().gene(frontend),
        ShapeGene("stem", stem),
        *(ShapeGene("stage", str(stage.channels), i) for i, stage in enumerate(skeleton.stages, 1)),
        ShapeGene.down(strides),
        ShapeGene("head", str(skeleton.head_channels or 0)),
        ShapeGene("sum", "relu" if skeleton.activation_after_sum else "linear"),
    ]


def _nearest(own: ShapeGene, genes: tuple[ShapeGene, ...]) -> ShapeGene:
    """Return the skeleton's own gene if it is among `genes`, else the one of nearest numbers."""
    if own in genes:
        return own

    def distance(gene: ShapeGene) -> int:
        return sum(abs(a - b) for a, b in zip(gene.numeric, own.numeric, strict=False))

    return min(genes, key=distance)
