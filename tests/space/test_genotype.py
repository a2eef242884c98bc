"""The text form is the genotype, and nothing else parses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asc_nas.core.errors import UsageError
from asc_nas.space.genotype import SKIP, BlockGene, Genotype, Kernel

kernels = st.builds(
    lambda kind, size: Kernel.parse(f"{kind}{size}"),
    st.sampled_from("tfs"),
    st.sampled_from([3, 5, 7, 9, 11]),
)
genes = st.one_of(
    st.just(SKIP),
    st.builds(
        lambda ks, e, w: BlockGene(tuple(ks), e, w),
        st.sets(kernels, min_size=1, max_size=3),
        st.sampled_from([1.0, 1.5, 2.0, 6.0]),
        st.sampled_from([0.25, 0.5, 0.75, 1.0]),
    ),
)


@given(st.lists(genes, min_size=1, max_size=8))
def test_text_form_round_trips(blocks):
    genotype = Genotype(tuple(blocks))
    assert Genotype.parse(str(genotype)) == genotype


def test_kernel_text_gives_extent_in_frequency_and_time():
    assert Kernel.parse("t5") == Kernel(frequency=1, time=5)
    assert Kernel.parse("f5") == Kernel(frequency=5, time=1)
    assert Kernel.parse("s3") == Kernel(frequency=3, time=3)


def test_the_order_of_kernels_does_not_make_another_gene():
    assert BlockGene.parse("t7+f3e2w1") == BlockGene.parse("f3+t7e2w1")
    assert hash(BlockGene.parse("t7+f3e2w1")) == hash(BlockGene.parse("f3+t7e2w1"))


@pytest.mark.parametrize(
    "text",
    ["", "t4e2w1", "x3e2w1", "t5e2", "t5e0.5w1", "t5e2w0", "t5e2w1.5", "t5+t5e2w1", "t1e2w1"],
)
def test_malformed_text_is_refused(text):
    with pytest.raises(UsageError):
        Genotype.parse(text)


@pytest.mark.parametrize(
    "text", ["t" + "9" * 5000 + "e2w1", "t3e" + "9" * 400 + "w1", "t3e2w" + "9" * 400, "t²e2w1"]
)
def test_numbers_of_any_length_are_one_sentence(text):
    with pytest.raises(UsageError, match=r"write (it as in )?t5") as error:
        Genotype.parse(text)
    assert len(str(error.value)) < 2100
