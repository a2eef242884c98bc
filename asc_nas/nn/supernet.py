"""The weight-sharing supernet: every network of a search space in one set of weights."""

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from itertools import chain
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from asc_nas.nn.depthwise import depthwise_conv2d
from asc_nas.nn.elastic import ElasticBatchNorm2d, ElasticConv2d
from asc_nas.nn.subnet import (
    ConvNorm,
    InputNorm,
    InvertedResidual,
    SubNet,
    join_shortcut,
    pool_and_classify,
    sum_paths,
)
from asc_nas.space.genotype import Genotype, Kernel
from asc_nas.space.netspec import BlockSpec, ConvSpec, NetSpec, Shape
from asc_nas.space.search_space import SearchSpace
from asc_nas.space.shape_gene import ShapeGene

DEPTHWISE_NOISE = 0.3
"""Share of He normal weights that a shared depthwise kernel starts with, besides its centre."""


class ElasticConvNorm(nn.Module):
    """Elastic convolution and batch norm."""

    def __init__(self, spec: ConvSpec) -> None:
        super().__init__()
        self.conv = ElasticConv2d(spec)
        self.norm = ElasticBatchNorm2d(spec.out_channels)

    def forward(self, x: Tensor, spec: ConvSpec) -> Tensor:
        """Map (n, in, frequency, time) to (n, out, frequency, time)."""
        return self.norm(self.conv(x, spec))

    @torch.no_grad()
    def copy_to(self, target: ConvNorm, spec: ConvSpec) -> None:
        """Copy the slice of `spec` into a plain layer."""
        target.conv.weight.copy_(self.conv.sliced(spec))
        copy_norm(self.norm, target.norm)


@torch.no_grad()
def copy_norm(source: ElasticBatchNorm2d, target: nn.BatchNorm2d) -> None:
    """Copy the leading channels of an elastic batch norm into a plain one."""
    for name, value in source.sliced(target.num_features).items():
        getattr(target, name).copy_(value)


class ElasticInvertedResidual(nn.Module):
    """All candidates of one block.

    One depthwise weight per kernel (MixPath: their outputs are summed) and one batch norm after the
    sum per number of active kernels (shadow batch norms, Chu et al., arXiv 2001.05887, section 3);
    fewer norms than active kernels share the last one, so that a single one is the plain supernet.
    Expansion and width are slices of the pointwise weights.
    """

    def __init__(self, largest: BlockSpec, kernels: tuple[Kernel, ...], norms: int) -> None:
        super().__init__()
        self.expand = ElasticConvNorm(largest.expand) if largest.expand else None
        hidden = largest.hidden_channels
        self.depthwise = nn.ModuleDict()
        for k in kernels:
            extent = (k.frequency, k.time)
            spec = ConvSpec(hidden, hidden, extent, largest.stride, hidden, (0, 0))
            self.depthwise[_kernel_key(extent)] = ElasticConv2d(spec)
        self.shadow_norms = nn.ModuleList(ElasticBatchNorm2d(hidden) for _ in range(norms))
        self.project = ElasticConvNorm(largest.project)

    def kernel(self, conv: ConvSpec) -> ElasticConv2d:
        """Return the weights of one depthwise kernel."""
        return cast(ElasticConv2d, self.depthwise[_kernel_key(conv.kernel)])

    def depthwise_norm(self, spec: BlockSpec) -> ElasticBatchNorm2d:
        """Return the batch norm for the number of active kernels of `spec`."""
        index = min(len(spec.depthwise), len(self.shadow_norms)) - 1
        return cast(ElasticBatchNorm2d, self.shadow_norms[index])

    def forward(self, x: Tensor, spec: BlockSpec) -> Tensor:
        """Map (n, in, frequency, time) to (n, out, frequency / stride, time / stride)."""
        if spec.expand is None:
            hidden = x
        else:
            assert self.expand is not None
            hidden = F.relu(self.expand(x, spec.expand), inplace=True)
        paths = [
            depthwise_conv2d(hidden, self.kernel(conv).sliced(conv), conv)
            for conv in spec.depthwise
        ]
        hidden = F.relu(self.depthwise_norm(spec)(sum_paths(paths)), inplace=True)
        return join_shortcut(x, self.project(hidden, spec.project), spec)

    @torch.no_grad()
    def copy_to(self, target: InvertedResidual, spec: BlockSpec) -> None:
        """Copy the slices of `spec` into a plain block."""
        if spec.expand is not None and self.expand is not None and target.expand is not None:
            self.expand.copy_to(target.expand, spec.expand)
        for conv, plain in zip(spec.depthwise, target.depthwise, strict=True):
            cast(nn.Conv2d, plain).weight.copy_(self.kernel(conv).sliced(conv))
        copy_norm(self.depthwise_norm(spec), target.depthwise_norm)
        self.project.copy_to(target.project, spec.project)


