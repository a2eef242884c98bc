"""The layers that are measured: all of a space's, none twice, and keys that tell them apart."""

import itertools

import pytest
from toy import specs_on

from asc_nas.cost.layers import Layer, layers_of, layers_of_space
from asc_nas.space.genotype import Genotype
from asc_nas.space.netspec import resolve
from asc_nas.space.search_space import SearchSpace, SpaceConfig
from asc_nas.space.skeleton import skeleton_from

SKELETON = skeleton_from(
    {
        "stem": [{"channels": 8, "stride": [2, 2]}],
        "stages": [
            {"channels": 8, "strides": [[1, 1]]},
            {"channels": 16, "strides": [[2, 1], [1, 1]]},
        ],
    }
)
SIZE = (16, 20)


@pytest.mark.parametrize("head_channels", [None, 32])
def test_the_layers_of_a_space_are_those_of_all_its_genotypes(head_channels):
    skeleton = SKELETON.model_copy(update={"head_channels": head_channels})
    config = SpaceConfig(
        kernels=(("t3", "f5"),), max_paths=2, expansions=(1.0, 2.0), widths=(0.5, 1.0), skip=True
    )
    space = SearchSpace.build(config, skeleton)
    by_hand = set()
    for genes in itertools.product(*space.candidates):
        by_hand |= set(layers_of(resolve(Genotype(genes), skeleton, SIZE, 3)))
    found = layers_of_space(space, specs_on(skeleton, SIZE, 3))
    assert len(found) == len(set(found))
    assert set(found) == by_hand
    assert len({layer.key for layer in found}) == len(found)


def test_layers_of_a_network_written_by_hand():
    spec = resolve(Genotype.parse("t5e2w1 f3+t3e1w1 skip"), SKELETON, SIZE, 3)
    assert [layer.key for layer in layers_of(spec)] == [
        "stem 3x3 s2x2 c1-8 in16x20 relu",
        "expand 1x1 s1x1 c8-16 in8x10 relu",
        "depthwise 1x5 s1x1 c16-16 in8x10 relu",
        "project 1x1 s1x1 c16-8 in8x10 relu + c8 s1x1 in8x10",
        "depthwise 3x1+1x3 s2x1 c8-8 in8x10 relu",
        "project 1x1 s1x1 c8-16 in4x10 relu",
        "head 1x1 s1x1 c16-3 in4x10",
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "expand"},
        {"in_channels": 16},
        {"out_channels": 16},
        {"kernels": ((3, 1), (1, 3))},
        {"stride": (1, 2)},
        {"in_size": (8, 11)},
        {"relu": False},
        {"classes": 3},
    ],
    ids=str,
)
def test_whatever_changes_the_work_changes_the_key(change):
    values = {"kind": "project", "in_channels": 8, "out_channels": 8, "kernels": ((3, 1),)}
    values |= {"stride": (1, 1), "in_size": (8, 10)}
    assert Layer(**values).key != Layer(**values | change).key
