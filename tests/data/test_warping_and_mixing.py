"""Augmentation against what it stands for: the same done to waveforms."""

import numpy as np
import pytest
import soundfile
import soxr
import torch
from toy import make_examples

from asc_nas.audio.logmel import FLOOR_DB, PRESETS, log_mel
from asc_nas.audio.mel_bands import centre_frequencies
from asc_nas.core.errors import UsageError
from asc_nas.data import mixing, recording_channel, warping
from asc_nas.data.augment import Augmentation, AugmentConfig
from asc_nas.data.impulse_responses import read_responses

FRONT_END = PRESETS["esc10"].model_copy(update={"seconds": 2})
RATE = FRONT_END.sample_rate
FREQUENCIES = centre_frequencies(FRONT_END.n_mels, FRONT_END.fmin, FRONT_END.highest)


def features(wave):
    return torch.from_numpy(log_mel(np.asarray(wave, np.float32)[None, None], FRONT_END))


def noise(seed=0, seconds=2.0):
    return np.random.default_rng(seed).normal(0, 0.1, int(seconds * RATE))


def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("factor", [0.8, 1.25])
def test_speed_is_what_resampling_the_waveform_does(factor):
    """A sweep: its pitch and its time are both known at every moment."""
    t = np.arange(2 * RATE) / RATE
    sweep = np.sin(2 * np.pi * (400 * t + 600 * t**2)) + 0.01 * noise()
    played = soxr.resample(sweep, RATE, RATE / factor, quality="HQ")
    expected = features(np.pad(played, (0, 2 * RATE))[: 2 * RATE])[0, 0]
    warped = warping.warp(features(sweep), np.array([factor]), np.array([factor]), FREQUENCIES)
    heard = slice(2, int(0.95 * 100 * min(1, 1 / factor)))
    loudest = expected.argmax(0)[heard] - warped[0, 0].argmax(0)[heard]
    assert loudest.abs().float().mean() < 0.6  # bands
    assert loudest.abs().max() <= 2


def test_tempo_keeps_frequencies_and_pitch_keeps_time():
    x = features(
        np.sin(2 * np.pi * 1000 * np.arange(2 * RATE) / RATE) * np.linspace(0, 1, 2 * RATE)
    )
    one, faster = np.array([1.0]), np.array([1.25])
    louder = warping.warp(x, faster, one, FREQUENCIES)
    assert (louder[0, 0].argmax(0)[5:70] == x[0, 0].argmax(0)[5:70]).all()
    assert torch.allclose(louder[..., 40], x[..., 50], atol=0.5)
    higher = warping.warp(x, one, faster, FREQUENCIES)
    band = int(higher[0, 0, :, 50].argmax())
    assert FREQUENCIES[band] == pytest.approx(1250, rel=0.05)
    assert torch.allclose(higher.amax(2), x.amax(2), atol=2)


def test_factors_of_one_change_nothing():
    x = features(noise())
    ones = np.ones(1)
    assert torch.allclose(warping.warp(x, ones, ones, FREQUENCIES), x, atol=1e-3)


def test_a_faster_clip_begins_again():
    x = torch.arange(10.0).expand(1, 1, 4, 10)
    warped = warping.warp(x, np.array([2.0]), np.ones(1), np.arange(1.0, 5))
    assert torch.allclose(warped[0, 0, 0], torch.tensor([0.0, 2, 4, 6, 8] * 2), atol=1e-4)


def test_factors_are_within_what_is_asked_for():
    faster, higher = warping.draw_factors(500, 0.0, 0.25, 12, rng())
    assert 0.8 <= faster.min() < 0.82
    assert 1.22 < faster.max() <= 1.25
    assert 0.5 <= higher.min() < 0.53
    together = warping.draw_factors(500, 0.5, 0.0, 0.0, rng())
    assert np.array_equal(*together)


