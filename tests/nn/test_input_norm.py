"""The input's standardisation, and the level that it may leave out."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from toy import make_examples, specs_on

from asc_nas.nn.subnet import InputNorm, SubNet
from asc_nas.nn.supernet import Supernet
from asc_nas.space.netspec import resolve
from asc_nas.space.search_space import SearchSpace, SpaceConfig
from asc_nas.space.skeleton import skeleton_from

RELATIVE = skeleton_from({"like": "cp_mobile", "input_range_db": 60})


@pytest.mark.parametrize("range_db", [None, 40.0])
def test_bands_of_the_clips_that_gave_the_statistics_have_mean_zero_and_deviation_one(range_db):
    examples = make_examples()
    norm = InputNorm(16, range_db)
    norm.set_statistics(*examples.mel_statistics(norm.level))
    x, _ = examples.batch(np.arange(len(examples)))
    bands = norm(x).transpose(0, 2).flatten(1)
    assert torch.allclose(bands.mean(1), torch.zeros(16), atol=1e-3)
    assert torch.allclose(bands.std(1), torch.ones(16), atol=1e-2)


@given(gain=st.integers(-30, 30))
def test_the_level_of_a_recording_does_not_matter_if_levels_are_relative(gain):
    x = torch.randn(2, 1, 16, 24, generator=torch.Generator().manual_seed(0)) * 6 - 60
    louder = x + gain
    relative, absolute = InputNorm(16, 60.0), InputNorm(16)
    assert torch.allclose(relative(louder), relative(x), atol=1e-4)
    assert gain == 0 or not torch.allclose(absolute(louder), absolute(x), atol=0.1)


def test_relative_levels_go_down_to_the_range_and_each_example_has_its_own_peak():
    x = torch.tensor([[-20.0, -50.0, -100.0], [-70.0, -80.0, -100.0]])[:, None, None]
    level = InputNorm(1, 60.0).level(x)[:, 0, 0]
    assert level.tolist() == [[0, -30, -60], [0, -10, -30]]


def test_networks_and_supernets_take_the_range_of_their_skeleton():
    space = SearchSpace.build(SpaceConfig(), RELATIVE)
    network = SubNet(resolve(space.largest(), RELATIVE, (24, 40), 3))
    supernet = Supernet(space, specs_on(RELATIVE, (24, 40), 3))
    assert network.input_norm.range_db == supernet.input_norm.range_db == 60
    assert supernet.extract(space.largest()).input_norm.range_db == 60
