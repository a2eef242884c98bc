"""Classes and recording devices that are drawn equally often, whatever a set holds."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny import TINY
from toy import make_examples

from asc_nas.core.errors import UsageError
from asc_nas.core.randomness import stream
from asc_nas.data.manifest import Clip, Manifest
from asc_nas.run.beginning import require_recorders
from asc_nas.run.config import RunConfig

CLIP = st.tuples(st.integers(0, 2), st.sampled_from(["", "a", "b", "s1"]), st.integers(1, 2))
"""Class, recording device, channels."""


def examples_of(clips):
    """Return examples of clips with these classes, recording devices and channels."""
    clip = np.repeat(np.arange(len(clips)), [channels for *_, channels in clips])
    return replace(
        make_examples(clips=len(clip)),
        targets=np.array([target for target, *_ in clips])[clip],
        clips=clip,
        clip_keys=tuple(map(str, range(len(clips)))),
        recorders=tuple(recorder for _, recorder, _ in clips),
    )


def drawn(examples, balanced, seed=0, epoch=0):
    rng = stream(seed, "retrain", epoch)
    return np.concatenate(list(examples.batches(4, rng, balanced=balanced)))


def spread(counts):
    return max(counts) - min(counts)


def of(examples, positions):
    """Return class and recording device of each position."""
    names = np.array(examples.recorders)[examples.clips[positions]]
    return examples.targets[positions], names


@given(st.lists(CLIP, min_size=1, max_size=40), st.integers(0, 99))
def test_classes_or_recorders_come_equally_often_and_epochs_are_of_one_size(clips, epoch):
    examples = examples_of(clips)
    for balanced, column in ((True, 0), ("class", 0), ("recorder", 1)):
        found = drawn(examples, balanced, epoch=epoch)
        assert len(found) == len(examples)
        here, all_of_them = (of(examples, p)[column] for p in (found, np.arange(len(examples))))
        assert spread([np.sum(here == name) for name in np.unique(all_of_them)]) <= 1


@given(st.lists(CLIP, min_size=1, max_size=40), st.integers(0, 99))
def test_classes_come_equally_often_and_in_each_its_recorders(clips, epoch):
    examples = examples_of(clips)
    found = drawn(examples, "class_and_recorder", epoch=epoch)
    assert len(found) == len(examples)
    targets, names = of(examples, found)
    all_targets, all_names = of(examples, np.arange(len(examples)))
    assert spread([np.sum(targets == target) for target in np.unique(all_targets)]) <= 1
    for target in np.unique(all_targets):
        own = np.unique(all_names[all_targets == target])
        assert spread([np.sum((targets == target) & (names == name)) for name in own]) <= 1


@given(st.lists(CLIP, min_size=1, max_size=40))
def test_a_position_comes_again_after_all_others_of_its_group(clips):
    examples = examples_of(clips)
    targets, names = of(examples, np.arange(len(examples)))
    found = np.bincount(drawn(examples, "class_and_recorder"), minlength=len(examples))
    for target, name in set(zip(targets.tolist(), names.tolist(), strict=True)):
        assert spread(found[(targets == target) & (names == name)]) <= 1


def test_draws_depend_on_seed_and_epoch_alone():
    examples = examples_of([(i % 3, "ab"[i % 5 == 0], 1) for i in range(30)])
    for balanced in (True, "recorder", "class_and_recorder"):
        first = drawn(examples, balanced)
        assert np.array_equal(first, drawn(examples, balanced))
        assert not np.array_equal(first, drawn(examples, balanced, epoch=1))
        assert not np.array_equal(first, drawn(examples, balanced, seed=1))
    assert np.array_equal(drawn(examples, True), drawn(examples, "class"))


def test_without_recorders_all_clips_are_one_group():
    examples = replace(examples_of([(0, "", 1), (1, "", 1), (1, "", 1)]), recorders=())
    assert sorted(drawn(examples, "recorder")) == [0, 1, 2]
    assert examples.of_clips(np.array([2])).recorders == ()


def test_chosen_clips_keep_their_recorders():
    examples = examples_of([(0, "a", 2), (1, "b", 1), (2, "s1", 2)])
    chosen = examples.of_clips(np.array([2, 0]))
    assert chosen.recorders == ("s1", "a")
    assert set(of(chosen, drawn(chosen, "recorder"))[1]) == {"a", "s1"}


def parsed(balanced, group="retrain"):
    return RunConfig.parse(TINY | {group: {"balanced": balanced}}, "here")


def test_class_is_another_word_for_true():
    assert parsed("class") == parsed(True)
    assert parsed("class").retrain.balanced is True
    assert parsed(False).retrain.balanced is False
    assert parsed("recorder", "supernet").supernet.balanced == "recorder"


@pytest.mark.parametrize("value", ["device", 1, None, ["class"]])
def test_what_cannot_be_balanced_is_told_with_what_can(value):
    said = r"'retrain\.balanced': give true, false or one of class, recorder, class_and_recorder"
    with pytest.raises(UsageError, match=said):
        parsed(value)


def test_a_set_without_recorders_is_refused_where_they_are_to_be_balanced(tmp_path):
    def manifest(device):
        clips = (Clip("1.wav", "x", role="train", device=device),)
        test = Clip("2.wav", "x", role="test", device="a")
        return Manifest("sounds", tmp_path, ("x",), (*clips, test))

    for group in ("supernet", "retrain", "rank"):
        with pytest.raises(UsageError, match=rf"{group}\.balanced: recorder needs .* of sounds"):
            require_recorders(parsed("recorder", group), manifest(""))
    require_recorders(parsed("recorder"), manifest("a"))
    # In a cross-validation as a whole clips have no roles yet.
    undivided = Manifest("sounds", tmp_path, ("x",), (Clip("1.wav", "x", device="a"),))
    require_recorders(parsed("recorder"), undivided)
    require_recorders(parsed(True), manifest(""))
