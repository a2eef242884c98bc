"""Batch norm of parts of a batch, in threads, against PyTorch's of the whole one."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ranks import in_threads
from torch.nn import functional as F

from asc_nas.nn.batch_norm import BatchNorm2d
from asc_nas.nn.elastic import BN_EPSILON, BN_MOMENTUM, ElasticBatchNorm2d


def plain(norm, x, gradient):
    """Return what PyTorch says: output, gradients of x, weight and bias, the new statistics."""
    channels = x.shape[1]
    x, weight, bias = (
        values.detach().clone().requires_grad_()
        for values in (x, norm.weight[:channels], norm.bias[:channels])
    )
    mean, variance = norm.running_mean[:channels].clone(), norm.running_var[:channels].clone()
    y = F.batch_norm(x, mean, variance, weight, bias, True, BN_MOMENTUM, BN_EPSILON)
    y.backward(gradient)
    return y.detach(), x.grad, weight.grad, bias.grad, mean, variance


def in_parts(new_norm, x, gradient, sizes):
    """Return the same of norms that each see a part of the batch."""

    def rank(number, gather):
        norm, channels = new_norm(), x.shape[1]
        norm.gather = gather
        own = x.split(sizes)[number].clone().requires_grad_()
        y = norm(own)
        y.backward(gradient.split(sizes)[number])
        affine = norm.weight.grad[:channels], norm.bias.grad[:channels]
        return y.detach(), own.grad, *affine, norm.running_mean, norm.running_var

    found = in_threads(len(sizes), rank)
    y, of_x, of_weight, of_bias, means, variances = zip(*found, strict=True)
    assert all(torch.equal(values, means[0]) for values in means)
    assert all(torch.equal(values, variances[0]) for values in variances)
    channels = x.shape[1]
    sums = sum(of_weight), sum(of_bias)
    return torch.cat(y), torch.cat(of_x), *sums, means[0][:channels], variances[0][:channels]


def new_norm(kind, channels, dtype=torch.float64):
    norm = kind(channels).to(dtype)
    generator = torch.Generator().manual_seed(channels)
    for values in (norm.weight.data, norm.bias.data, norm.running_mean, norm.running_var):
        values.copy_(torch.rand(values.shape, generator=generator) + 0.5)
    return norm.train()


@settings(max_examples=25)
@given(
    sizes=st.lists(st.integers(1, 5), min_size=2, max_size=4),
    channels=st.integers(1, 5),
    level=st.sampled_from([0.0, 30.0]),
    seed=st.integers(0, 99),
)
@pytest.mark.parametrize("kind", [BatchNorm2d, ElasticBatchNorm2d])
def test_parts_of_any_size_are_normalised_as_the_whole_batch(kind, sizes, channels, level, seed):
    generator = torch.Generator().manual_seed(seed)
    # An elastic norm uses its first channels.
    most = channels + 2 if kind is ElasticBatchNorm2d else channels
    x = torch.randn(sum(sizes), channels, 3, 4, dtype=torch.float64, generator=generator)
    x = 5 * x + level
    gradient = torch.randn(x.shape, dtype=torch.float64, generator=generator)
    expected = plain(new_norm(kind, most), x, gradient)
    found = in_parts(lambda: new_norm(kind, most), x, gradient, sizes)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


def test_half_precision_is_as_good_as_pytorchs():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(6, 4, 5, 7, generator=generator).bfloat16()
    gradient = torch.randn(x.shape, generator=generator).bfloat16()

    def norm():
        return new_norm(BatchNorm2d, 4, torch.float32)

    expected = plain(norm(), x, gradient)
    found = in_parts(norm, x, gradient, [2, 4])
    assert [values.dtype for values in found] == [values.dtype for values in expected]
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one.float(), other.float(), rtol=2e-2, atol=2e-2)


@pytest.mark.parametrize("kind", [BatchNorm2d, ElasticBatchNorm2d])
def test_nobody_is_asked_in_evaluation_or_without_a_group(kind):
    x = torch.randn(4, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    norm, alone = new_norm(kind, 3, torch.float32), new_norm(kind, 3, torch.float32)
    assert torch.equal(norm(x), alone(x))
    norm.gather = lambda values: pytest.fail("asked")
    assert torch.equal(norm.eval()(x), alone.eval()(x))
    with pytest.raises(pytest.fail.Exception, match="asked"):
        norm.train()(x)


def test_batches_are_counted():
    norm = new_norm(BatchNorm2d, 2)
    norm.gather = lambda values: values[None]
    norm(torch.randn(3, 2, 1, 1, dtype=torch.float64))
    assert int(norm.num_batches_tracked) == 1
