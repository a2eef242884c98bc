"""Batches and augmentation."""

from itertools import permutations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from toy import make_examples

from asc_nas.data.augment import Augmentation, AugmentConfig

OFF = {"mixup_alpha": 0, "frequency_mask": 0, "time_mask": 0, "time_roll": 0, "gain_db": 0}


def batch(n=6, mels=8, frames=12):
    x = torch.randn(n, 1, mels, frames, generator=torch.Generator().manual_seed(0))
    return x, torch.arange(n) % 3


def run(seed=0, **settings_on):
    return vary(*batch(), seed, **(OFF | settings_on))


def vary(x, targets, seed=0, **settings_on):
    examples = make_examples(size=tuple(x.shape[2:]))
    examples.features[:] = np.arange(-99, -99 + x.shape[2])[:, None]
    augmentation = Augmentation(AugmentConfig(**settings_on), examples)
    return augmentation(x, targets, np.random.default_rng(seed))


@given(st.integers(1, 50), st.integers(1, 20), st.booleans())
def test_every_example_is_in_exactly_one_batch_and_none_is_tiny(clips, size, shuffled):
    examples = make_examples(clips=clips)
    rng = np.random.default_rng(0) if shuffled else None
    batches = list(examples.batches(size, rng))
    assert sorted(np.concatenate(batches).tolist()) == list(range(clips))
    assert min(map(len, batches)) >= min(size, clips)


def test_statistics_are_those_of_the_examples_rows_only():
    examples = make_examples(clips=10)
    examples.features[7:] = 0
    part = type(examples)(
        examples.features, np.arange(7), examples.targets[:7], np.arange(7),
        examples.clip_keys[:7], examples.labels, examples.frontend,
    )  # fmt: skip
    mean, std = part.mel_statistics(chunk=3)
    rows = examples.features[:7].astype(np.float64)
    assert np.allclose(mean, rows.mean((0, 2)), atol=1e-3)
    assert np.allclose(std, rows.std((0, 2)), atol=1e-3)


def test_everything_off_changes_nothing():
    x, targets = batch()
    varied, soft = run()
    assert torch.equal(varied, x)
    assert torch.equal(soft.argmax(1), targets)


def test_time_roll_is_circular_along_time():
    x, _ = batch()
    varied, _ = run(time_roll=1.0)
    assert not torch.equal(varied, x)
    for before, after in zip(x, varied, strict=True):
        assert any(torch.equal(before.roll(s, 2), after) for s in range(x.shape[3]))


def test_masks_fill_whole_stripes_with_the_band_mean_at_the_level_of_the_example():
    x, _ = batch()
    varied, _ = run(time_mask=5, frequency_mask=3)
    masked = varied != x
    profile = torch.arange(8.0)[:, None] - 3.5  # the bands' means, about their own mean
    filled = (x.mean((2, 3), keepdim=True) + profile).expand_as(x)
    assert torch.allclose(varied[masked], filled[masked], atol=1e-4)
    assert masked.any()
    for example in masked[:, 0]:
        rows, columns = example.all(1), example.all(0)
        assert rows.sum() <= 3
        assert columns.sum() <= 5
        assert torch.equal(example, rows[:, None] | columns[None, :])


def test_mixup_mixes_sound_and_label_by_the_same_share():
    x, targets = batch()
    varied, soft = run(mixup_alpha=0.5)
    assert torch.allclose(soft.sum(1), torch.ones(6))
    assert (soft.gather(1, targets[:, None]) >= 0.5).all()
    mixed = soft.max(1).values < 1
    assert mixed.any()
    for i in torch.nonzero(mixed)[:, 0].tolist():
        share = soft[i, targets[i]]
        candidates = [share * x[i] + (1 - share) * x[j] for j in range(6)]
        assert any(torch.allclose(varied[i], c, atol=1e-5) for c in candidates)


def test_gain_shifts_a_clip_by_one_number_of_decibels():
    x, _ = batch()
    shift = (run(gain_db=6)[0] - x).flatten(1)
    assert torch.allclose(shift, shift[:, :1].expand_as(shift), atol=1e-5)
    assert (shift.abs() <= 6).all()
    assert shift.abs().max() > 0.1


def mix(x, targets, **settings_on):
    return vary(x, targets, **(OFF | {"shuffle_mix": 1, "shuffle_segments": 3} | settings_on))


def power(x):
    """Return the power of each mel band over the clip, (n, mels)."""
    return (10 ** (x.double() / 10)).sum(3)[:, 0]


def test_shuffle_and_mix_keeps_labels_and_mixes_the_powers_of_two_clips_of_a_class():
    x, targets = batch()  # two clips of each class, three apart
    mixed, soft = mix(x * 5 - 40, targets)
    assert torch.equal(soft, torch.nn.functional.one_hot(targets, 3).float())
    own, other = power(x * 5 - 40), power(x.roll(3, 0) * 5 - 40)
    share = (power(mixed) - other) / (own - other)
    assert torch.allclose(share, share[:, :1].expand_as(share), atol=1e-4)
    assert ((share > 0) & (share < 1)).all()
    assert share[:, 0].std() > 0.05


@pytest.mark.parametrize("frames", [12, 14])  # 14: segments of 5, 5 and 4
def test_shuffle_and_mix_puts_whole_segments_in_another_order(frames):
    x, targets = batch(frames=frames)
    x[3:] = -300.0  # the other clip of each class is silent
    mixed, _ = mix(x, targets)
    orders = permutations(torch.arange(frames).split(-(-frames // 3)))
    shuffled = [torch.cat(order) for order in orders]
    found = []
    for before, after in zip(x[:3], mixed[:3], strict=True):
        shifts = [after - before[..., order] for order in shuffled]
        found += [i for i, shift in enumerate(shifts) if shift.std() < 1e-4 and shift.max() < 0]
    assert len(found) == 3
    assert any(found)  # not all as they were


def test_a_clip_alone_in_its_class_is_mixed_with_itself():
    x, _ = batch(n=3)
    mixed, _ = mix(x, torch.arange(3))
    assert not torch.allclose(mixed, x, atol=1e-2)
    assert torch.allclose(power(mixed), power(x), rtol=1e-4)


def test_shuffle_and_mix_changes_the_given_share_of_clips():
    x, targets = batch(n=400)
    changed = (mix(x, targets, shuffle_mix=0.3)[0] != x).flatten(1).any(1)
    assert 0.2 < changed.float().mean() < 0.4


def test_without_shuffle_and_mix_the_time_roll_is_the_first_that_is_drawn():
    x, _ = batch()
    shifts = np.random.default_rng(0).integers(-6, 7, 6)
    expected = torch.stack([clip.roll(int(s), 2) for clip, s in zip(x, shifts, strict=True)])
    assert torch.equal(run(time_roll=0.5)[0], expected)


@settings(max_examples=10)
@given(st.integers(0, 2**32))
def test_the_same_generator_gives_the_same_batch(seed):
    everything = {
        "shuffle_mix": 0.5,
        "mixup_alpha": 0.3,
        "time_mask": 4,
        "time_roll": 0.5,
        "gain_db": 3,
    }
    first, second = run(seed, **everything), run(seed, **everything)
    assert torch.equal(first[0], second[0])
    assert torch.equal(first[1], second[1])
