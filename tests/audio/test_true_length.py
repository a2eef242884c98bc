"""Files whose header is wrong about their length, or that lie beside something strange."""

import os
import struct

import numpy as np
import pytest
import soundfile

from asc_nas.audio.io import AudioError, audio_blocks, audio_info, load_audio

RATE = 16000


def sound(loud=2.0, silent=0.0, channels=1):
    """Return (samples, channels): noise, then silence."""
    wave = np.zeros((round((loud + silent) * RATE), channels))
    wave[: round(loud * RATE)] = np.random.default_rng(0).uniform(-0.5, 0.5, (1, channels))
    wave[: round(loud * RATE)] *= np.random.default_rng(1).uniform(-1, 1, (round(loud * RATE), 1))
    return wave


def written(path, wave=None, **options):
    soundfile.write(path, sound() if wave is None else wave, RATE, **options)
    return path.read_bytes()


def frame_bytes(header):
    """Return the size of an MPEG-2 layer III frame of 16 kHz."""
    rates = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160]
    return 72_000 * rates[header[2] >> 4] // RATE + (header[2] >> 1 & 1)


def without_xing(content):
    """Return an MP3 file without the frame that says its length."""
    assert b"Xing" in content[:100] or b"Info" in content[:100]
    return content[frame_bytes(content) :]


def seconds(path):
    """Return the one length that all ways to read a file tell."""
    wave = load_audio(path, audio_info(path).sample_rate)
    blocks = sum(block.shape[1] for block in audio_blocks(path))
    assert wave.shape[1] == blocks
    assert abs(blocks / RATE - audio_info(path).seconds) < 0.05
    return blocks / RATE


@pytest.mark.parametrize(("loud", "silent"), [(2, 10), (0, 3), (2, 0)])
@pytest.mark.parametrize("channels", [1, 2])
def test_an_mp3_without_its_length_is_read_to_its_end(tmp_path, loud, silent, channels):
    path = tmp_path / "a.mp3"
    options = {"bitrate_mode": "VARIABLE", "compression_level": 0.1}
    content = written(path, sound(loud, silent, channels), **options)
    path.write_bytes(b"ID3\x04\0\0\0\0\x02\x00" + b"\xff\xf3" * 128 + without_xing(content))
    assert seconds(path) == pytest.approx(loud + silent, abs=0.15)
    if silent == 10:
        last = load_audio(path, RATE, start=11)
        assert last.shape[1] / RATE == pytest.approx(1, abs=0.15)
        assert not np.abs(last).max() > 1e-3


def test_two_mp3_files_in_one_are_both_heard(tmp_path):
    path = tmp_path / "a.mp3"
    path.write_bytes(written(path, sound(2)) + written(path, sound(3)))
    assert seconds(path) == pytest.approx(5, abs=0.3)
    assert np.abs(load_audio(path, RATE, start=4, duration=0.5)).max() > 0.1


def test_an_mp3_that_announces_more_than_it_has_is_cut_off(tmp_path):
    path = tmp_path / "a.mp3"
    content = written(path, sound(3))
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(AudioError, match=r"cut off \(1\.\d+ of 3\.00 s\)"):
        audio_info(path)


