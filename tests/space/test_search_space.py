"""One integer vector per genotype, and spaces that only shrink."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asc_nas.core.errors import UsageError
from asc_nas.space.genotype import Genotype
from asc_nas.space.search_space import SearchSpace, SpaceConfig
from asc_nas.space.skeleton import skeleton_from, skeleton_names

CP_MOBILE = skeleton_from("cp_mobile")
PAPER = SearchSpace.build(SpaceConfig(), CP_MOBILE)
MIXED = SearchSpace.build(
    SpaceConfig(kernels=(("t3", "t5", "f3", "f5"),), max_paths=2, widths=(0.5, 1.0), skip=True),
    CP_MOBILE,
)


@given(st.integers(0, 2**32))
def test_encoding_is_one_to_one(seed):
    rng = np.random.default_rng(seed)
    genotype = MIXED.sample(rng)
    vector = MIXED.encode(genotype)
    assert MIXED.decode(vector) == genotype
    other = vector.copy()
    block = rng.integers(len(MIXED))
    other[block] = (other[block] + 1) % MIXED.sizes[block]
    assert MIXED.decode(other) != genotype


def test_the_papers_space_alternates_time_and_frequency():
    for block, genes in enumerate(PAPER.candidates):
        kinds = {str(kernel)[0] for gene in genes for kernel in gene.kernels}
        assert kinds == {"t" if block % 2 == 0 else "f"}
    assert PAPER.count == (3 * 2) ** 6


def test_a_block_may_mix_directions_where_the_space_says_so():
    texts = {str(gene) for gene in MIXED.candidates[0]}
    assert "f3+t5e2w1" in texts
    # 4 kernels alone, 6 pairs; two expansions, two widths; and skip where the shape is kept.
    assert MIXED.sizes == (41, 41, 40, 40, 41, 40)


def test_skip_is_offered_only_where_shape_and_width_are_kept():
    assert ["skip" in map(str, genes) for genes in MIXED.candidates] == [
        plan.stride == (1, 1) and plan.in_channels == plan.out_channels
        for plan in CP_MOBILE.block_plans
    ]


def test_restrict_gives_a_smaller_space_and_leaves_the_first_alone():
    single = MIXED.restrict(lambda block, gene: len(gene.kernels) == 1)
    assert single.count < MIXED.count
    assert MIXED.sizes[0] == 41
    assert all(gene in MIXED.candidates[0] for gene in single.candidates[0])
    with pytest.raises(UsageError, match="choice 0"):
        MIXED.restrict(lambda block, gene: block > 0)


def test_a_genotype_outside_the_space_is_refused():
    with pytest.raises(UsageError, match="not in the search space"):
        PAPER.encode(Genotype.parse(" ".join(["s3e2w1"] * 6)))


def test_every_named_skeleton_loads_and_a_wrong_name_gets_the_closest():
    assert {"cp_mobile", "mobilenetv2_half"} <= set(skeleton_names())
    for name in skeleton_names():
        assert skeleton_from(name).block_plans
    with pytest.raises(UsageError, match="Did you mean 'cp_mobile'"):
        skeleton_from("cp_mobil")


def test_a_skeleton_may_be_like_a_named_one_but_for_some_fields():
    skeleton = skeleton_from({"like": "cp_mobile", "input_range_db": 60})
    assert skeleton == CP_MOBILE.model_copy(update={"input_range_db": 60.0})
    with pytest.raises(UsageError, match="Did you mean 'cp_mobile'"):
        skeleton_from({"like": "cp_mobil"})
    with pytest.raises(UsageError, match="input_rang_db"):
        skeleton_from({"like": "cp_mobile", "input_rang_db": 60})