def _kernel_key(extent: Shape) -> str:
    return f"{extent[0]}x{extent[1]}"


class Supernet(nn.Module):
    """Shared weights of all genotypes of `space`.

    ``supernet(x, genotype)`` keeps no state between calls but the batch norms' running statistics.
    Channels of stem, stages and head are leading slices of the largest; strides and what is heard
    (elastic input, as the image sizes of Once-for-All, Cai et al., arXiv 1908.09791) change no
    weight but the statistics by which each input is standardised.

    Parameters
    ----------
    space : what can be chosen
    spec_of : function from a genotype to its layers
    shadow_norms : bool
        A batch norm per number of active kernels (MixPath); else one for all numbers.
    """

    def __init__(
        self,
        space: SearchSpace,
        spec_of: Callable[[Genotype], NetSpec],
        *,
        shadow_norms: bool = True,
    ) -> None:
        super().__init__()
        self.space = space
        self._spec_of = lru_cache(maxsize=4096)(spec_of)
        largest = self.spec(space.largest())
        self.input_norm: nn.Module = InputNorm(largest.input_size[0], largest.input_range_db)
        if space.inputs != ((),):
            self.input_norm = nn.ModuleDict(
                {_input_key(shape): self._new_input_norm(shape) for shape in space.inputs}
            )
        self.stem = nn.ModuleList(ElasticConvNorm(conv) for conv in largest.stem)
        self.blocks = nn.ModuleDict(
            {
                str(i): ElasticInvertedResidual(
                    block, space.kernels(i), space.max_paths(i) if shadow_norms else 1
                )
                for i, block in enumerate(largest.blocks)
                if block is not None
            }
        )
        self.head = ElasticConvNorm(largest.head)
        linear = largest.classifier
        self.classifier = nn.Linear(linear.in_features, linear.out_features) if linear else None
        self.direct_head: ElasticConvNorm | None = None
        if linear is not None and ShapeGene("head", "0") in chain(*space.shape):
            self.direct_head = ElasticConvNorm(
                replace(largest.head, out_channels=linear.out_features)
            )
        self.register_load_state_dict_pre_hook(_without_counts)

    def spec(self, genotype: Genotype) -> NetSpec:
        """Return the layers of `genotype`."""
        return self._spec_of(genotype)

    def input_norm_of(self, shape: tuple[ShapeGene, ...]) -> InputNorm:
        """Return what standardises the input that genotypes of a shape hear."""
        if isinstance(self.input_norm, nn.ModuleDict):
            return cast(InputNorm, self.input_norm[_input_key(shape)])
        return cast(InputNorm, self.input_norm)

    def _new_input_norm(self, shape: tuple[ShapeGene, ...]) -> InputNorm:
        spec = self.spec(self.space.largest().shaped(*shape))
        return InputNorm(spec.input_size[0], spec.input_range_db)

    def head_of(self, spec: NetSpec) -> ElasticConvNorm:
        """Return the head of a network: to features for a linear layer, or straight to classes."""
        direct = spec.classifier is None and self.direct_head is not None
        return cast(ElasticConvNorm, self.direct_head if direct else self.head)

    def forward(self, x: Tensor, genotype: Genotype) -> Tensor:
        """Map x (n, 1, mels, frames) in dB to the logits (n, classes) of `genotype`."""
        spec = self.spec(genotype)
        x = self.input_norm_of(genotype.shape)(x)
        for conv, conv_spec in zip(self.stem, spec.stem, strict=True):
            x = F.relu(conv(x, conv_spec), inplace=True)
        for i, block in enumerate(spec.blocks):
            if block is not None:
                x = self.blocks[str(i)](x, block)
        head = self.head_of(spec)(x, spec.head)
        return pool_and_classify(head, self._classifier_of(spec))

    def _classifier_of(self, spec: NetSpec) -> Callable[[Tensor], Tensor] | None:
        linear = spec.classifier
        if linear is None:
            return None
        assert self.classifier is not None
        weight, bias = self.classifier.weight[:, : linear.in_features], self.classifier.bias
        return lambda x: F.linear(x, weight, bias)

    @torch.no_grad()
    def extract(self, genotype: Genotype) -> SubNet:
        """Return the stand-alone network of `genotype`, with copies of its weights."""
        spec = self.spec(genotype)
        network = SubNet(spec)
        network.input_norm.load_state_dict(self.input_norm_of(genotype.shape).state_dict())
        for i, conv in enumerate(spec.stem):
            cast(ElasticConvNorm, self.stem[i]).copy_to(cast(ConvNorm, network.stem[i]), conv)
        for i, block in enumerate(spec.blocks):
            if block is not None:
                source = cast(ElasticInvertedResidual, self.blocks[str(i)])
                source.copy_to(cast(InvertedResidual, network.blocks[str(i)]), block)
        self.head_of(spec).copy_to(network.head, spec.head)
        if self.classifier is not None and network.classifier is not None:
            features = network.classifier.in_features
            network.classifier.weight.copy_(self.classifier.weight[:, :features])
            network.classifier.bias.copy_(self.classifier.bias)
        return network.train(self.training)