def test_a_flac_of_unknown_length_is_decoded_to_its_end(tmp_path):
    path = tmp_path / "a.flac"
    content = bytearray(written(path, sound(5, channels=2)))
    whole = load_audio(path, RATE)
    content[21] &= 0xF0
    content[22:26] = bytes(4)
    path.write_bytes(content)
    assert audio_info(path).seconds == 5
    assert seconds(path) == 5
    np.testing.assert_array_equal(load_audio(path, RATE), whole)
    np.testing.assert_array_equal(load_audio(path, RATE, 4.5), whole[:, -RATE // 2 :])
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(AudioError, match="not readable"):
        audio_info(path)


@pytest.mark.parametrize(
    "size", [0, 0x7FFFF000, 0x7FFFF000 // 6 * 6, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 100]
)
@pytest.mark.parametrize("magic", [b"RIFF", b"RIFX"])
def test_a_wav_from_a_pipe_is_read_to_its_end(tmp_path, size, magic):
    path = tmp_path / "a.wav"
    endian = "BIG" if magic == b"RIFX" else "LITTLE"
    content = bytearray(written(path, sound(6, channels=3), subtype="PCM_16", endian=endian))
    whole, at = load_audio(path, RATE), content.index(b"data") + 4
    content[at : at + 4] = struct.pack(">I" if magic == b"RIFX" else "<I", size)
    path.write_bytes(content)
    assert content.startswith(magic)
    assert audio_info(path).seconds == 6
    np.testing.assert_array_equal(load_audio(path, RATE), whole)


def test_an_rf64_from_a_pipe_is_read_to_its_end(tmp_path):
    path = tmp_path / "a.wav"
    content = bytearray(written(path, format="RF64"))
    at = content.index(b"ds64") + 8
    content[at : at + 24] = bytes(24)
    path.write_bytes(content)
    assert seconds(path) == 2


def test_what_follows_the_audio_of_a_wav_is_not_heard(tmp_path):
    path = tmp_path / "a.wav"
    content = bytearray(written(path, sound(0.01)))
    path.write_bytes(content + b"LIST" + struct.pack("<I", 5000) + b"x" * 5000)
    assert audio_info(path).seconds == 0.01
    at = content.index(b"data") + 4
    empty = content[:at] + bytes(4) + b"LIST" + struct.pack("<I", 5000) + b"x" * 5000
    path.write_bytes(empty)
    with pytest.raises(AudioError, match="zero length"):
        audio_info(path)


@pytest.mark.parametrize("kind", ["WAV", "AIFF", "AU", "W64", "RF64", "FLAC", "OGG", "MP3", "CAF"])
def test_a_file_that_ends_too_early_is_not_taken_for_a_short_one(tmp_path, kind):
    path = tmp_path / "a.wav"
    content = written(path, sound(4), format=kind)
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(AudioError, match=r"cut off|not readable"):
        load_audio(path, RATE)


@pytest.mark.parametrize("kind", ["AIFF", "AU", "W64"])
def test_sizes_that_a_pipe_leaves_unknown_are_no_damage(tmp_path, kind):
    path = tmp_path / "a.wav"
    content = bytearray(written(path, format=kind))
    place, size = {
        "AIFF": (content.find(b"SSND") + 4, struct.pack(">I", 0x7F000008)),
        "AU": (8, b"\xff" * 4),
        "W64": (16, b"\xff" * 8),
    }[kind]
    content[place : place + len(size)] = size
    path.write_bytes(content)
    assert seconds(path) == 2


@pytest.mark.parametrize("kind", ["OGG", "FLAC"])
def test_two_recordings_in_one_file_are_not_taken_for_the_first(tmp_path, kind):
    path = tmp_path / "a.ogg"
    first = written(path, sound(8, channels=2), format=kind)
    second = written(path, sound(8, channels=1), format=kind)
    path.write_bytes(first + second)
    with pytest.raises(AudioError, match="or several recordings, of which only the first"):
        audio_info(path)


def test_what_macos_leaves_beside_an_mp3_does_not_matter(tmp_path):
    written(tmp_path / "x.mp3")
    (tmp_path / "._x.mp3").write_bytes(b"\x00\x05\x16\x07" + bytes(78))
    assert seconds(tmp_path / "x.mp3") == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize("name", ["a.raw", "a.mp3", "a", "a.au"])
def test_a_file_is_opened_by_its_content_not_its_name(tmp_path, name):
    content = written(tmp_path / "a.wav")
    (tmp_path / name).write_bytes(content)
    assert seconds(tmp_path / name) == 2


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.wav")
    with pytest.raises(AudioError, match="is a pipe or a device"):
        audio_info(tmp_path / "a.wav")
