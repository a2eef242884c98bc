"""The only place that computes layer shapes.

`resolve` turns a genotype into a list of layers; costs, the stand-alone network, its export and the
supernet all read that list, so the topology is written once.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations

from asc_nas.core.errors import UsageError
from asc_nas.space.genotype import BlockGene, Genotype
from asc_nas.space.skeleton import BlockPlan, Skeleton

Shape = tuple[int, int]

MOST_WEIGHTS = 2**28
"""Weights of a network, 1 GB: more are refused before they are allocated."""


@dataclass(frozen=True)
class ConvSpec:
    """A bias-free convolution followed by batch norm, padded by half its kernel.

    An odd kernel keeps the size at stride 1, an even one makes it larger by one.

    Attributes
    ----------
    kernel, stride : (frequency, time)
    groups : int
        1, or the number of channels (depthwise).
    out_size : (frequency, time)
        Size of the output map.
    """

    in_channels: int
    out_channels: int
    kernel: Shape
    stride: Shape
    groups: int
    out_size: Shape

    @property
    def weights(self) -> int:
        """Number of weights."""
        return self.in_channels // self.groups * self.out_channels * math.prod(self.kernel)

    @property
    def padding(self) -> Shape:
        """Zeros added on each side, (frequency, time)."""
        return self.kernel[0] // 2, self.kernel[1] // 2


@dataclass(frozen=True)
class LinearSpec:
    """A fully connected layer with bias."""

    in_features: int
    out_features: int


@dataclass(frozen=True)
class BlockSpec:
    """An inverted-residual block: expand (1 x 1), depthwise kernels summed, project (1 x 1).

    The sum of the depthwise kernels passes one batch norm, chosen by how many kernels there are
    (shadow batch norm, MixPath). `expand` is None at expansion 1. The shortcut exists where the
    skeleton gives input and output the same width, through average pooling where the block strides;
    where searched widths differ, it adds the channels that both have, the leading ones.
    """

    expand: ConvSpec | None
    depthwise: tuple[ConvSpec, ...]
    project: ConvSpec
    shortcut: bool
    activation_after_sum: bool

    @property
    def in_channels(self) -> int:
        """Channels of the block's input."""
        return (self.expand or self.depthwise[0]).in_channels

    @property
    def hidden_channels(self) -> int:
        """Channels between expansion and projection."""
        return self.depthwise[0].out_channels

    @property
    def out_channels(self) -> int:
        """Channels of the block's output."""
        return self.project.out_channels

    @property
    def stride(self) -> Shape:
        """Stride of the depthwise kernels and of the shortcut's pooling."""
        return self.depthwise[0].stride


@dataclass(frozen=True)
class NetSpec:
    """A whole network.

    Attributes
    ----------
    input_size : (mels, frames)
    input_range_db : see `Skeleton`
    stem : convolutions, each with batch norm and ReLU
    blocks : one per gene; None where the gene is skip
    head : 1 x 1 convolution with batch norm (and ReLU if a classifier follows the pooling)
    classifier : linear layer after global average pooling, or None
    """

    input_size: Shape
    input_range_db: float | None
    stem: tuple[ConvSpec, ...]
    blocks: tuple[BlockSpec | None, ...]
    head: ConvSpec
    classifier: LinearSpec | None

    def convolutions(self) -> Iterator[tuple[str, ConvSpec]]:
        """Yield every convolution with a name that says its place and role."""
        for i, conv in enumerate(self.stem):
            yield f"stem.{i}", conv
        for i, block in enumerate(self.blocks):
            if block is None:
                continue
            if block.expand is not None:
                yield f"blocks.{i}.expand", block.expand
            for j, conv in enumerate(block.depthwise):
                yield f"blocks.{i}.depthwise.{j}", conv
            yield f"blocks.{i}.project", block.project
        yield "head", self.head


