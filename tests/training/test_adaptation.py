"""A network that learns on for one recording device."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from toy import make_examples

from asc_nas.core.errors import AscNasError, UsageError
from asc_nas.data.examples import Examples
from asc_nas.space.genotype import Genotype
from asc_nas.space.netspec import resolve
from asc_nas.space.skeleton import skeleton_from
from asc_nas.training.adaptation import AdaptConfig, adapt_network, clips_for
from asc_nas.training.network_trainer import fit_network, new_network
from asc_nas.training.trainer import TrainConfig, Trainer

SKELETON = skeleton_from(
    {
        "stem": [{"channels": 4, "stride": [2, 2]}],
        "stages": [{"channels": 8, "strides": [[1, 1], [1, 1]]}],
    }
)
NET = resolve(Genotype.parse("t3e2w1 f3e2w1"), SKELETON, (16, 24), 3)


def rng():
    return np.random.default_rng(0)


def recorded(names, channels=1):
    return replace(make_examples(clips=len(names), channels=channels), recorders=tuple(names))


@given(
    st.lists(st.sampled_from(["a", "b", "s1", ""]), min_size=1, max_size=40),
    st.floats(0.05, 1),
    st.integers(1, 2),
)
def test_all_clips_of_a_recorder_are_heard_and_no_more_others_than_its_share_lets_in(
    names, share, channels
):
    names = ["b", *names]
    found = clips_for(recorded(names, channels), "b", share, rng())
    own, wanted = names.count("b"), names.count("b") * (1 - share) / share
    assert found.recorders.count("b") == own
    others = found.num_clips - own
    assert others == min(len(names) - own, round(wanted))
    places = [int(key.removeprefix("clip")) for key in found.clip_keys]
    assert places == sorted(set(places))
    assert tuple(names[place] for place in places) == found.recorders
    assert len(found) == channels * found.num_clips


def test_others_are_drawn_by_the_generator():
    examples = recorded(["a"] * 4 + ["b"] * 40)
    first, again = (clips_for(examples, "a", 0.5, rng()).clip_keys for _ in range(2))
    assert first == again
    assert first != clips_for(examples, "a", 0.5, np.random.default_rng(1)).clip_keys


def test_a_recorder_without_clips_is_told():
    with pytest.raises(AscNasError, match="no clip of the recording device 'q'"):
        clips_for(recorded(["a"]), "q", 1.0, rng())
    with pytest.raises(AscNasError, match="no clip of the recording device 'a'"):
        clips_for(make_examples(clips=3), "a", 1.0, rng())


def general(examples, folder):
    network = new_network(NET, 0)
    fit_network(network, examples, Trainer(TrainConfig(epochs=3, batch_size=8), 0, folder / "g"))
    return network


def test_it_begins_with_the_network_keeps_its_input_norm_and_hears_one_recorder(
    tmp_path, monkeypatch
):
    examples = recorded(["a", "b"] * 12)
    examples.features[1::2] -= 20  # b is quieter
    network = general(examples, tmp_path)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    heard, batches = [], Examples.batches

    def listen(self, size, rng=None, **options):
        for positions in batches(self, size, rng, **options):
            heard.extend(self.clip_keys[clip] for clip in self.clips[positions])
            yield positions

    monkeypatch.setattr(Examples, "batches", listen)
    config = AdaptConfig(epochs=3, batch_size=4, learning_rate=1e-12, weight_decay=0)
    log = adapt_network(network, examples, "b", Trainer(config, 0, tmp_path / "a"))
    assert [entry.epoch for entry in log] == [1, 2, 3]
    assert sorted(heard) == sorted(3 * [f"clip{i}" for i in range(1, 24, 2)])
    for name, value in network.state_dict().items():
        if name.startswith("input_norm."):
            assert torch.equal(value, before[name]), name
        elif "running" in name:
            assert not torch.allclose(value, before[name]), name
        elif "num_batches" not in name:
            torch.testing.assert_close(value, before[name], atol=1e-6, rtol=0, msg=name)


def test_it_learns_what_one_recorder_sounds_like(tmp_path):
    """Where b swaps two classes, only a network for b can know."""
    examples = recorded(["a", "b"] * 30)
    swapped = np.array([1, 0, 2])[examples.targets]
    here = np.array(examples.recorders) == "b"
    examples = replace(examples, targets=np.where(here, swapped, examples.targets))
    network = general(examples, tmp_path)
    config = AdaptConfig(epochs=40, batch_size=6, learning_rate=2e-2)
    adapt_network(network, examples, "b", Trainer(config, 0, tmp_path / "a"))
    own = clips_for(examples, "b", 1.0, rng())
    x, targets = own.batch(np.arange(len(own)))
    assert (network(x).argmax(1) == targets).float().mean() > 0.9


def test_a_share_of_nothing_is_refused():
    with pytest.raises(UsageError, match=r"'share'"):
        AdaptConfig.parse({"share": 0}, "here")
