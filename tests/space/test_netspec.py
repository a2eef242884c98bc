"""Shapes against hand counts."""

import pytest

from asc_nas.core.errors import UsageError
from asc_nas.space.genotype import Genotype
from asc_nas.space.netspec import resolve
from asc_nas.space.skeleton import skeleton_from

CP_MOBILE = skeleton_from("cp_mobile")


def spec(text, size=(64, 251), classes=10):
    return resolve(Genotype.parse(text), CP_MOBILE, size, classes)


def test_sizes_of_the_default_skeleton():
    net = spec("t5e2w1 f5e2w1 t5e2w1 f5e2w1 t5e2w1 f5e2w1")
    assert [conv.out_size for conv in net.stem] == [(32, 126), (16, 63)]
    assert [block.project.out_size for block in net.blocks] == [
        (16, 63),
        (16, 63),
        (16, 32),
        (8, 32),
        (8, 32),
        (8, 32),
    ]
    assert [block.out_channels for block in net.blocks] == [32, 32, 32, 56, 56, 104]
    assert [block.hidden_channels for block in net.blocks] == [64, 64, 64, 64, 112, 112]
    assert [block.shortcut for block in net.blocks] == [True, True, True, False, True, False]
    assert net.blocks[0].depthwise[0].kernel == (1, 5)
    assert net.blocks[1].depthwise[0].kernel == (5, 1)
    assert net.head.out_channels == 10


def test_width_changes_the_next_blocks_input():
    net = spec("t5e2w0.5 skip t5e2w1 f5e2w1 t5e2w1 f5e2w1")
    assert net.blocks[0].out_channels == 16
    assert net.blocks[1] is None
    assert net.blocks[2].in_channels == 16


def test_expansion_one_has_no_expanding_convolution():
    assert spec("t5e1w1 f5e2w1 t5e2w1 f5e2w1 t5e2w1 f5e2w1").blocks[0].expand is None


def test_skipping_a_block_that_strides_is_refused():
    with pytest.raises(UsageError, match="block 2"):
        spec("t5e2w1 f5e2w1 skip f5e2w1 t5e2w1 f5e2w1")


def test_a_wrong_number_of_blocks_is_refused():
    with pytest.raises(UsageError, match="6"):
        spec("t5e2w1")