def test_crops_are_pieces_of_the_clip_and_shifts_let_silence_in():
    x = torch.arange(20.0).expand(50, 1, 3, 20)
    cropped = warping.crop(x, 0.25, rng())
    assert cropped.shape == (50, 1, 3, 15)
    assert (cropped.diff(dim=3) == 1).all()
    assert len(cropped[:, 0, 0, 0].unique()) == 6
    shifted = warping.shift(x, 0.5, rng())
    for clip in shifted[:, 0, 0]:
        kept = clip[clip != FLOOR_DB]
        assert len(kept) >= 10
        assert (kept.diff() == 1).all()
    assert (shifted == FLOOR_DB).any()


def test_a_shortened_example_is_a_piece_of_it_again_and_again():
    x = torch.arange(20.0).expand(400, 1, 3, 20)
    shortened = warping.shorten(x, 1, rng())
    assert shortened.shape == x.shape
    lengths = set()
    for clip in shortened[:, 0, 1].int():
        length = len(clip.unique())
        lengths.add(length)
        assert torch.equal(clip, clip[0] + torch.arange(20, dtype=torch.int32) % length)
    assert lengths == set(range(4, 21))
    assert len(shortened[:, 0, 0, 0].unique()) == 17  # a piece of four may begin at 0 to 16


def test_as_many_examples_are_shortened_as_asked_for():
    x = torch.arange(100.0).expand(1000, 1, 3, 100)
    shortened = (warping.shorten(x, 0.3, rng()) != x).any(dim=3).any(dim=2)
    assert 0.25 < shortened.float().mean() < 0.35


def test_between_class_mixing_is_the_sum_of_waveforms_of_equal_loudness():
    loud, quiet = noise(1) * 3, noise(2) * np.hanning(2 * RATE) * 0.1
    x = torch.cat([features(loud), features(quiet)])
    mixed, soft = mixing.mixup(x, torch.eye(2), 1.0, np.random.default_rng(3), sounds=True)
    share = float(soft[0].max())
    assert 0.5 < share < 0.95
    level = mixing.loudest_frame(x).flatten()
    p = 1 / (1 + 10 ** (float(level[0] - level[1]) / 20) * (1 - share) / share)
    wave = (p * loud + (1 - p) * quiet) / np.hypot(p, 1 - p)
    difference = mixed[0] - features(wave)[0]
    assert difference.mean().abs() < 0.5
    assert difference.std() < 3  # the phases' part, which is left out, has mean zero in power


def test_mixstyle_keeps_what_happens_and_exchanges_the_statistics_of_bands():
    x = torch.cat([features(noise(i) * 10.0**i) for i in range(4)])
    mixed = mixing.mixstyle(x, rng())

    def shape(features):
        return (features - features.mean(3, keepdim=True)) / features.std(3, keepdim=True)

    assert torch.allclose(shape(mixed), shape(x), atol=1e-3)
    means = x.mean(3)
    assert (mixed.mean(3) >= means.min(0).values - 1e-3).all()
    assert (mixed.mean(3) <= means.max(0).values + 1e-3).all()
    assert not torch.allclose(mixed.mean(3), means, atol=1)


def test_noise_has_the_signal_to_noise_ratio_that_was_drawn():
    clips = torch.cat([features(noise(i)) for i in range(40)])
    noisy = recording_channel.add_noise(clips, 0.5, FREQUENCIES, rng())
    added = 10 ** (noisy.double() / 10) - 10 ** (clips.double() / 10)
    changed = added.abs().amax((1, 2, 3)) > 1e-12
    assert 10 < changed.sum() < 30
    widths = torch.from_numpy(np.gradient(FREQUENCIES))[:, None]
    power = (10 ** (clips.double() / 10) * widths).sum((1, 2, 3))
    ratio = 10 * torch.log10(power / (added * widths).sum((1, 2, 3)))[changed]
    low, high = recording_channel.SNR_DB
    assert (ratio > low - 0.1).all()
    assert (ratio < high + 0.1).all()
    assert ratio.std() > 4


