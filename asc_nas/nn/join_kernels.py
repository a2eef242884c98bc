"""The depthwise kernels of a trained network that become one."""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from asc_nas.nn.depthwise import DepthwiseConv2d
from asc_nas.nn.subnet import InvertedResidual, SubNet
from asc_nas.space.netspec import ConvSpec, joined


def join_kernels(network: SubNet) -> SubNet:
    """Put those kernels of a block together, in place, that `joined` puts together.

    Returns
    -------
    network : the same; its answers are the same up to rounding
    """
    network.spec = joined(network.spec)
    for place, spec in enumerate(network.spec.blocks):
        if spec is not None:
            block = cast(InvertedResidual, network.blocks[str(place)])
            block.spec = spec
            block.depthwise = _joined(cast(list[DepthwiseConv2d], block.depthwise), spec.depthwise)
    return network


@torch.no_grad()
def _joined(layers: list[DepthwiseConv2d], kernels: tuple[ConvSpec, ...]) -> nn.ModuleList:
    """Return layers of `kernels` with the sum of the weights of `layers`, centre on centre."""
    weights: list[list[Tensor]] = [[] for _ in kernels]
    for layer in layers:
        place = next(i for i, kernel in enumerate(kernels) if _holds(kernel, layer.spec))
        margins = [
            (outer - inner) // 2
            for outer, inner in zip(kernels[place].kernel, layer.spec.kernel, strict=True)
        ]
        frequency, time = margins
        weights[place].append(F.pad(layer.weight, (time, time, frequency, frequency)))
    made = []
    for kernel, of_it in zip(kernels, weights, strict=True):
        layer = DepthwiseConv2d(kernel).to(of_it[0]).train(layers[0].training)
        layer.weight.copy_(torch.stack(of_it).sum(0))
        made.append(layer)
    return nn.ModuleList(made)


def _holds(outer: ConvSpec, inner: ConvSpec) -> bool:
    pairs = zip(outer.kernel, inner.kernel, strict=True)
    return all(a >= b and (a - b) % 2 == 0 for a, b in pairs)
