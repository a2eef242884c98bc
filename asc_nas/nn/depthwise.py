"""Depthwise convolution whose weight gradient is fast on the CPU for kernels along time."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from asc_nas.space.netspec import ConvSpec

Pair = tuple[int, int]


def depthwise_conv2d(x: Tensor, weight: Tensor, spec: ConvSpec) -> Tensor:
    """Convolve each channel of x (n, channels, frequency, time) with its kernel of `weight`.

    Equals ``F.conv2d(x, weight, None, spec.stride, spec.padding, groups=channels)``, gradients
    included, up to rounding.
    """
    if torch.is_grad_enabled() and weight.requires_grad and _long_in_time(spec) and _on_cpu(x):
        return _AlongTime.apply(x, weight, spec.stride, spec.padding)
    return F.conv2d(x, weight, None, spec.stride, spec.padding, groups=spec.groups)


class DepthwiseConv2d(nn.Conv2d):
    """The plain layer of `spec`, computed by `depthwise_conv2d`."""

    def __init__(self, spec: ConvSpec) -> None:
        super().__init__(
            spec.in_channels,
            spec.out_channels,
            spec.kernel,
            spec.stride,
            spec.padding,
            groups=spec.groups,
            bias=False,
        )
        self.spec = spec

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, channels, frequency, time) to (n, channels, frequency, time)."""
        return depthwise_conv2d(x, self.weight, self.spec)


def _long_in_time(spec: ConvSpec) -> bool:
    """Whether PyTorch's weight gradient is slow: 1 x 5 and longer (docs/NOTEBOOK.md, Speed).

    With a stride along time, rows do not always pay.
    """
    return spec.kernel[0] == 1 and spec.kernel[1] >= 5 and spec.stride[1] == 1


def _on_cpu(x: Tensor) -> bool:
    """Whether it is oneDNN that computes, and in float32."""
    return x.device.type == "cpu" and not torch.is_autocast_enabled("cpu")


class _AlongTime(torch.autograd.Function):
    """A 1 x k kernel: for the weights' gradient, frequency rows are further examples.

    In channels-last memory (n, frequency, time, channels) is also (n * frequency, time, 1,
    channels), without a copy. oneDNN's weight gradient of the k x 1 kernel on that is several
    times faster than that of the 1 x k kernel.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: Pair, padding: Pair) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.padding = stride, padding
        return F.conv2d(x, weight, None, stride, padding, groups=x.shape[1])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor, None, None]:
        (gradient,) = gradients
        x, weight = ctx.saved_tensors
        stride, padding = ctx.stride, ctx.padding
        of_x = None
        if ctx.needs_input_grad[0]:
            of_x, _, _ = _backward(gradient, x, weight, stride, padding, (True, False))
        rows = x[:, :, :: stride[0]]
        _, of_rows, _ = _backward(
            _as_examples(gradient),
            _as_examples(rows),
            weight.transpose(2, 3),
            (stride[1], 1),
            (padding[1], 0),
            (False, True),
        )
        return of_x, of_rows.transpose(2, 3), None, None


def _as_examples(x: Tensor) -> Tensor:
    """Return x (n, channels, frequency, time) as (n * frequency, channels, time, 1)."""
    n, channels, frequency, time = x.shape
    rows = x.permute(0, 2, 3, 1).reshape(n * frequency, time, 1, channels)
    return rows.permute(0, 3, 1, 2)


def _backward(
    gradient: Tensor,
    x: Tensor,
    weight: Tensor,
    stride: Pair,
    padding: Pair,
    wanted: tuple[bool, bool],
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of a bias-free depthwise convolution: of x, of the weights, none."""
    return torch.ops.aten.convolution_backward(
        gradient,
        x,
        weight,
        None,
        stride,
        padding,
        (1, 1),
        False,
        (0, 0),
        x.shape[1],
        (*wanted, False),
    )
