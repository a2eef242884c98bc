"""Depthwise kernels that are summed: those that become one, and that nothing else changes."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from toy import far_from_identity

from asc_nas.audio.logmel import FrontEnd
from asc_nas.cost.counts import count
from asc_nas.cost.layers import layers_of
from asc_nas.nn.join_kernels import join_kernels
from asc_nas.nn.subnet import SubNet
from asc_nas.run.submission.complexity import torchinfo_macs
from asc_nas.space.genotype import Genotype
from asc_nas.space.netspec import joined, resolve
from asc_nas.space.skeleton import Skeleton

SKELETON = Skeleton.model_validate({
    "stem": [{"channels": 6, "stride": [2, 2]}],
    "stages": [
        {"channels": 6, "strides": [[1, 1], [1, 2]]},
        {"channels": 8, "strides": [[2, 1]]},
    ],
    "channel_multiple": 2,
})  # fmt: skip
FRONTEND = FrontEnd(
    sample_rate=8000, n_mels=13, win_length=200, hop_length=160, n_fft=240, seconds=0.36
)
SIZE = (13, 17)
KERNELS = ("f3", "t3", "s3", "f5", "t5", "s5", "t7")


def spec_of(*kernels):
    return resolve(Genotype.parse(" ".join(f"{k}e1.5w1" for k in kernels)), SKELETON, SIZE, 3)


def extents(kernels):
    spec = joined(spec_of(kernels, "t3", "t3"))
    return [kernel.kernel for kernel in spec.blocks[0].depthwise]


@pytest.mark.parametrize(
    ("kernels", "left"),
    [
        ("t3+t5", [(1, 5)]),
        ("f3+f5", [(5, 1)]),
        ("s3+t3", [(3, 3)]),
        ("f3+f5+t3+t5", [(5, 1), (1, 5)]),
        ("t3+t5+t7", [(1, 7)]),
        ("s3+s5", [(5, 5)]),
        ("f3+t3", [(3, 1), (1, 3)]),  # 6 weights, and 9 of the square that holds them
        ("s3+t5", [(3, 3), (1, 5)]),  # 14, and 15
        ("t5", [(1, 5)]),
    ],
)
def test_kernels_are_joined_where_one_has_no_more_weights(kernels, left):
    assert sorted(extents(kernels)) == sorted(left)


kernel_sets = st.sets(st.sampled_from(KERNELS), min_size=1, max_size=4).map(
    lambda chosen: "+".join(sorted(chosen))
)


@settings(deadline=None, max_examples=30)
@given(st.tuples(*3 * [kernel_sets]), st.integers(0, 99))
def test_the_answers_stay(kernels, seed):
    torch.manual_seed(seed)
    network = SubNet(spec_of(*kernels)).eval()
    far_from_identity(network)
    x = torch.randn(2, 1, *SIZE)
    with torch.no_grad():
        before = network(x)
        after = join_kernels(network)(x)
        torch.testing.assert_close(after, before, rtol=1e-4, atol=1e-4)
        again = join_kernels(network)(x)
    assert torch.equal(again, after)


@settings(deadline=None, max_examples=30)
@given(st.tuples(*3 * [kernel_sets]))
def test_what_is_counted_is_the_network_that_is_left(kernels):
    """The golden reference: PyTorch's own layers, counted as torchinfo counts them."""
    spec = spec_of(*kernels)
    network = join_kernels(SubNet(spec))
    cost = count(spec, FRONTEND)
    assert cost == count(network.spec, FRONTEND)
    assert cost.params == sum(p.numel() for p in network.parameters())
    assert cost.nessi_macs == torchinfo_macs(network, (1, 1, *SIZE))
    assert cost.params <= sum(p.numel() for p in SubNet(spec).parameters())
    assert network.spec == joined(network.spec) == joined(spec)


def test_a_layer_is_measured_as_it_is_used():
    alike = [layers_of(spec_of(kernels, "t3", "t3")) for kernels in ("t3+t5", "t5", "f3+t5")]
    assert alike[0] == alike[1] != alike[2]


def test_kernels_of_other_parity_have_another_centre():
    spec = spec_of("t3+t5", "t3", "t3")
    three, five = spec.blocks[0].depthwise
    even = replace(five, kernel=(1, 4))
    block = replace(spec.blocks[0], depthwise=(three, even))
    found = joined(replace(spec, blocks=(block, *spec.blocks[1:])))
    assert found.blocks[0].depthwise == (three, even)
