"""Genes of the shape: their text, and what they make of a skeleton and a front end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asc_nas.audio.logmel import PRESETS
from asc_nas.core.errors import UsageError
from asc_nas.space.genotype import Genotype
from asc_nas.space.hearing import frontend_of, spec_of
from asc_nas.space.netspec import resolve
from asc_nas.space.scaling import scaled_shapes, shape_of
from asc_nas.space.search_space import SearchSpace, SpaceConfig
from asc_nas.space.shape_gene import ShapeGene
from asc_nas.space.skeleton import skeleton_from

CP_MOBILE = skeleton_from("cp_mobile")
FRONTEND = PRESETS["esc10"]
BLOCKS = "t5e2w1 f5e2w1 t5e2w1 f5e2w1 t5e2w1 f5e2w1"
channels = st.integers(1, 512)
strides = st.tuples(st.integers(1, 2), st.integers(1, 2))
genes = st.one_of(
    st.tuples(channels, channels).map(lambda c: ShapeGene("stem", f"{c[0]}-{c[1]}")),
    st.tuples(channels, st.integers(1, 3)).map(lambda c: ShapeGene("stage", str(c[0]), c[1])),
    st.lists(strides, min_size=6, max_size=6).map(lambda found: ShapeGene.down(tuple(found))),
    st.integers(0, 512).map(lambda n: ShapeGene("head", str(n))),
    st.sampled_from(["relu", "linear"]).map(lambda word: ShapeGene("sum", word)),
    st.sampled_from(["16000-640-320-40", "32000-1280-640-64"]).map(lambda v: ShapeGene("input", v)),
)


@given(st.lists(genes, unique_by=lambda gene: gene.place))
def test_a_genotype_with_a_shape_reads_its_own_text_in_any_order(shape):
    genotype = Genotype(Genotype.parse(BLOCKS).blocks, tuple(shape))
    assert Genotype.parse(str(genotype)) == genotype
    assert Genotype.parse(" ".join([BLOCKS, *map(str, reversed(shape))])) == genotype
    spec_of(genotype, CP_MOBILE, FRONTEND, 10)  # every shape has layers


@given(st.lists(strides, min_size=1, max_size=9))
def test_downsampling_comes_back_from_its_text(found):
    gene = ShapeGene.parse(str(ShapeGene.down(tuple(found))))
    assert gene.strides(len(found)) == tuple(found)


def test_a_shape_gives_the_layers_of_the_skeleton_that_says_the_same():
    genotype = Genotype.parse(f"stem:16-64 stage2:80 down:1t-4f head:128 sum:linear {BLOCKS}")
    skeleton = skeleton_from(
        {
            "like": "cp_mobile",
            "stem": [{"channels": 16}, {"channels": 64}],
            "stages": [
                {"channels": 32, "strides": [[1, 1], [1, 2], [1, 1]]},
                {"channels": 80, "strides": [[1, 1], [2, 1]]},
                {"channels": 104, "strides": [[1, 1]]},
            ],
            "head_channels": 128,
            "activation_after_sum": False,
        }
    )
    plain = Genotype.parse(BLOCKS)
    assert resolve(genotype, CP_MOBILE, (64, 251), 10) == resolve(plain, skeleton, (64, 251), 10)


def test_the_shape_of_a_skeleton_changes_nothing():
    plain = Genotype.parse(BLOCKS)
    shaped = Genotype(plain.blocks, tuple(shape_of(CP_MOBILE, FRONTEND)))
    assert spec_of(shaped, CP_MOBILE, FRONTEND, 10) == spec_of(plain, CP_MOBILE, FRONTEND, 10)
    assert frontend_of(shaped.shape, FRONTEND) == FRONTEND


def test_an_input_is_the_runs_front_end_but_for_rate_window_hop_and_bands():
    heard = frontend_of((ShapeGene.parse("input:16000-641-320-40"),), FRONTEND)
    assert (heard.sample_rate, heard.win_length, heard.hop_length) == (16000, 641, 320)
    assert (heard.n_mels, heard.n_fft, heard.seconds) == (40, 642, FRONTEND.seconds)
    longer = FRONTEND.model_copy(update={"n_fft": 4096})
    assert frontend_of((ShapeGene.parse("input:16000-641-320-40"),), longer).n_fft == 4096


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("stem:16-x", "stem:16-64"),
        ("stem:0-8", "at least 1"),
        ("width:3", "one of input, stem"),
        ("stage:3", "stage2:112"),
        ("stage0:3", "stage2:112"),
        ("stage01:3", "stage2:112"),
        ("down:3t-2f", "in order"),
        ("down:2t-2f", "once"),
        ("sum:tanh", "sum:relu or sum:linear"),
        ("input:16000-640-320", "mel bands"),
        ("stem2:8-16", "stem:16-64"),
        ("stem:8:16", "stem:16-64"),
    ],
)
def test_what_is_no_gene_is_told_with_an_example(text, said):
    with pytest.raises(UsageError, match=said):
        Genotype.parse(f"{text} {BLOCKS}")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("stem:8", "2 convolutions"),
        ("stage4:8", "3 stages"),
        ("down:6t", "blocks 0 to 5"),
        ("input:16000-640-320-2000", "n_mels"),
        ("stem:8-16 stem:8-32", "twice"),
    ],
)
def test_what_does_not_suit_the_skeleton_or_the_front_end_is_told(text, said):
    with pytest.raises(UsageError, match=said):
        spec_of(Genotype.parse(f"{text} {BLOCKS}"), CP_MOBILE, FRONTEND, 10)


CONFIG = SpaceConfig(
    kernels=(("t3", "f3"),),
    expansions=(1.0, 2.0),
    skip=True,
    channels=((16, 32, 64), (28, 56, 112), (52, 104)),
    stems=((8, 16), (16, 64)),
    heads=(0, 64),
    activations_after_sum=(True, False),
    downsampling=(((1, 1), (1, 1), (1, 2), (2, 1), (1, 1), (1, 1)), ((1, 1),) * 6),
    frontends=({}, {"hop_length": 1280}),
)
SPACE = SearchSpace.build(CONFIG, CP_MOBILE, FRONTEND)


def test_a_space_with_shapes_counts_encodes_and_decodes():
    assert SPACE.count == 2 * 2 * 3 * 3 * 2 * 2 * 2 * 2 * 4**4 * 5**2
    for genotype in (SPACE.largest(), SPACE.decode([0] * len(SPACE))):
        assert genotype in SPACE
        assert SPACE.decode(SPACE.encode(genotype)) == genotype
    assert str(SPACE.largest()).startswith(
        "input:32000-1280-640-64 stem:16-64 stage1:64 stage2:112 stage3:104 down:0 head:64 "
    )


def test_only_blocks_that_keep_the_width_in_every_shape_may_be_left_out():
    skipped = [any(gene.is_skip for gene in genes) for genes in SPACE.blocks]
    assert skipped == [False, True, False, False, True, False]


def test_the_skeleton_scaled_to_every_width_of_the_space():
    own, *scaled = scaled_shapes(SPACE, CP_MOBILE, FRONTEND)
    assert [str(gene) for gene in own if gene.kind == "stage"] == [
        "stage1:32",
        "stage2:56",
        "stage3:104",
    ]
    widths = [[gene.numbers for gene in shape if gene.kind == "stage"] for shape in scaled]
    assert widths == [[(16,), (28,), (52,)], [(32,), (56,), (52,)], [(64,), (112,), (104,)]]
    assert all(str(gene) == "down:2t-3f" for shape in scaled for gene in shape[5:6])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"channels": ((8, 16),)}, "1 lists for 3 stages"),
        ({"downsampling": (((1, 1), (3, 1)),)}, "6 blocks"),
        ({"heads": (0, 0)}, "'head:0' twice; list it once"),
        ({"stems": ((8,),)}, "2 convolutions"),
        ({"frontends": ({"n_mels": 5000},)}, "n_mels"),
    ],
)
def test_a_space_that_does_not_suit_the_skeleton_is_told(change, said):
    config = SpaceConfig.parse(CONFIG.model_dump() | change, "space")
    with pytest.raises(UsageError, match=said):
        SearchSpace.build(config, CP_MOBILE, FRONTEND)
