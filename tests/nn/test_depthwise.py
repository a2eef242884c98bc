"""Depthwise convolution: values and gradients equal PyTorch's own."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from asc_nas.nn import depthwise
from asc_nas.nn.depthwise import depthwise_conv2d
from asc_nas.space.netspec import ConvSpec


def spec_of(channels, kernel, stride):
    return ConvSpec(channels, channels, kernel, stride, channels, (0, 0))


def results(convolve, x, weight):
    x, weight = x.clone().requires_grad_(), weight.clone().requires_grad_()
    y = convolve(x, weight)
    slope = torch.cos(torch.arange(y.numel(), dtype=y.dtype)).reshape(y.shape)
    (y * slope).sum().backward()
    return y.detach(), x.grad, weight.grad


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 3),
    st.integers(1, 9),
    st.integers(1, 12),
    st.integers(1, 14),
    st.sampled_from([(1, 3), (1, 5), (1, 7), (5, 1), (3, 3)]),
    st.sampled_from([(1, 1), (1, 2), (2, 1), (2, 2)]),
    st.booleans(),
)
def test_values_and_gradients_equal_those_of_torch(n, channels, mels, frames, kernel, stride, last):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(n, channels, mels, frames, generator=generator, dtype=torch.float64)
    if last:
        x = x.contiguous(memory_format=torch.channels_last)
    weight = torch.randn(channels, 1, *kernel, generator=generator, dtype=torch.float64)
    spec = spec_of(channels, kernel, stride)

    ours = results(lambda x, w: depthwise_conv2d(x, w, spec), x, weight)
    torchs = results(
        lambda x, w: F.conv2d(x, w, None, stride, spec.padding, groups=channels), x, weight
    )

    for mine, expected in zip(ours, torchs, strict=True):
        torch.testing.assert_close(mine, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(
    ("kernel", "stride", "own"),
    [
        ((1, 5), (1, 1), True),
        ((1, 7), (2, 1), True),
        ((1, 3), (1, 1), False),
        ((5, 1), (1, 1), False),
        ((1, 7), (1, 2), False),
    ],
)
def test_long_kernels_along_time_have_a_gradient_of_their_own(kernel, stride, own):
    weight = torch.zeros(4, 1, *kernel, requires_grad=True)
    y = depthwise_conv2d(torch.zeros(1, 4, 8, 8), weight, spec_of(4, kernel, stride))
    assert (type(y.grad_fn).__name__ == "_AlongTimeBackward") is own


def test_without_gradients_the_plain_convolution_is_used(monkeypatch):
    monkeypatch.setattr(depthwise._AlongTime, "apply", None)
    weight = torch.zeros(4, 1, 1, 5, requires_grad=True)
    with torch.no_grad():
        depthwise_conv2d(torch.zeros(1, 4, 8, 8), weight, spec_of(4, (1, 5), (1, 1)))
