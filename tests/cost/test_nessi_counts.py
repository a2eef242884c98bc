"""MACs as the challenge's calculator counts them."""

import pytest
from toy import HEARD

from asc_nas.cost.counts import count, layer_costs
from asc_nas.space.genotype import Genotype
from asc_nas.space.netspec import resolve
from asc_nas.space.skeleton import skeleton_from


def spec_of(name):
    skeleton = skeleton_from(name)
    genes = ["t5+f3e2w1" if i % 2 == 0 else "f3e1w0.5" for i in range(len(skeleton.block_plans))]
    return resolve(Genotype.parse(" ".join(genes)), skeleton, (64, 51), 10)


# What torchinfo 1.8.0, which NeSsi builds on, says of these networks built of nn.Conv2d,
# nn.BatchNorm2d and nn.Linear: summary(network, (1, 1, 64, 51)).total_mult_adds, .total_params.
@pytest.mark.parametrize(
    ("name", "mult_adds", "params"),
    [("cp_mobile", 2_498_516, 21_940), ("mobilenetv2_half", 2_296_842, 269_602)],
)
def test_the_count_is_that_of_the_challenges_calculator(name, mult_adds, params):
    cost = count(spec_of(name), HEARD)
    assert (cost.nessi_macs, cost.params) == (mult_adds, params)
    assert 0 < cost.nessi_macs - cost.macs < 0.003 * cost.macs


def test_a_norm_and_a_linear_bias_count_one_mac_per_parameter():
    skeleton = skeleton_from(
        {
            "stem": [{"channels": 4, "kernel": 3, "stride": [2, 2]}],
            "stages": [{"channels": 8, "strides": [[1, 2]]}],
            "head_channels": 16,
        }
    )
    cost = count(resolve(Genotype.parse("f3+t5e2w1"), skeleton, (8, 16), 3), HEARD)
    norms = 4 + 8 + 8 + 8 + 16  # stem, expansion, the sum of both kernels, projection, head
    assert cost.nessi_macs - cost.macs == 2 * norms + 3


def test_the_layers_add_up_and_have_the_names_of_the_network():
    spec = spec_of("cp_mobile")
    layers = layer_costs(spec)
    cost = count(spec, HEARD)
    assert sum(layer.macs for layer in layers) == cost.macs
    assert sum(layer.params for layer in layers) == cost.params
    names = [layer.name for layer in layers]
    assert names[:5] == [
        "stem.0",
        "stem.1",
        "blocks.0.expand",
        "blocks.0.depthwise",
        "blocks.0.project",
    ]
    assert names[-1] == "head"
    assert len(set(names)) == len(names)
