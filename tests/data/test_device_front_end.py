"""Features made with PyTorch on a device, held to the NumPy front end, soxr and SciPy."""

import sys

import numpy as np
import pytest
import soundfile
import soxr
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import fftconvolve
from tiny import write_config

from asc_nas.audio.logmel import FLOOR_DB, FrontEnd, log_mel
from asc_nas.core.errors import AscNasError, UsageError
from asc_nas.data import device_front_end
from asc_nas.data.device_front_end import DeviceFrontEnd
from asc_nas.data.manifest import Clip, Manifest
from asc_nas.run.run import Run
from data_prep.extraction import extract
from data_prep.synthetic import Plan, generate

FRONT_END = FrontEnd(
    sample_rate=16000, n_mels=64, win_length=640, hop_length=320, n_fft=640, seconds=1
)


def noise(samples, channels=1, seed=0):
    drawn = np.random.default_rng(seed).normal(0, 0.1, (channels, samples))
    return drawn.astype(np.float32)


def with_settings(**changes):
    return FRONT_END.model_copy(update=changes)


@settings(max_examples=30, deadline=None)
@given(
    n_fft=st.sampled_from([64, 320, 640, 1000]),
    share=st.floats(0.2, 1),
    hop=st.integers(20, 700),
    mels=st.integers(1, 80),
    fmax=st.sampled_from([None, 3000.0]),
    samples=st.integers(1, 9000),
    loud=st.floats(-4, 1),
)
def test_log_mel_is_that_of_numpy_within_a_thousandth_of_a_decibel(
    n_fft, share, hop, mels, fmax, samples, loud
):
    chosen = with_settings(
        n_fft=n_fft, win_length=max(2, int(share * n_fft)), hop_length=hop, n_mels=mels, fmax=fmax
    )
    wave = noise(samples, 2) * 10**loud
    wave[1, samples // 2 :] = 0
    own = DeviceFrontEnd(chosen).log_mel(torch.from_numpy(wave))
    assert own.dtype == torch.float32
    np.testing.assert_allclose(own.numpy(), log_mel(wave, chosen), atol=1e-3)


def test_a_loud_tone_blurs_no_band_that_is_eighty_decibels_below():
    """Between two frequencies of the transform, where single precision is 0.1 dB off."""
    time = np.arange(16000) / 16000
    wave = (0.9 * np.sin(2 * np.pi * 210 * time) + 1e-5 * noise(16000)[0])[None].astype(np.float32)
    expected = log_mel(wave, FRONT_END)
    assert np.ptp(expected) > 80
    own = DeviceFrontEnd(FRONT_END).log_mel(torch.from_numpy(wave))
    np.testing.assert_allclose(own.numpy(), expected, atol=1e-3)


@pytest.mark.parametrize("rates", [(44100, 32000), (48000, 32000), (48000, 16000), (44100, 22050)])
def test_the_resampler_has_a_filter_like_that_of_soxr(rates):
    """White noise: the worst case for a filter, and the highest bands for this one."""
    before, after = rates
    chosen = with_settings(sample_rate=after, seconds=3, n_fft=after // 25 // 2 * 2)
    wave = noise(3 * before)[0]
    resampled = DeviceFrontEnd(chosen).resampled(torch.from_numpy(wave), before)
    reference = soxr.resample(wave, before, after, quality="HQ")
    assert abs(len(resampled) - len(reference)) <= 1
    length = min(len(resampled), len(reference))
    difference = np.abs(
        log_mel(resampled.numpy()[:length], chosen) - log_mel(reference[:length], chosen)
    )
    assert difference[:-4].max() < 0.06
    assert difference.max() < 0.15


def test_audio_at_the_rate_of_the_front_end_is_not_resampled():
    wave = torch.from_numpy(noise(999))
    assert DeviceFrontEnd(FRONT_END).resampled(wave, 16000) is wave


@pytest.mark.parametrize("batch", [1, 3])
def test_responses_are_convolved_as_by_scipy(batch):
    waves, responses = noise(4000, 3), noise(700, batch, seed=1)
    own = DeviceFrontEnd(FRONT_END).recorded_with(
        torch.from_numpy(waves), torch.from_numpy(responses)
    )
    expected = [
        fftconvolve(wave, response)[:4000]
        for wave, response in zip(waves, np.broadcast_to(responses, (3, 700)), strict=True)
    ]
    np.testing.assert_allclose(own.numpy(), expected, atol=1e-5)


def test_a_long_recording_is_transformed_in_pieces(monkeypatch):
    wave = noise(5 * 16000, 3)
    monkeypatch.setattr(device_front_end, "SAMPLES_AT_ONCE", 7 * 640)
    largest = 0
    rfft = torch.fft.rfft

    def counted(frames):
        nonlocal largest
        largest = max(largest, len(frames))
        return rfft(frames)

    monkeypatch.setattr(torch.fft, "rfft", counted)
    np.testing.assert_allclose(DeviceFrontEnd(FRONT_END)(wave), log_mel(wave, FRONT_END), atol=1e-3)
    assert largest == 7


def test_silence_has_the_floor_of_numpy():
    assert (DeviceFrontEnd(FRONT_END)(np.zeros((1, 4), np.float32)) == FLOOR_DB).all()


def test_a_device_without_memory_is_told_in_a_sentence(monkeypatch):
    def full(*_):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    monkeypatch.setattr(torch.fft, "rfft", full)
    with pytest.raises(AscNasError, match="too little free memory"):
        DeviceFrontEnd(FRONT_END)(noise(4000))


@pytest.mark.parametrize("part", ["recorded_with", "resampled"])
def test_without_torchaudio_the_error_says_how_to_get_it(part, monkeypatch):
    monkeypatch.setitem(sys.modules, "torchaudio", None)
    own, wave = DeviceFrontEnd(FRONT_END), torch.from_numpy(noise(4000))
    other = wave if part == "recorded_with" else 8000
    with pytest.raises(UsageError, match=r"asc-nas\[gpu\]"):
        getattr(own, part)(wave, other)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recordings")
    generate(folder, 0, Plan.tiny(), workers=1)
    return folder


def prepared(folder, recordings, **changes):
    folder.mkdir()
    run = Run.open(write_config(folder / "tiny.yaml", **changes), recordings, out=folder / "run")
    run.prepare()
    return run


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_a_run_that_makes_features_on_the_device_has_those_of_another(
    workers, recordings, tmp_path
):
    plain = prepared(tmp_path / "plain", recordings, data={"workers": 1})
    changes = {"data": {"workers": workers}, "compute": {"features_on_device": True}}
    own = prepared(tmp_path / "own", recordings, **changes)
    stores = [run.store() for run in (plain, own)]
    assert stores[0].keys == stores[1].keys
    assert stores[0].unheard == stores[1].unheard
    expected, found = (np.array(store.features, np.float32) for store in stores)
    assert np.isfinite(expected).any()
    np.testing.assert_allclose(found, expected, atol=0.07)  # a step of float16 at -100 dB is 0.06
    assert (found != expected).mean() < 0.01


@pytest.mark.slow
def test_what_cannot_be_read_is_the_same_on_the_device(tmp_path):
    rng = np.random.default_rng(0)
    for name, rate, samples in (
        ("odd", 44101, 44101),
        ("one", 44100, 1),
        ("late", 16000, 20000),
        ("plain", 16000, 16000),
    ):
        wave = rng.normal(0, 0.1, (samples, 2))
        if name == "late":
            wave[:16000, 1] = 0
        soundfile.write(tmp_path / f"{name}.wav", wave, rate)
    clips = [Clip(p.name, "noise", channels=2) for p in sorted(tmp_path.glob("*.wav"))]
    manifest = Manifest("noise", tmp_path, ("noise",), tuple(clips))
    plain, own = (
        extract(
            manifest,
            FRONT_END,
            tmp_path / name,
            workers=workers,
            skip_unreadable=True,
            transform=transform,
        )
        for name, workers, transform in (("plain", 1, None), ("own", 2, DeviceFrontEnd(FRONT_END)))
    )
    assert plain.failed == own.failed
    assert [*plain.failed] == ["one.wav"]
    assert plain.unheard == own.unheard
    assert len(plain.unheard) == 1
    np.testing.assert_allclose(
        np.nan_to_num(own.features), np.nan_to_num(plain.features), atol=0.07
    )
