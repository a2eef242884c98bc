import re

from asc_nas.report.drawing import draw
from asc_nas.space.genotype import Genotype
from asc_nas.space.netspec import resolve
from asc_nas.space.skeleton import skeleton_from


def drawn(genotype):
    spec = resolve(Genotype.parse(genotype), skeleton_from("cp_mobile"), (64, 251), 10)
    return spec, draw(spec, 10)


def test_every_block_kernel_and_output_size_is_drawn():
    spec, svg = drawn("t3+f5e2w1 skip t3e1w1 t5e2w1 skip s3e2w1")
    words = re.findall(r"<text[^>]*>([^<]*)</text>", svg)
    assert [f"block {i}" in words for i in range(6)] == [True] * 6
    assert words.count("skipped") == 2
    for kernel in ("5×1", "1×3", "1×5", "3×3"):
        assert kernel in words
    for block in filter(None, spec.blocks):
        size = " × ".join(map(str, (block.out_channels, *block.project.out_size)))
        assert size in words
    assert svg.count('class="expand"') == 3  # one block of four has expansion 1


def test_a_kernel_is_drawn_with_its_extent():
    _, svg = drawn("f5e2w1 f5e2w1 f5e2w1 f5e2w1 f5e2w1 f5e2w1")
    path = re.search(r'class="kernel" d="([^"]*)"', svg)[1]
    places = re.findall(r"M([\d.]+) ([\d.]+)", path)
    assert len({x for x, _ in places}) == 1  # one column
    assert len({y for _, y in places}) == 5  # five rows


def test_shortcuts_are_drawn_where_the_network_has_them():
    spec, svg = drawn("t3e2w1 t3e2w1 t3e2w1 t3e2w1 t3e2w1 t3e2w1")
    assert svg.count('class="shortcut"') == sum(block.shortcut for block in spec.blocks)
    assert "pooled" in svg