def test_a_random_response_is_one_smooth_curve_for_all_frames():
    x = features(noise())
    x = x.expand(30, -1, -1, -1)
    curves = recording_channel.respond(x, 12, FREQUENCIES, rng()) - x
    assert torch.allclose(curves, curves[..., :1].expand_as(curves), atol=1e-4)
    span = curves.amax(2) - curves.amin(2)
    assert 9 < span.max() <= 12.001
    octaves = torch.from_numpy(np.log2(FREQUENCIES)).diff()[:, None]
    slopes = (curves.diff(dim=2) / octaves).abs()[..., 0]
    assert slopes.max() < 25  # dB per octave, and as steep in the bass as in the treble
    low, high = (
        slopes[..., part].amax() for part in (FREQUENCIES[1:] < 500, FREQUENCIES[1:] > 2000)
    )
    assert 0.5 < low / high < 2


def test_gain_and_response_leave_digital_silence_as_it_is():
    x = torch.full((4, 1, 8, 5), FLOOR_DB)
    x[:, :, :, 2] = -20
    louder = recording_channel.change_level(x, 30, rng())
    assert (louder[..., [0, 1, 3, 4]] == FLOOR_DB).all()
    assert (louder[..., 2] != -20).all()
    assert (recording_channel.respond(x, 12, FREQUENCIES[:8], rng()) >= FLOOR_DB).all()


def test_a_band_limit_silences_all_bands_above_a_frequency():
    x = features(noise()).expand(40, -1, -1, -1)
    limited = recording_channel.limit_band(x, 0.5, FREQUENCIES, rng())
    silent = (limited == FLOOR_DB).all(3)[:, 0]
    assert 8 < silent.any(1).sum() < 32
    assert (silent.int().diff(dim=1) >= 0).all()
    assert not silent[:, recording_channel.LOWEST_CUT >= FREQUENCIES].any()


def test_a_device_response_is_what_convolving_with_it_does(tmp_path):
    impulse = np.zeros(64)
    impulse[[0, 1]] = 0.5, 0.4  # a gentle low pass
    soundfile.write(tmp_path / "phone.wav", impulse, RATE, subtype="FLOAT")
    second = np.stack([0 * impulse, impulse], 1)  # the first channel has no signal
    soundfile.write(tmp_path / "stereo.wav", second, RATE, subtype="FLOAT")
    responses = read_responses(tmp_path, FRONT_END)
    assert responses.shape == (2, 64, 1)
    assert torch.equal(responses[0], responses[1])
    responses = responses[:1]
    wave = noise(seconds=2)
    expected = features(np.convolve(wave, impulse)[: len(wave)]) - features(wave)
    curve = expected.mean((0, 1, 3))
    difference = responses[0, :, 0] - curve
    assert (difference - difference.mean()).abs().max() < 0.5
    x = features(wave)
    assert torch.allclose(
        recording_channel.respond_as(x, responses, rng()), x + responses[0], atol=1e-4
    )


LEAD = int(0.06 * RATE)


def reverberation(seconds, seed=3):
    """Return a direct sound and noise that falls by 60 dB, before it 60 ms of silence."""
    t = np.arange(int(seconds * RATE)) / RATE
    tail = 0.1 * np.random.default_rng(seed).normal(size=len(t)) * 10 ** (-3 * t / seconds)
    tail[0] = 1.0
    return np.pad(tail, (LEAD, 0))


@pytest.mark.parametrize("seconds", [0.3, 1.2])
def test_a_long_response_is_what_convolving_the_waveform_does(seconds, tmp_path):
    impulse = reverberation(seconds)
    soundfile.write(tmp_path / "room.wav", impulse, RATE, subtype="FLOAT")
    soundfile.write(tmp_path / "short.wav", impulse[LEAD : LEAD + 200], RATE, subtype="FLOAT")
    both = read_responses(tmp_path, FRONT_END)
    hop = FRONT_END.hop_length / RATE
    assert both.shape[2] == pytest.approx(seconds / hop, abs=2)
    assert (both[1, :, 1:] == -100).all()  # the short one
    # Two bursts in quiet: what comes after each is the response alone.
    wave = 1e-3 * noise()
    for start in (0.2, 1.1):
        burst = slice(int(start * RATE), int((start + 0.1) * RATE))
        wave[burst] = noise()[burst]
    rolled = np.convolve(wave, impulse)[LEAD:][: len(wave)]
    expected, x = features(rolled)[0, 0], features(wave)
    found = recording_channel.respond_as(x, both[:1], rng())[0, 0]
    difference = found - expected
    # One realisation of noise: single bins differ, the band in a tenth of a second does not.
    level = difference.mean()
    each = torch.nn.functional.avg_pool2d((difference - level)[None], (8, 10)).abs()
    assert each.mean() < 0.6
    without = features(wave)[0, 0] - expected
    assert (without - without.mean()).abs().mean() > 4 * (difference - level).abs().mean()