def resolve(genotype: Genotype, skeleton: Skeleton, input_size: Shape, num_classes: int) -> NetSpec:
    """Return the layers of `genotype` on `skeleton` for an input of (mels, frames).

    The input is the one that the genotype hears, see `asc_nas.space.hearing`.

    Raises
    ------
    UsageError
        If the number of genes is not the skeleton's number of blocks, a gene skips a block that
        cannot be left out, the input is too small, or there are more than `MOST_WEIGHTS`.
    """
    skeleton = skeleton.shaped(genotype.shape)
    plans = skeleton.block_plans
    if len(genotype.blocks) != len(plans):
        raise UsageError(
            f"the genotype '{genotype}' has {len(genotype.blocks)} blocks; the skeleton has "
            f"{len(plans)}."
        )
    size, channels = input_size, 1
    stem = []
    for plan in skeleton.stem:
        kernel = (plan.kernel, plan.kernel)
        size = _convolved(size, kernel, plan.stride)
        stem.append(ConvSpec(channels, plan.channels, kernel, plan.stride, 1, size))
        channels = plan.channels
    blocks: list[BlockSpec | None] = []
    for i, (gene, block_plan) in enumerate(zip(genotype.blocks, plans, strict=True)):
        if gene.is_skip:
            if not block_plan.may_skip:
                raise UsageError(
                    f"block {i} of '{genotype}' cannot be skipped: it strides or changes the width."
                )
            blocks.append(None)
            continue
        block = _resolve_block(gene, block_plan, channels, size, skeleton)
        size, channels = block.project.out_size, block.out_channels
        blocks.append(block)
    if min(size) < 1:
        raise UsageError(f"the input {input_size} is too small for this skeleton.")
    head_channels = skeleton.head_channels or num_classes
    head = ConvSpec(channels, head_channels, (1, 1), (1, 1), 1, size)
    classifier = LinearSpec(head_channels, num_classes) if skeleton.head_channels else None
    spec = NetSpec(
        input_size, skeleton.input_range_db, tuple(stem), tuple(blocks), head, classifier
    )
    if sum(conv.weights for _, conv in spec.convolutions()) > MOST_WEIGHTS:
        raise UsageError(
            f"the network '{genotype}' has more than {MOST_WEIGHTS:,} weights; give the skeleton "
            "or the space fewer channels or smaller expansions."
        )
    return spec


def _resolve_block(
    gene: BlockGene, plan: BlockPlan, in_channels: int, size: Shape, skeleton: Skeleton
) -> BlockSpec:
    multiple = skeleton.channel_multiple
    out = (
        plan.out_channels if gene.width == 1 else _rounded(plan.out_channels * gene.width, multiple)
    )
    expands = gene.expansion != 1
    hidden = _rounded(in_channels * gene.expansion, multiple) if expands else in_channels
    out_size = _convolved(size, (1, 1), plan.stride)  # every odd kernel gives the same
    return BlockSpec(
        expand=ConvSpec(in_channels, hidden, (1, 1), (1, 1), 1, size) if expands else None,
        depthwise=tuple(
            ConvSpec(hidden, hidden, (k.frequency, k.time), plan.stride, hidden, out_size)
            for k in gene.kernels
        ),
        project=ConvSpec(hidden, out, (1, 1), (1, 1), 1, out_size),
        shortcut=plan.in_channels == plan.out_channels,
        activation_after_sum=skeleton.activation_after_sum,
    )


def joined(spec: NetSpec) -> NetSpec:
    """Return the layers that a trained network is used with: fewer depthwise kernels, the same sum.

    The sum of two kernels is one kernel, of an extent that holds both (structural
    re-parameterisation, Ding et al., arXiv 2101.03697). So 3 and 5 taps along time become one of 5.
    Kernels are joined where this takes no more weights than they have; 3 along frequency and 3
    along time stay two, of 6 weights and not of 9.
    """
    blocks = (
        None if block is None else replace(block, depthwise=_joined(block.depthwise))
        for block in spec.blocks
    )
    return replace(spec, blocks=tuple(blocks))


def _joined(kernels: tuple[ConvSpec, ...]) -> tuple[ConvSpec, ...]:
    for pair in combinations(kernels, 2):
        both = replace(pair[0], kernel=_extent(pair[0].kernel, pair[1].kernel))
        same_centre = all((a - b) % 2 == 0 for a, b in zip(*(k.kernel for k in pair), strict=True))
        if same_centre and both.weights <= pair[0].weights + pair[1].weights:
            place = kernels.index(pair[0])
            rest = [kernel for kernel in kernels if kernel not in pair]
            return _joined((*rest[:place], both, *rest[place:]))
    return kernels


def _extent(a: Shape, b: Shape) -> Shape:
    return max(a[0], b[0]), max(a[1], b[1])


def _rounded(channels: float, multiple: int) -> int:
    """Round to the nearest multiple, at least one multiple, and never below 90 % of the value.

    The rule of the MobileNet papers' code.
    """
    rounded = max(multiple, int(channels + multiple / 2) // multiple * multiple)
    return rounded + multiple if rounded < 0.9 * channels else rounded


def _convolved(size: Shape, kernel: Shape, stride: Shape) -> Shape:
    frequency, time = (
        (length + 2 * (extent // 2) - extent) // step + 1
        for length, extent, step in zip(size, kernel, stride, strict=True)
    )
    return frequency, time
