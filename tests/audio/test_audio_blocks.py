import numpy as np
import pytest
import soundfile

from asc_nas.audio.io import AudioError, audio_blocks, load_audio

RATE = 16000


def noise(seconds=2.0, channels=2):
    return np.random.default_rng(0).uniform(-0.5, 0.5, (round(seconds * RATE), channels))


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.mp3"])
def test_blocks_are_together_what_is_loaded_at_once(tmp_path, name):
    soundfile.write(tmp_path / name, noise(), RATE)
    blocks = list(audio_blocks(tmp_path / name, frames=1000))
    assert max(block.shape[1] for block in blocks) <= 1000
    whole = load_audio(tmp_path / name, RATE)
    # The MP3 decoder rounds the last bit of a sample by its place in the block.
    rounding = 2e-7 if name == "a.mp3" else 0
    np.testing.assert_allclose(np.concatenate(blocks, axis=1), whole, rtol=0, atol=rounding)


@pytest.mark.parametrize("name", ["a.wav", "a.flac"])
def test_a_file_that_is_cut_off_is_an_error_at_the_latest_at_its_end(tmp_path, name):
    soundfile.write(tmp_path / name, noise(), RATE)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(AudioError, match=name):
        list(audio_blocks(tmp_path / name, frames=1000))


def test_a_sample_that_is_not_a_number_is_an_error(tmp_path):
    wave = noise()
    wave[20000, 1] = np.nan
    soundfile.write(tmp_path / "a.wav", wave, RATE, subtype="FLOAT")
    with pytest.raises(AudioError, match="NaN"):
        list(audio_blocks(tmp_path / "a.wav", frames=1000))


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(AudioError, match="no such audio file"):
        list(audio_blocks(tmp_path / "a.wav"))
