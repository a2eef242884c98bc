"""An elastic layer equals the plain one of its slice, an extracted network the supernet."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F
from toy import far_from_identity, specs_on

from asc_nas.nn.elastic import ElasticBatchNorm2d, ElasticConv2d
from asc_nas.nn.supernet import Supernet, init_supernet, init_weights
from asc_nas.space.genotype import Genotype
from asc_nas.space.netspec import ConvSpec
from asc_nas.space.search_space import SearchSpace, SpaceConfig
from asc_nas.space.skeleton import skeleton_from

SIZE = (24, 40)
CONFIG = SpaceConfig(
    kernels=(("t3", "t5", "f3", "s3"),),
    max_paths=3,
    expansions=(1.0, 1.5, 3.0),
    widths=(0.5, 1.0),
    skip=True,
)


def randomised(name, seed=0):
    """Build a supernet whose norms are far from identity, which would hide a wrong slice."""
    skeleton = skeleton_from(name)
    net = Supernet(SearchSpace.build(CONFIG, skeleton), specs_on(skeleton, SIZE, 5))
    far_from_identity(net, seed)
    net.input_norm.set_statistics(torch.full((24,), -40.0), torch.full((24,), 12.0))
    return net.eval()


NETS = {name: randomised(name) for name in ("cp_mobile", "mobilenetv2_half")}


@pytest.mark.parametrize("name", list(NETS))
@settings(max_examples=15)
@given(seed=st.integers(0, 2**32))
def test_extracted_network_has_identical_outputs(name, seed):
    net = NETS[name]
    genotype = net.space.sample(np.random.default_rng(seed))
    x = torch.randn(3, 1, *SIZE, generator=torch.Generator().manual_seed(seed % 1000)) * 12 - 40
    with torch.inference_mode():
        assert torch.equal(net(x, genotype), net.extract(genotype)(x))


def test_extracted_weights_are_copies():
    net = randomised("cp_mobile")
    genotype = net.space.largest()
    alone = net.extract(genotype)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    with torch.no_grad():
        for value in (*alone.parameters(), *alone.buffers()):
            value.add_(1)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


@given(st.integers(1, 8), st.integers(1, 8))
@settings(max_examples=20)
def test_elastic_convolution_is_the_plain_one_with_sliced_weights(inputs, outputs):
    elastic = ElasticConv2d(ConvSpec(8, 8, (1, 3), (1, 2), 1, (0, 0)))
    nn.init.normal_(elastic.weight, generator=torch.Generator().manual_seed(0))
    x = torch.randn(2, inputs, 5, 9, generator=torch.Generator().manual_seed(1))
    expected = F.conv2d(x, elastic.weight[:outputs, :inputs], None, (1, 2), (0, 1))
    assert torch.equal(elastic(x, ConvSpec(inputs, outputs, (1, 3), (1, 2), 1, (0, 0))), expected)


def test_training_updates_only_the_used_channels_statistics():
    norm = ElasticBatchNorm2d(6).train()
    norm(torch.randn(4, 2, 3, 3) + 5)
    assert (norm.running_mean[:2] > 0.1).all()
    assert torch.equal(norm.running_mean[2:], torch.zeros(4))


def test_shadow_norms_are_indexed_by_the_number_of_active_kernels():
    net = randomised("cp_mobile").train()
    norms = net.blocks["0"].shadow_norms
    assert len(norms) == 3
    rest = "t3e1.5w1 t3e1.5w1 t3e1.5w1 t3e1.5w1 t3e1.5w1"
    for kernels, used in (("t5", 0), ("f3+t3", 1), ("f3+s3", 1), ("f3+t3+t5", 2)):
        before = [norm.running_mean.clone() for norm in norms]
        net(torch.randn(2, 1, *SIZE), Genotype.parse(f"{kernels}e3w1 {rest}"))
        moved = [
            not torch.equal(norm.running_mean, mean)
            for norm, mean in zip(norms, before, strict=True)
        ]
        assert moved == [i == used for i in range(3)]


def test_several_kernels_are_summed_before_the_norm():
    net = randomised("cp_mobile")
    block = net.blocks["0"]
    genotype = Genotype.parse("f3+t5e3w1" + " t3e1.5w1" * 5)
    spec = net.spec(genotype).blocks[0]
    x = torch.randn(2, 32, 6, 10)
    hidden = F.relu(block.expand(x, spec.expand))
    total = F.conv2d(hidden, block.depthwise["3x1"].weight, None, 1, (1, 0), groups=96)
    total = total + F.conv2d(hidden, block.depthwise["1x5"].weight, None, 1, (0, 2), groups=96)
    expected = F.relu(block.shadow_norms[1](total))
    expected = F.relu(block.project(expected, spec.project) + x)
    torch.testing.assert_close(block(x, spec), expected)


def test_a_call_leaves_no_trace_in_evaluation():
    net = randomised("cp_mobile")
    rng = np.random.default_rng(0)
    first, second = net.space.sample(rng), net.space.sample(rng)
    x = torch.randn(2, 1, *SIZE)
    alone = net(x, first)
    net(x, second)
    assert torch.equal(net(x, first), alone)


def test_initial_weights_come_from_the_generator_alone():
    states = []
    for global_seed in (1, 2):
        torch.manual_seed(global_seed)
        skeleton = skeleton_from("cp_mobile")
        net = Supernet(SearchSpace.build(CONFIG, skeleton), specs_on(skeleton, SIZE, 5))
        init_weights(net, torch.Generator().manual_seed(7))
        states.append(net.state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_a_single_norm_serves_all_numbers_of_kernels():
    skeleton = skeleton_from("cp_mobile")
    space = SearchSpace.build(CONFIG, skeleton)
    net = Supernet(space, specs_on(skeleton, SIZE, 5), shadow_norms=False)
    init_weights(net, torch.Generator().manual_seed(0))
    net.train()
    rest = "t3e1.5w1 " * 5
    for kernels in ("t5", "f3+t3", "f3+t3+t5"):
        before = net.blocks["0"].shadow_norms[0].running_mean.clone()
        net(torch.randn(2, 1, *SIZE), Genotype.parse(f"{kernels}e3w1 {rest}"))
        assert len(net.blocks["0"].shadow_norms) == 1
        assert not torch.equal(net.blocks["0"].shadow_norms[0].running_mean, before)


@pytest.mark.parametrize(("first", "second"), [("1", "0.5"), ("0.5", "1")])
def test_the_shortcut_adds_the_leading_channels_where_widths_differ(first, second):
    net = randomised("cp_mobile")
    spec = net.spec(Genotype.parse(f"t3e1w{first} t3e3w{second}" + " t3e1.5w1" * 4))
    block, widths = spec.blocks[1], {"1": 32, "0.5": 16}
    assert (block.in_channels, block.out_channels) == (widths[first], widths[second])
    module = net.blocks["1"]
    x = torch.randn(2, block.in_channels, 6, 10)
    hidden = F.relu(module.expand(x, block.expand))
    hidden = F.conv2d(
        hidden,
        module.depthwise["1x3"].weight[: block.hidden_channels],
        None,
        1,
        (0, 1),
        groups=block.hidden_channels,
    )
    out = module.project(F.relu(module.shadow_norms[0](hidden)), block.project)
    expected = out.clone()
    expected[:, :16] += x[:, :16]
    torch.testing.assert_close(module(x, block), F.relu(expected))


def test_a_new_supernet_starts_with_networks_that_say_nearly_the_same():
    skeleton = skeleton_from("cp_mobile")
    x = torch.randn(8, 1, *SIZE, generator=torch.Generator().manual_seed(0))
    first, second = (Genotype.parse(f"{kernel}e3w1 " * 6) for kernel in ("t5", "f3"))
    cosines = []
    for initialise in (init_weights, init_supernet):
        net = Supernet(SearchSpace.build(CONFIG, skeleton), specs_on(skeleton, SIZE, 5))
        initialise(net, torch.Generator().manual_seed(0))
        with torch.no_grad():
            outputs = [net(x, genotype).flatten() for genotype in (first, second)]
        cosines.append(float(F.cosine_similarity(*outputs, 0)))
    assert cosines[1] > cosines[0] + 0.3
