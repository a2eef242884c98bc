"""MACs and parameters against a count by hooks on the built network."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from asc_nas.cost.counts import count
from asc_nas.nn.subnet import SubNet
from asc_nas.space.genotype import Genotype
from asc_nas.space.netspec import resolve
from asc_nas.space.search_space import SearchSpace, SpaceConfig
from asc_nas.space.skeleton import skeleton_from


def count_by_hooks(network, size):
    """Count MACs from what each layer really receives and gives."""
    macs = 0

    def hook(module, inputs, output):
        nonlocal macs
        per_output = module.weight[0].numel()
        macs += per_output * output[0].numel()

    handles = [
        module.register_forward_hook(hook)
        for module in network.modules()
        if isinstance(module, nn.Conv2d | nn.Linear)
    ]
    with torch.inference_mode():
        network.eval()(torch.zeros(1, 1, *size))
    for handle in handles:
        handle.remove()
    return macs, sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize("name", ["cp_mobile", "mobilenetv2_half"])
@settings(max_examples=12)
@given(seed=st.integers(0, 2**32))
def test_counts_equal_those_of_the_built_network(name, seed):
    skeleton = skeleton_from(name)
    config = SpaceConfig(
        kernels=(("t3", "f5", "s3"),),
        max_paths=3,
        expansions=(1.0, 2.5),
        widths=(0.5, 1.0),
        skip=True,
    )
    genotype = SearchSpace.build(config, skeleton).sample(np.random.default_rng(seed))
    size = (40, 101)
    spec = resolve(genotype, skeleton, size, 9)
    cost = count(spec, seconds=2.0)
    assert (cost.macs, cost.params) == count_by_hooks(SubNet(spec), size)
    assert cost.macs_per_second == cost.macs / 2


def test_hand_count_of_one_small_network():
    skeleton = skeleton_from(
        {
            "stem": [{"channels": 4, "kernel": 3, "stride": [2, 2]}],
            "stages": [{"channels": 8, "strides": [[1, 2]]}],
        }
    )
    spec = resolve(Genotype.parse("f3+t5e2w1"), skeleton, (8, 16), 3)
    # stem 4x8 outputs; expand to 8; depthwise 3 + 5 taps on 4x4; project 8 -> 8; head 8 -> 3.
    macs = 9 * 4 * (4 * 8) + 4 * 8 * (4 * 8) + 8 * (3 + 5) * 16 + 8 * 8 * 16 + 8 * 3 * 16
    weights = 9 * 4 + 4 * 8 + 8 * (3 + 5) + 8 * 8 + 8 * 3
    norms = 2 * (4 + 8 + 8 + 8 + 3)
    cost = count(spec, seconds=1.0)
    assert (cost.macs, cost.params) == (macs, weights + norms)
    assert cost.param_bytes(1) * 4 == cost.param_bytes(4)
