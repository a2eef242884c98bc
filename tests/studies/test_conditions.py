import conditions
import numpy as np
import pytest
import soundfile
from conditions import CLEAN, CONDITIONS, PCM16, Condition, write_under

from asc_nas.core.randomness import stream

RATE = 44_100


@pytest.fixture
def wave():
    """Three seconds of a tone, the second one louder than the others."""
    time = np.arange(3 * RATE) / RATE
    level = np.where((time >= 1) & (time < 2), 0.4, 0.1)
    return (level * np.sin(2 * np.pi * 440 * time)).astype(np.float32)[None]


def test_every_condition_is_a_readable_file_with_a_name_of_its_own(wave, tmp_path):
    for condition in CONDITIONS:
        if condition is not CLEAN:
            path = write_under(condition, wave, RATE, stream(0, condition.name), tmp_path)
            written, _ = soundfile.read(path)
            assert np.abs(written).max() > 0.001
    names = [condition.name for condition in CONDITIONS]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("exponent", [0, 1])
def test_noise_has_the_ratio_and_the_slope_that_it_is_called_by(wave, exponent):
    noisy, _ = conditions.noise(10, exponent)(wave, RATE, stream(0, "noise"))
    added = (noisy - wave)[0]
    assert 10 * np.log10((wave**2).mean() / (added**2).mean()) == pytest.approx(10, abs=0.01)
    power, frequency = np.abs(np.fft.rfft(added)) ** 2, np.fft.rfftfreq(added.size, 1 / RATE)
    low, high = (power[(frequency > f) & (frequency < 2 * f)].mean() for f in (200, 3200))
    assert 10 * np.log10(low / high) == pytest.approx(12 * exponent, abs=2)


def test_a_microphone_has_a_range_of_twelve_decibels_and_is_the_same_for_all_clips():
    click = np.zeros((1, 2 * RATE), np.float32)
    click[0, RATE] = 1
    first, again, other = (
        conditions.device(click, RATE, stream(0, "microphone", draw))[0] for draw in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)
    response = 20 * np.log10(np.abs(np.fft.rfft(first[0])))
    assert np.ptp(response) == pytest.approx(conditions.DEVICE_DB, abs=0.5)
    assert np.abs(np.diff(response[100:])).max() < 0.1


def test_the_loudest_second_is_the_loudest_and_any_second_is_a_part(wave):
    kept, _ = conditions.loudest(1)(wave, RATE, stream(0))
    assert kept.shape == (1, RATE)
    assert (kept**2).mean() == pytest.approx(0.08, rel=0.01)
    part, _ = conditions.any_part(1)(wave, RATE, stream(0))
    assert part.tobytes() in wave.tobytes()


def test_a_clip_that_begins_later_is_as_long_as_before(wave):
    silent, _ = conditions.later(1, rolled=False)(wave, RATE, stream(0))
    rolled, _ = conditions.later(1, rolled=True)(wave, RATE, stream(0))
    for moved in (silent, rolled):
        np.testing.assert_array_equal(moved[:, RATE:], wave[:, : 2 * RATE])
    assert not silent[:, :RATE].any()
    np.testing.assert_array_equal(rolled[:, :RATE], wave[:, 2 * RATE :])


def test_gain_is_quantised_to_sixteen_bits_and_clipped(wave, tmp_path):
    loud = Condition("", conditions.gain(20), PCM16)
    written, _ = soundfile.read(write_under(loud, wave, RATE, stream(0), tmp_path))
    assert np.abs(written).max() == 1
    quiet = Condition("", conditions.gain(-60), PCM16)
    written, _ = soundfile.read(write_under(quiet, wave, RATE, stream(0), tmp_path))
    assert 10 < len(np.unique(written)) < 40
