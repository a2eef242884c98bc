"""The layers of a network as units whose time is measured, each with a key.

A layer is what onnxruntime runs as one piece or as a few that always come together: a convolution
with its batch norm and ReLU folded in, the depthwise kernels of a block with their sum and norm, a
projection with the shortcut that is added to it, the head with its pooling. It has the same key
wherever it stands, so that it is measured once.
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

from asc_nas.core.errors import UsageError
from asc_nas.space.genotype import BlockGene, Genotype
from asc_nas.space.netspec import BlockSpec, ConvSpec, NetSpec, Shape, joined
from asc_nas.space.search_space import SearchSpace
from asc_nas.space.shape_gene import ShapeGene

MOST_SHAPES = 500
"""Shapes of which the layers are listed: more would take minutes to measure."""


@dataclass(frozen=True)
class Shortcut:
    """What is added to a projection: the block's input, average-pooled where the block strides."""

    channels: int
    stride: Shape
    in_size: Shape


@dataclass(frozen=True)
class Layer:
    """One unit of work.

    Attributes
    ----------
    kind : "stem", "expand", "depthwise", "project" or "head"
    kernels : tuple of (frequency, time)
        One extent; several for the summed kernels of a depthwise layer.
    stride, in_size : (frequency, time)
    relu : bool
        Whether a ReLU follows (after the shortcut's sum, if there is one).
    shortcut : Shortcut or None
        Only of a projection.
    classes : int or None
        Only of a head: outputs of the linear layer after global pooling, if there is one.
    """

    kind: str
    in_channels: int
    out_channels: int
    kernels: tuple[Shape, ...]
    stride: Shape
    in_size: Shape
    relu: bool = True
    shortcut: Shortcut | None = None
    classes: int | None = None

    @property
    def key(self) -> str:
        """Text that names what is computed: ``depthwise 3x1+1x5 s1x2 c48-48 in16x63 relu``."""
        kernels = "+".join(_text(kernel) for kernel in self.kernels)
        words = [self.kind, kernels, f"s{_text(self.stride)}"]
        words += [f"c{self.in_channels}-{self.out_channels}", f"in{_text(self.in_size)}"]
        if self.relu:
            words.append("relu")
        if self.shortcut is not None:
            added = self.shortcut
            words.append(f"+ c{added.channels} s{_text(added.stride)} in{_text(added.in_size)}")
        if self.classes is not None:
            words.append(f"linear{self.classes}")
        return " ".join(words)


def _text(shape: Shape) -> str:
    return f"{shape[0]}x{shape[1]}"


def layers_of(spec: NetSpec) -> tuple[Layer, ...]:
    """Return the layers of a network in order, its depthwise kernels joined."""
    return tuple(_layers(joined(spec)))


def _layers(spec: NetSpec) -> Iterator[Layer]:
    size = spec.input_size
    for conv in spec.stem:
        yield _layer("stem", (conv,), size)
        size = conv.out_size
    for block in filter(None, spec.blocks):
        yield from _block_layers(block, size)
        size = block.project.out_size
    linear = spec.classifier
    classes = None if linear is None else linear.out_features
    yield _layer("head", (spec.head,), size, relu=linear is not None, classes=classes)


def _block_layers(block: BlockSpec, size: Shape) -> Iterator[Layer]:
    if block.expand is not None:
        yield _layer("expand", (block.expand,), size)
    yield _layer("depthwise", block.depthwise, size)
    yield _layer(
        "project",
        (block.project,),
        block.depthwise[0].out_size,
        relu=block.activation_after_sum,
        shortcut=Shortcut(block.in_channels, block.stride, size) if block.shortcut else None,
    )


def _layer(kind: str, convs: tuple[ConvSpec, ...], in_size: Shape, **others: Any) -> Layer:
    first = convs[0]
    kernels = tuple(conv.kernel for conv in convs)
    return Layer(
        kind, first.in_channels, first.out_channels, kernels, first.stride, in_size, **others
    )


def layers_of_space(
    space: SearchSpace, spec_of: Callable[[Genotype], NetSpec]
) -> tuple[Layer, ...]:
    """Return every distinct layer that a network of the space can contain.

    A block's layers depend on its gene and on its input width, which an earlier gene chose. So
    every gene is put behind one prefix per reachable input width, and the layers of these few
    genotypes are collected, for every shape; the space is not enumerated.

    Raises
    ------
    UsageError
        If the space has more than `MOST_SHAPES` shapes.
    """
    if (shapes := prod(map(len, space.shape))) > MOST_SHAPES:
        raise UsageError(
            f"the space has {shapes:,} shapes, more than the {MOST_SHAPES} whose layers can be "
            "measured; list fewer channels, stems, heads or front ends, or search without latency."
        )
    found: dict[str, Layer] = {}
    for shape in itertools.product(*space.shape):
        found |= _layers_of_shape(space, shape, spec_of)
    return tuple(found.values())


def _layers_of_shape(
    space: SearchSpace, shape: tuple[ShapeGene, ...], spec_of: Callable[[Genotype], NetSpec]
) -> dict[str, Layer]:
    found: dict[str, Layer] = {}
    prefixes: list[tuple[BlockGene, ...]] = [()]
    for i, genes in enumerate(space.blocks):
        rest = tuple(candidates[0] for candidates in space.blocks[i + 1 :])
        by_width: dict[int | None, tuple[BlockGene, ...]] = {}
        for prefix, gene in itertools.product(prefixes, genes):
            reached = (*prefix, gene)
            spec = spec_of(Genotype(reached + rest, shape))
            found |= {layer.key: layer for layer in layers_of(spec)}
            widths = [block.out_channels for block in spec.blocks[: i + 1] if block is not None]
            by_width.setdefault(widths[-1] if widths else None, reached)
        prefixes = list(by_width.values())
    return found
