import os
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from asc_nas.audio.io import load_audio
from asc_nas.audio.logmel import PRESETS, FrontEnd, fit_length, frontend_from, log_mel, windows
from asc_nas.audio.mel_bands import filter_bank, hann_window
from asc_nas.core.errors import UsageError

TOLERANCE_DB = 1e-3
SHORT_WINDOW = FrontEnd(
    sample_rate=22050, n_mels=32, win_length=400, hop_length=160, n_fft=512, fmin=50, fmax=8000,
    seconds=1,
)  # fmt: skip
MORE_BANDS_THAN_BINS = FrontEnd(
    sample_rate=8000, n_mels=64, win_length=128, hop_length=64, n_fft=128, seconds=1
)


def librosa_log_mel(wave, settings):
    librosa = pytest.importorskip("librosa")
    mel = librosa.feature.melspectrogram(
        y=wave, sr=settings.sample_rate, n_fft=settings.n_fft, hop_length=settings.hop_length,
        win_length=settings.win_length, n_mels=settings.n_mels, fmin=settings.fmin,
        fmax=settings.highest, center=True, pad_mode="constant", power=2, htk=False, norm="slaney",
    )  # fmt: skip
    return librosa.power_to_db(mel, ref=1, amin=1e-10, top_db=None)


def noise(samples, channels=1, seed=0):
    wave = np.random.default_rng(seed).standard_normal((channels, samples)) * 0.1
    return wave.astype(np.float32)


@pytest.mark.filterwarnings("ignore:Empty filters")
@pytest.mark.parametrize(
    "settings", [*PRESETS.values(), SHORT_WINDOW, MORE_BANDS_THAN_BINS], ids=lambda s: s.fingerprint
)
def test_log_mel_is_that_of_librosa(settings):
    wave = noise(settings.samples * 3 // 2)[0]
    wave[: settings.samples // 4] = 0  # digital silence
    found = log_mel(wave, settings)
    assert found.dtype == np.float32
    assert np.abs(found - librosa_log_mel(wave, settings)).max() < TOLERANCE_DB


def test_a_band_far_below_a_loud_one_keeps_the_promised_precision():
    settings = PRESETS["esc10"]
    time = np.arange(settings.samples) / settings.sample_rate
    wave = (np.sin(2 * np.pi * 100 * time) + 1e-5 * noise(settings.samples)[0]).astype(np.float32)
    assert np.abs(log_mel(wave, settings) - librosa_log_mel(wave, settings)).max() < TOLERANCE_DB


def plain_log_mel(wave, settings):
    """Return the log-mel of one signal as its definition says, in float64."""
    half, hop = settings.n_fft // 2, settings.hop_length
    padded = np.pad(wave.astype(np.float64), half)
    frames = [padded[i : i + settings.n_fft] for i in range(0, len(wave) + 1, hop)]
    window = hann_window(settings.win_length, settings.n_fft)
    bank = filter_bank(
        settings.sample_rate, settings.n_fft, settings.n_mels, settings.fmin, settings.highest
    )
    mel = bank @ np.abs(np.fft.rfft(frames * window)).T ** 2
    return 10 * np.log10(np.maximum(mel, 1e-10))


@pytest.mark.parametrize(
    "settings", [*PRESETS.values(), SHORT_WINDOW, MORE_BANDS_THAN_BINS], ids=lambda s: s.fingerprint
)
@pytest.mark.parametrize("length", [1, 200, 70_001])
def test_log_mel_in_blocks_and_groups_of_bands_is_the_plain_one(settings, length):
    wave = noise(length)[0]
    wave[length // 4 : length // 3] = 0
    assert np.abs(log_mel(wave, settings) - plain_log_mel(wave, settings)).max() < 1e-4


def test_log_mel_is_to_the_last_bit_the_same_with_any_number_of_threads():
    command = (
        "import hashlib, numpy as np\n"
        "from asc_nas.audio.logmel import PRESETS, log_mel\n"
        "wave = np.random.default_rng(0).normal(0, 0.1, (2, 320_000)).astype(np.float32)\n"
        "for settings in PRESETS.values():\n"
        "    print(hashlib.sha256(log_mel(wave, settings).tobytes()).hexdigest())\n"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", command],
            env={**os.environ, "OMP_NUM_THREADS": str(n), "OPENBLAS_NUM_THREADS": str(n)},
            check=True, capture_output=True, text=True,
        ).stdout
        for n in (1, 2)
    }  # fmt: skip
    assert len(found) == 1


@pytest.mark.parametrize("suffix", ["ogg", "wav", "flac", "mp3"])
@pytest.mark.parametrize("preset", PRESETS)
def test_log_mel_of_a_real_clip_is_that_of_librosa(esc10_folder, tmp_path, suffix, preset):
    settings = PRESETS[preset]
    clip = esc10_folder / "001 - Dog bark" / "1-30226-A.ogg"
    if suffix != "ogg":
        samples, rate = soundfile.read(clip, dtype="float32")
        clip = tmp_path / f"clip.{suffix}"
        soundfile.write(clip, samples, rate)
    wave = load_audio(clip, settings.sample_rate)
    assert np.ptp(log_mel(wave, settings)) > 30
    difference = log_mel(wave, settings)[0] - librosa_log_mel(wave[0], settings)
    assert np.abs(difference).max() < TOLERANCE_DB


@pytest.mark.parametrize(
    ("preset", "shape"), [("dcase2018_task5", (40, 501)), ("esc10", (64, 251))]
)
def test_a_preset_gives_the_published_shape(preset, shape):
    settings = frontend_from(preset)
    mel = log_mel(noise(settings.samples, channels=4), settings)
    assert mel.shape == (4, *shape) == (4, settings.n_mels, settings.frames)


def test_each_channel_is_transformed_alone():
    wave = noise(16000, channels=3).reshape(3, 1, 16000)
    mel = log_mel(wave, SHORT_WINDOW)
    np.testing.assert_array_equal(mel[1, 0], log_mel(wave[1, 0], SHORT_WINDOW))


def test_silence_is_minus_100_decibels():
    np.testing.assert_allclose(log_mel(np.zeros(1000, np.float32), SHORT_WINDOW), -100, 1e-6)


def test_the_fingerprint_depends_on_each_setting_and_not_on_how_fmax_is_written():
    settings = PRESETS["esc10"]
    changed = {
        settings.model_copy(update=change).fingerprint
        for change in ({}, {"n_mels": 40}, {"seconds": 4.0}, {"fmin": 20.0}, {"fmax": 8000.0})
    }
    assert len(changed) == 5
    assert settings.model_copy(update={"fmax": 16000.0}).fingerprint == settings.fingerprint


def test_a_front_end_is_found_by_name_mapping_or_itself():
    settings = PRESETS["esc10"]
    assert frontend_from(settings.model_dump()) == frontend_from("esc10") == settings
    assert frontend_from(settings) is settings


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"win_length": 1281}, "win_length .1281. is longer than n_fft"),
        ({"fmax": 16001}, "above half the sample rate"),
        ({"fmin": 16000}, "is not below fmax"),
        ({"n_mels": 0}, "'n_mels'"),
        ({"seconds": float("inf")}, "'seconds'"),
        ({"hop_lenght": 3}, "Did you mean 'hop_length'"),
    ],
)
def test_an_impossible_setting_is_named(change, message):
    with pytest.raises(UsageError, match=message):
        frontend_from(PRESETS["esc10"].model_dump() | change)