def _input_key(shape: tuple[ShapeGene, ...]) -> str:
    return next(gene.value for gene in shape if gene.kind == "input")


def _without_counts(module: nn.Module, state: dict[str, Any], *others: Any) -> None:
    """Take weights of before the stem was elastic: its plain norms counted their batches."""
    for name in [name for name in state if name.endswith("num_batches_tracked")]:
        del state[name]


@torch.no_grad()
def init_supernet(supernet: Supernet, generator: torch.Generator) -> None:
    """Initialise shared weights so that at first all networks of the space say nearly the same.

    Every depthwise kernel passes its input on (one at its centre) but for some noise, so that the
    layers after it see alike maps whichever kernel is active; and a block with a shortcut adds
    nothing at first (its last norm's weight is zero; Goyal et al., arXiv 1706.02677). With He
    normal weights alone, kernels answer one another's unrelated outputs, and shared weights learn
    several times more slowly.
    """
    init_weights(supernet, generator)
    for i, spec in enumerate(supernet.spec(supernet.space.largest()).blocks):
        if spec is None:
            continue
        block = cast(ElasticInvertedResidual, supernet.blocks[str(i)])
        for conv in block.depthwise.values():
            weight = cast(ElasticConv2d, conv).weight
            weight.mul_(DEPTHWISE_NOISE)
            weight[:, :, weight.shape[2] // 2, weight.shape[3] // 2] += 1
        if spec.shortcut:
            block.project.norm.weight.zero_()


def init_weights(module: nn.Module, generator: torch.Generator) -> None:
    """Initialise every weight from `generator`: He normal for convolutions."""
    for name, parameter in module.named_parameters():
        if parameter.dim() == 4:
            nn.init.kaiming_normal_(
                parameter, mode="fan_in", nonlinearity="relu", generator=generator
            )
        elif parameter.dim() == 2:
            nn.init.normal_(parameter, 0.0, 0.01, generator=generator)
        elif name.endswith("bias"):
            nn.init.zeros_(parameter)
        else:
            nn.init.ones_(parameter)