def test_what_is_silent_stays_silent_before_a_sound_and_a_clip_is_no_longer(tmp_path):
    soundfile.write(tmp_path / "room.wav", reverberation(5.0), RATE, subtype="FLOAT")
    responses = read_responses(tmp_path, FRONT_END)
    wave = noise()
    wave[: len(wave) // 2] = 0
    x = features(wave)
    assert responses.shape[2] == x.shape[3]
    found = recording_channel.respond_as(x, responses, rng())
    silent = (x < FLOOR_DB + 0.01).all(2)[0, 0]
    assert silent.sum() > 10
    assert (found[0, 0][:, silent] == FLOOR_DB).all()
    assert found.isfinite().all()


def test_a_silent_response_is_refused_and_the_loudest_channel_taken(tmp_path):
    impulse = np.zeros((100, 2))
    impulse[3] = 1e-9, 1e-6  # far below what is called a signal
    soundfile.write(tmp_path / "quiet.wav", impulse, RATE, subtype="FLOAT")
    (tmp_path / "._quiet.wav").write_bytes(b"of another system")
    assert torch.allclose(read_responses(tmp_path, FRONT_END), torch.zeros(1, 64, 1), atol=1e-3)
    tail = np.pad(reverberation(0.3), (0, RATE))  # silence behind it is no part of it
    soundfile.write(tmp_path / "quiet.wav", tail, RATE, subtype="FLOAT")
    longer = read_responses(tmp_path, FRONT_END)
    soundfile.write(tmp_path / "quiet.wav", reverberation(0.3), RATE, subtype="FLOAT")
    assert torch.equal(longer, read_responses(tmp_path, FRONT_END))
    soundfile.write(tmp_path / "none.wav", np.zeros(100), RATE)
    with pytest.raises(UsageError, match=r"none\.wav: an impulse response that is silent"):
        read_responses(tmp_path, FRONT_END)


def test_a_folder_without_impulse_responses_is_told(tmp_path):
    config = AugmentConfig(device_responses=str(tmp_path))
    with pytest.raises(UsageError, match="no impulse responses"):
        Augmentation(config, make_examples())


def test_everything_at_once_stays_finite_and_within_the_floor():
    examples = make_examples(clips=30, size=(16, 40))
    config = AugmentConfig(
        speed=0.3, tempo=0.2, pitch=4, pad=0.3, crop=0.5, shorten=0.5, shuffle_mix=0.5,
        mixup_alpha=1, between_class=True, mixstyle=1, gain_db=20, response_db=12,
        band_limit=0.5, noise=0.5,
    )  # fmt: skip
    x, targets = examples.batch(np.arange(30))
    varied, soft = Augmentation(config, examples)(x, targets, rng())
    assert varied.shape == (30, 1, 16, 20)
    assert varied.dtype == torch.float32
    assert torch.isfinite(varied).all()
    assert torch.allclose(soft.sum(1), torch.ones(30))
    again, _ = Augmentation(config, examples)(x, targets, rng())
    assert torch.equal(varied, again)


def test_balanced_batches_hold_every_class_equally_often():
    examples = make_examples(clips=30)
    few = np.r_[np.arange(0, 30, 3), [1, 2, 4]]  # ten of one class, two and one of the others
    examples = type(examples)(
        examples.features, examples.rows[few], examples.targets[few], np.arange(13),
        tuple(map(str, few)), examples.labels, examples.frontend,
    )  # fmt: skip
    drawn = np.concatenate(list(examples.batches(4, rng(), balanced=True)))
    assert len(drawn) == 13
    counts = np.bincount(examples.targets[drawn])
    assert counts.max() - counts.min() <= 2
    assert set(drawn[examples.targets[drawn] == 2]) == {11}
