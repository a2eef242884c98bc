"""Weights in 8-bit integers: what they stand for, and that norms take the rest."""

import copy

import numpy as np
import pytest
import torch
from torch import nn
from toy import far_from_identity, make_examples

from asc_nas.nn.int8_weights import Int8Conv2d, take_int8_convolutions, with_int8_weights
from asc_nas.nn.join_kernels import join_kernels
from asc_nas.nn.subnet import SubNet
from asc_nas.space.genotype import Genotype
from asc_nas.space.netspec import resolve
from asc_nas.space.skeleton import Skeleton

SKELETON = Skeleton.parse(
    {
        "stem": [{"channels": 4, "stride": [1, 1]}, {"channels": 8, "stride": [2, 2]}],
        "stages": [{"channels": 8, "strides": [[1, 1], [2, 2], [1, 1]]}],
    },
    "toy",
)


def trained(seed, genotype="f3+t5e2w1 s3e1w1 t3+f5e1.5w1"):
    network = SubNet(resolve(Genotype.parse(genotype), SKELETON, (16, 24), 3))
    far_from_identity(network, seed)
    return join_kernels(network).eval()


def heard():
    return make_examples().batch(np.arange(8))[0]


def rounded_by_hand(network):
    """Return the network with rounded floats as weights: its norms stay as they are."""
    copied = copy.deepcopy(network)
    sums = [[block.depthwise[i] for i in range(len(block.depthwise))]
            for block in copied.blocks.values()]  # fmt: skip
    together = {id(conv) for of_block in sums for conv in of_block}
    sums += [[m] for m in copied.modules() if isinstance(m, nn.Conv2d) and id(m) not in together]
    for convolutions in sums:
        for channel in range(convolutions[0].out_channels):
            step = max(float(conv.weight[channel].detach().abs().max()) for conv in convolutions)
            for conv in convolutions:
                weight = conv.weight[channel].detach()
                conv.weight.data[channel] = torch.round(weight * 127 / step) * step / 127
    return copied


@pytest.mark.parametrize("seed", range(3))
def test_it_answers_as_the_network_with_rounded_weights(seed):
    network, x = trained(seed), heard()
    with torch.no_grad():
        before, expected = network(x), rounded_by_hand(network)(x)
        found = with_int8_weights(network)(x)
    assert torch.allclose(found, expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))
    assert not torch.allclose(found, before, rtol=1e-4, atol=1e-4 * float(before.abs().max()))
    cosine = nn.functional.cosine_similarity(found, before)
    assert cosine.min() > 0.99


def test_its_weights_take_a_byte_each_and_norms_keep_theirs():
    network = trained(0)
    floats = sum(m.weight.numel() for m in network.modules() if isinstance(m, nn.Conv2d))
    params = sum(p.numel() for p in network.parameters())
    with_int8_weights(network)
    convolutions = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
    assert all(isinstance(conv, Int8Conv2d) for conv in convolutions)
    assert {conv.weight.dtype for conv in convolutions} == {torch.int8}
    assert sum(p.numel() for p in network.parameters()) == params
    sizes = sum(p.numel() * p.element_size() for p in network.parameters())
    assert sizes == floats + 4 * (params - floats)
    largest = [int(conv.weight.abs().amax()) for conv in convolutions]
    assert max(largest) == 127
    assert min(largest) > 60  # kernels with a common step may have less


def test_a_channel_without_weights_stays_what_its_norm_makes_of_nothing():
    network, x = trained(0), heard()
    network.stem[0].conv.weight.data[1] = 0
    with torch.no_grad():
        expected = rounded_by_hand(network).stem[0](network.input_norm(x))[:, [0, 2, 3]]
        norm = network.stem[0].norm
        alone = norm.bias[1] - norm.weight[1] * norm.running_mean[1] / (
            norm.running_var[1] + norm.eps
        ).sqrt()  # fmt: skip
        alone = alone.clone()
        found = with_int8_weights(network).stem[0](network.input_norm(x))
    assert torch.allclose(found[:, [0, 2, 3]], expected, rtol=1e-3, atol=1e-3)
    assert torch.allclose(found[:, 1], alone.expand_as(found[:, 1]), atol=1e-4)


def test_what_is_stored_fills_a_network_that_takes_it():
    network, x = with_int8_weights(trained(1)), heard()
    other = SubNet(network.spec).eval()
    take_int8_convolutions(other)
    other.load_state_dict(network.state_dict())
    with torch.no_grad():
        assert torch.equal(other(x), network(x))
