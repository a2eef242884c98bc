import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as with_settings
from hypothesis import strategies as st

from asc_nas.audio import window_mel
from asc_nas.audio.logmel import PRESETS, FrontEnd, log_mel, windows
from asc_nas.audio.window_mel import WindowMel

TOLERANCE_DB = 1e-4


def front_end(n_fft, hop, samples):
    return FrontEnd(
        sample_rate=8000, n_mels=6, win_length=n_fft, hop_length=hop, n_fft=n_fft,
        seconds=samples / 8000,
    )  # fmt: skip


def noise(samples, channels=2):
    return np.random.default_rng(0).normal(0, 0.1, (channels, samples)).astype(np.float32)


def check(settings, hop, length):
    transform = WindowMel(settings)
    cut, starts = windows(noise(length), settings.samples, hop)
    for wave, start in zip(cut, starts, strict=True):
        found = transform(wave, int(start))
        assert np.abs(found - log_mel(wave, settings)).max() < TOLERANCE_DB


@with_settings(max_examples=40)
@given(
    half=st.integers(4, 40),
    hop=st.integers(1, 90),
    samples=st.integers(60, 300),
    frames=st.integers(1, 8),
    odd=st.integers(0, 1),
)
def test_the_log_mel_of_a_window_is_that_of_the_window_alone(half, hop, samples, frames, odd):
    settings = front_end(2 * half, hop, samples)
    check(settings, frames * hop + odd, 4 * samples + 17)


@pytest.mark.parametrize("preset", PRESETS)
def test_the_last_window_sees_zeros_behind_its_end(preset):
    settings = PRESETS[preset]
    check(settings, settings.sample_rate, round(1.15 * settings.samples))


def test_shared_frames_are_computed_once(monkeypatch):
    settings, computed = front_end(64, 32, 1600), []
    plain = window_mel.log_mel_of_frames

    def counted(wave, settings):
        mel = plain(wave, settings)
        computed.append(mel.shape[-1])
        return mel

    monkeypatch.setattr(window_mel, "log_mel_of_frames", counted)
    check(settings, 160, 1600 + 5 * 160)
    assert sum(computed) == 5 * (160 // 32 + 2)  # new frames, and one at each end


def test_a_window_that_is_kept_is_not_changed_by_the_next():
    settings = front_end(64, 32, 1600)
    transform, cut = WindowMel(settings), windows(noise(2000), 1600, 320)[0]
    first = transform(cut[0], 0)
    kept = first.copy()
    transform(cut[1], 320)
    np.testing.assert_array_equal(first, kept)
