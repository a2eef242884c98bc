"""Weights of convolutions in 8-bit integers, with exact batch norms: smaller files, the same sums.

Every convolution of our networks is followed by a batch norm, which divides by the deviation of
what it gets. So the step of the integers needs no number of its own: the norm's statistics take it.
"""

from collections.abc import Iterator, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from asc_nas.nn.subnet import ConvNorm, InvertedResidual, SubNet

Pair = tuple[int, int]
LARGEST = 127
"""Of an integer weight; -128 is left out, so that steps are the same on both sides of 0."""


class Int8Conv2d(nn.Conv2d):
    """A convolution whose weights are 8-bit integers; it computes with them as floats."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__(
            conv.in_channels,
            conv.out_channels,
            cast(Pair, conv.kernel_size),
            cast(Pair, conv.stride),
            cast(Pair, conv.padding),
            groups=conv.groups,
            bias=False,
        )
        integers = torch.zeros(self.weight.shape, dtype=torch.int8)
        self.weight = nn.Parameter(integers, requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, in, frequency, time) to (n, out, frequency, time)."""
        return self._conv_forward(x, self.weight.to(x.dtype), None)


def take_int8_convolutions(network: nn.Module) -> None:
    """Put an `Int8Conv2d` with weights of 0 in the place of every convolution of a network."""
    for parent in list(network.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.Conv2d):
                setattr(parent, name, Int8Conv2d(child))


@torch.no_grad()
def with_int8_weights(network: SubNet) -> SubNet:
    """Round the weights of a trained network's convolutions to integers, in place.

    The steps are those of single channels; kernels that are summed before a norm have common ones.

    Returns
    -------
    network : the same, which can be tested and no longer be trained
    """
    rounded: list[Tensor] = []
    for convolutions, norm in _with_norms(network):
        weights = [conv.weight for conv in convolutions]
        largest = torch.stack([weight.abs().flatten(1).amax(1) for weight in weights]).amax(0)
        step = torch.where(largest > 0, largest / LARGEST, 1)
        rounded += [(weight / step[:, None, None, None]).round() for weight in weights]
        assert norm.running_mean is not None
        assert norm.running_var is not None
        norm.running_mean /= step
        norm.running_var.copy_((norm.running_var + norm.eps) / step**2 - norm.eps)
    take_int8_convolutions(network)
    places = (conv for convolutions, _ in _with_norms(network) for conv in convolutions)
    for conv, weight in zip(places, rounded, strict=True):
        conv.weight.copy_(weight)
    return network.eval()


def _with_norms(network: nn.Module) -> Iterator[tuple[Sequence[nn.Conv2d], nn.BatchNorm2d]]:
    """Yield the convolutions whose outputs are summed, with the norm that follows them."""
    for module in network.modules():
        if isinstance(module, ConvNorm):
            yield [module.conv], module.norm
        elif isinstance(module, InvertedResidual):
            kernels = [conv for conv in module.depthwise if isinstance(conv, nn.Conv2d)]
            yield kernels, module.depthwise_norm
