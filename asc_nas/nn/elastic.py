"""Elastic layers: the largest size is stored, a leading slice of it is used.

An elastic layer equals the plain layer that holds the sliced weights. Functions, not branches: each
forward is a weight slice and one torch function.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from asc_nas.nn.batch_norm import Gather, of_a_part
from asc_nas.space.netspec import ConvSpec

BN_MOMENTUM = 0.1
BN_EPSILON = 1e-5

Keep = Callable[[Tensor, Tensor], None]
"""Takes mean and unbiased variance of a batch, (channels used,) each."""


class ElasticConv2d(nn.Module):
    """A bias-free convolution of at most the channels of `spec`; ordinary or depthwise."""

    def __init__(self, spec: ConvSpec) -> None:
        super().__init__()
        shape = (spec.out_channels, spec.in_channels // spec.groups, *spec.kernel)
        self.weight = nn.Parameter(torch.empty(shape))

    def sliced(self, spec: ConvSpec) -> Tensor:
        """Return the weights of `spec`: its first output and input channels."""
        return self.weight[: spec.out_channels, : spec.in_channels // spec.groups]

    def forward(self, x: Tensor, spec: ConvSpec) -> Tensor:
        """Convolve x (n, spec.in_channels, frequency, time)."""
        weight = self.sliced(spec)
        return F.conv2d(x, weight, None, spec.stride, spec.padding, groups=spec.groups)


class ElasticBatchNorm2d(nn.Module):
    """Batch norm of at most `channels` channels; the first ones are used and updated.

    While `gather` is set, a batch in training is a part of one, see `asc_nas.nn.batch_norm`. While
    `keep` is set, it is given the statistics of a batch in training, and the running ones stay.
    """

    running_mean: Tensor
    running_var: Tensor
    gather: Gather | None = None
    keep: Keep | None = None

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def sliced(self, channels: int) -> dict[str, Tensor]:
        """Return weight, bias, running_mean and running_var of the first `channels`."""
        names = ("weight", "bias", "running_mean", "running_var")
        return {name: getattr(self, name)[:channels] for name in names}

    def forward(self, x: Tensor) -> Tensor:
        """Normalise x (n, channels, frequency, time); in training, update the used statistics."""
        s = self.sliced(x.shape[1])
        if self.training and self.gather is not None:
            return of_a_part(x, **s, momentum=BN_MOMENTUM, eps=BN_EPSILON, gather=self.gather)
        mean, variance, momentum = s["running_mean"], s["running_var"], BN_MOMENTUM
        keep = self.keep if self.training else None
        if keep is not None:
            mean, variance, momentum = torch.zeros_like(mean), torch.zeros_like(variance), 1.0
        y = F.batch_norm(
            x, mean, variance, s["weight"], s["bias"], self.training, momentum, BN_EPSILON
        )
        if keep is not None:
            keep(mean, variance)
        return y
