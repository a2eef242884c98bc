import os

import numpy as np
import pytest
import soundfile

from asc_nas.audio.io import AudioError, audio_info, load_audio

RATE = 16000


def tones(seconds=1.0, channels=1):
    time = np.arange(round(seconds * RATE)) / RATE
    waves = [0.5 * np.sin(2 * np.pi * 440 * (1 + c) * time) for c in range(channels)]
    return np.array(waves, np.float32)


def written(path, wave, **options):
    soundfile.write(path, wave.T, RATE, **options)
    return path


@pytest.mark.parametrize(("suffix", "error"), [("wav", 1e-4), ("flac", 1e-4), ("ogg", 0.2)])
def test_a_recording_is_read_as_it_was_written(tmp_path, suffix, error):
    path = written(tmp_path / f"a.{suffix}", tones(channels=2))
    wave = load_audio(path, RATE)
    assert wave.shape == (2, RATE)
    assert wave.dtype == np.float32
    assert np.abs(wave - tones(channels=2)).max() < error
    info = audio_info(path)
    assert (info.sample_rate, info.channels, info.seconds) == (RATE, 2, 1.0)


def test_mp3_is_read(tmp_path):
    wave = load_audio(written(tmp_path / "a.mp3", tones()), RATE)
    assert abs(wave.shape[1] - RATE) < 0.1 * RATE
    assert wave.std() == pytest.approx(0.5 / 2**0.5, rel=0.05)


def test_another_rate_is_resampled_without_moving_the_tone(tmp_path):
    wave = load_audio(written(tmp_path / "a.wav", tones()), 8000)
    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(8000) / 8000)
    assert wave.shape == (1, 8000)
    assert np.abs(wave[0] - expected)[400:-400].max() < 1e-3


def test_a_part_is_cut_out_and_ends_at_the_files_end(tmp_path):
    path = written(tmp_path / "a.wav", tones(), subtype="FLOAT")
    np.testing.assert_array_equal(load_audio(path, RATE, 0.25, 0.5), tones()[:, 4000:12000])
    np.testing.assert_array_equal(load_audio(path, RATE, 0.25, 9), tones()[:, 4000:])


def test_a_part_behind_the_end_is_refused(tmp_path):
    with pytest.raises(AudioError, match=r"outside the recording, which has 1\.00 s"):
        load_audio(written(tmp_path / "a.wav", tones()), RATE, start=1.0)


@pytest.mark.parametrize("read", [audio_info, lambda path: load_audio(path, RATE)])
@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "no such audio file"), (b"", "empty"), (b"hello" * 99, "not readable as audio")],
)
def test_what_is_no_audio_is_named(tmp_path, read, content, message):
    path = tmp_path / "a.wav"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(AudioError, match=rf"a\.wav: .*{message}"):
        read(path)


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(AudioError, match="is a folder"):
        load_audio(tmp_path, RATE)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may open every file")
def test_a_file_without_read_permission_is_refused(tmp_path):
    path = written(tmp_path / "a.wav", tones())
    path.chmod(0)
    with pytest.raises(AudioError, match="permission denied"):
        load_audio(path, RATE)


def test_a_failing_disk_is_reported_and_not_a_traceback(tmp_path, monkeypatch):
    path = written(tmp_path / "a.wav", tones())

    def refuse(*_args, **_options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.open", refuse)
    with pytest.raises(AudioError, match="cannot be opened"):
        load_audio(path, RATE)


def test_a_recording_without_samples_is_refused(tmp_path):
    with pytest.raises(AudioError, match="zero length"):
        load_audio(written(tmp_path / "a.wav", tones(0)), RATE)


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
def test_a_cut_off_file_is_refused(tmp_path, suffix):
    path = written(tmp_path / f"a.{suffix}", tones(3))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(AudioError, match=r"a\.\w+: .*(cut off|not readable)"):
        load_audio(path, RATE)


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFFFFF])
def test_a_wav_that_was_streamed_without_its_size_is_read(tmp_path, size):
    path = written(tmp_path / "a.wav", tones())
    content = bytearray(path.read_bytes())
    content[40:44] = size.to_bytes(4, "little")
    path.write_bytes(content)
    assert load_audio(path, RATE).shape == (1, RATE)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_and_infinity_are_refused(tmp_path, bad):
    wave = tones()
    wave[0, 100] = bad
    path = written(tmp_path / "a.wav", wave, subtype="FLOAT")
    with pytest.raises(AudioError, match="NaN or infinite"):
        load_audio(path, RATE)
