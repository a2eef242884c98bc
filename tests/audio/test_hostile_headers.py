"""Headers made with intent: what no recording is, is refused before anything is allocated."""

import struct

import numpy as np
import pytest
import soundfile
from peak_memory import peak
from toy_classifier import toy_classifier, write_toy_model

from asc_nas.audio.io import (
    BLOCK_VALUES,
    HIGHEST_RATE,
    LOWEST_RATE,
    MOST_CHANNELS,
    AudioError,
    audio_blocks,
    audio_info,
    load_audio,
)
from asc_nas.runtime import classifier as classifier_module

CLASSIFY = "from asc_nas import classify\nprint(classify(sys.argv[1], sys.argv[2])[0].error)"


def wav(path, rate, channels=1, seconds_of_bytes=200_000):
    data = np.random.default_rng(0).integers(0, 256, seconds_of_bytes, np.uint8).tobytes()
    head = struct.pack("<HHIIHH", 1, channels, rate, rate * channels * 2 & 0xFFFFFFFF,
                       channels * 2, 16)  # fmt: skip
    body = b"WAVEfmt " + struct.pack("<I", 16) + head
    body += b"data" + struct.pack("<I", len(data)) + data
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    return path


@pytest.mark.parametrize("rate", [1, 7, LOWEST_RATE - 1, HIGHEST_RATE + 1, 2**31 - 1])
@pytest.mark.parametrize("read", [audio_info, lambda path: load_audio(path, 8000)])
def test_a_rate_that_no_recording_has_is_one_sentence(tmp_path, rate, read):
    path = wav(tmp_path / "x.wav", rate)
    with pytest.raises(AudioError, match=f"x.wav: announces {rate:,} samples a second") as error:
        read(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("channels", [MOST_CHANNELS + 1, 1024])
def test_more_channels_than_any_recording_has_are_one_sentence(tmp_path, channels):
    with pytest.raises(AudioError, match=f"announces {channels:,} channels"):
        audio_info(wav(tmp_path / "x.wav", 8000, channels))


@pytest.mark.parametrize("rate", [LOWEST_RATE, HIGHEST_RATE])
def test_the_rates_and_channels_at_the_limits_are_read(tmp_path, rate):
    path = wav(tmp_path / "x.wav", rate, MOST_CHANNELS)
    assert (audio_info(path).sample_rate, audio_info(path).channels) == (rate, MOST_CHANNELS)


@pytest.mark.parametrize(
    ("rate", "channels"),
    [(1, 1), (7, 1), (LOWEST_RATE, 1), (LOWEST_RATE, 8), (8000, MOST_CHANNELS), (8000, 1024)],
)
def test_no_header_of_a_small_file_costs_gigabytes(tmp_path, rate, channels):
    path = wav(tmp_path / "x.wav", rate, channels)
    _, megabytes = peak(CLASSIFY, path, write_toy_model(tmp_path / "model"))
    assert megabytes < 300


def test_a_block_of_many_channels_is_short_and_nothing_is_lost(tmp_path):
    rng = np.random.default_rng(0)
    samples = rng.integers(-(2**15), 2**15, (20_000, 128), np.int16)
    soundfile.write(tmp_path / "x.wav", samples, 8000)
    blocks = list(audio_blocks(tmp_path / "x.wav"))
    assert max(block.size for block in blocks) <= BLOCK_VALUES
    assert (np.concatenate(blocks, axis=1) == load_audio(tmp_path / "x.wav", 8000)).all()


@pytest.mark.parametrize("rate", [100, 700, 8001, 96_000])
def test_resampled_in_parts_the_answer_is_that_of_one_part(monkeypatch, rate):
    wave = np.random.default_rng(0).normal(0, 0.1, (2, 3 * rate)).astype(np.float32)
    whole = toy_classifier().classify(wave, rate)
    monkeypatch.setattr("asc_nas.runtime.stream.BLOCK_VALUES", 1000)
    assert toy_classifier().classify(wave, rate) == whole


def test_a_window_of_too_many_channels_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(classifier_module, "LARGEST_WINDOW", 4000 * 8)
    taken = wav(tmp_path / "8.wav", 8000, 8)
    assert len(toy_classifier().classify(taken).segments) == 4
    with pytest.raises(AudioError, match=r"9\.wav: has 9 channels, too many for a model"):
        toy_classifier().classify(wav(tmp_path / "9.wav", 8000, 9))