def test_a_misspelt_preset_names_the_nearest():
    with pytest.raises(UsageError, match="Did you mean 'esc10'"):
        frontend_from("esc_10")


def test_fit_length_keeps_the_start_or_pads_the_end():
    wave = noise(10, channels=2)
    np.testing.assert_array_equal(fit_length(wave, 4), wave[:, :4])
    padded = fit_length(wave, 13)
    np.testing.assert_array_equal(padded[:, :10], wave)
    assert padded.shape == (2, 13)
    assert (padded[:, 10:] == 0).all()


def test_fit_length_repeats_a_short_recording_from_its_start():
    wave = noise(5, channels=2)
    filled = fit_length(wave, 13, "repeat")
    np.testing.assert_array_equal(filled, np.concatenate([wave, wave, wave], axis=1)[:, :13])
    np.testing.assert_array_equal(fit_length(wave, 4, "repeat"), wave[:, :4])
    assert (fit_length(wave[:, :0], 13, "repeat") == 0).all()


def test_features_of_repeated_recordings_are_not_taken_for_padded_ones():
    padded = PRESETS["esc10"]
    repeated = padded.model_copy(update={"short": "repeat"})
    assert repeated.fingerprint != padded.fingerprint
    assert padded.fingerprint == "ff7dadf0e957481f"  # of stores that older versions wrote


@pytest.mark.parametrize(
    ("length", "hop", "starts"),
    [
        (3, 10, [0]),
        (10, 10, [0]),
        (11, 10, [0, 1]),
        (14, 10, [0, 4]),
        (20, 10, [0, 10]),
        (29, 10, [0, 10, 19]),
        (12, 5, [0, 2]),
        (20, 5, [0, 5, 10]),
        (21, 5, [0, 5, 10, 11]),
        (25, 20, [0, 15]),
    ],
)
def test_a_last_window_ends_with_the_recording(length, hop, starts):
    wave = noise(length, channels=2)
    cut, found = windows(wave, 10, hop)
    assert found.tolist() == starts
    for window, start in zip(cut, starts, strict=True):
        np.testing.assert_array_equal(window, fit_length(wave[:, start:], 10))


def test_a_clip_slightly_too_long_gives_the_window_that_training_saw():
    wave = noise(round(5.02 * 32000))
    cut, _ = windows(wave, 160000, 160000)
    np.testing.assert_array_equal(cut, fit_length(wave, 160000)[None])
