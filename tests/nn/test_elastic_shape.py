"""A supernet whose shape and input are searched too: stem, stages, head, strides, front end."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from toy import far_from_identity

from asc_nas.audio.logmel import FrontEnd
from asc_nas.nn.supernet import Supernet, init_supernet
from asc_nas.space.hearing import frontend_of, spec_of
from asc_nas.space.search_space import SearchSpace, SpaceConfig
from asc_nas.space.shape_gene import ShapeGene
from asc_nas.space.skeleton import skeleton_from

FRONTEND = FrontEnd(
    sample_rate=8000, n_mels=24, win_length=256, hop_length=128, n_fft=256, seconds=0.6
)
SKELETON = skeleton_from("cp_mobile")
SPACE = SearchSpace.build(
    SpaceConfig(
        kernels=(("t3", "f5"),),
        max_paths=2,
        expansions=(1.0, 1.5),
        widths=(0.5, 1.0),
        skip=True,
        channels=((8, 16, 24), (16, 32), (24, 40)),
        stems=((4, 24), (8, 16)),
        heads=(0, 16, 32),
        activations_after_sum=(True, False),
        downsampling=(
            ((1, 1), (1, 1), (1, 2), (2, 1), (1, 1), (1, 1)),
            ((1, 1), (2, 2), (1, 1), (1, 1), (1, 1), (1, 1)),
        ),
        frontends=({}, {"hop_length": 64}, {"n_mels": 32, "win_length": 512}),
    ),
    SKELETON,
    FRONTEND,
)


def specs(genotype):
    return spec_of(genotype, SKELETON, FRONTEND, 5)


def randomised():
    """Build a supernet whose norms are far from identity, which would hide a wrong slice."""
    net = Supernet(SPACE, specs)
    far_from_identity(net)
    for level, shape in enumerate(SPACE.inputs):
        mels = frontend_of(shape, FRONTEND).n_mels
        norm = net.input_norm_of(shape)
        norm.set_statistics(torch.full((mels,), -40.0 - level), torch.full((mels,), 12.0))
    return net.eval()


NET = randomised()


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32))
def test_extracted_network_has_identical_outputs(seed):
    genotype = SPACE.sample(np.random.default_rng(seed))
    size = frontend_of(genotype.shape, FRONTEND).size
    x = torch.randn(2, 1, *size, generator=torch.Generator().manual_seed(seed % 1000)) * 12 - 40
    with torch.inference_mode():
        assert torch.equal(NET(x, genotype), NET.extract(genotype)(x))


def test_every_candidate_of_every_choice_has_weights():
    rng = np.random.default_rng(0)
    for choice, genes in enumerate(SPACE.candidates):
        for position in range(len(genes)):
            vector = SPACE.encode(SPACE.sample(rng))
            vector[choice] = position
            genotype = SPACE.decode(vector)
            x = torch.zeros(1, 1, *frontend_of(genotype.shape, FRONTEND).size)
            with torch.inference_mode():
                assert NET(x, genotype).shape == (1, 5)


def test_each_input_has_statistics_of_its_own():
    norms = [NET.input_norm_of(shape) for shape in SPACE.inputs]
    assert [norm.mean.shape[2] for norm in norms] == [24, 24, 32]
    assert [float(norm.mean.mean()) for norm in norms] == [-40.0, -41.0, -42.0]


def test_two_kinds_of_head_share_no_weight():
    direct = SPACE.largest().shaped(ShapeGene("head", "0"))
    assert NET.head_of(specs(direct)) is not NET.head_of(specs(SPACE.largest()))


def test_weights_of_a_plain_stem_are_taken_as_they_were():
    plain = SearchSpace.build(SpaceConfig(), SKELETON, FRONTEND)
    net = Supernet(plain, specs)
    init_supernet(net, torch.Generator().manual_seed(3))
    state = {name: value.clone() for name, value in net.state_dict().items()}
    state["stem.0.norm.num_batches_tracked"] = torch.tensor(7)
    state["stem.1.norm.num_batches_tracked"] = torch.tensor(7)
    other = Supernet(plain, specs)
    other.load_state_dict(state)
    x = torch.randn(1, 1, *FRONTEND.size, generator=torch.Generator().manual_seed(0)) - 40
    with torch.inference_mode():
        genotype = plain.largest()
        assert torch.equal(net.eval()(x, genotype), other.eval()(x, genotype))
