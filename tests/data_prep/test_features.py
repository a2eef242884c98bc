import subprocess
import sys

import numpy as np
import pytest
import soundfile

import data_prep.extraction
from asc_nas.audio.io import load_audio
from asc_nas.audio.logmel import FrontEnd, fit_length, log_mel
from asc_nas.cli.commands.features import features
from asc_nas.core.errors import AscNasError, UsageError
from asc_nas.data.examples import Examples
from asc_nas.data.feature_store import DONE, FEATURES, FeatureStore
from asc_nas.data.manifest import Clip, Manifest
from data_prep.extraction import extract

FRONT_END = FrontEnd(
    sample_rate=8000, n_mels=8, win_length=256, hop_length=128, n_fft=256, seconds=0.25
)


def make_manifest(folder, count=6):
    """Clips of one and two channels, shorter and longer than the front end's examples."""
    clips = []
    for number in range(count):
        channels = 1 + number % 2
        shape = (1600 + 300 * number % 1000, channels)
        wave = np.random.default_rng(number).uniform(-0.5, 0.5, shape)
        soundfile.write(folder / f"{number:03d}.wav", wave, 8000)
        clips.append(Clip(f"{number:03d}.wav", "noise", channels=channels))
    return Manifest("noise", folder, ("noise",), tuple(clips))


@pytest.fixture
def manifest(tmp_path):
    return make_manifest(tmp_path)


@pytest.fixture
def computed(monkeypatch):
    """Keys of the clips that are computed in this process, as it happens."""
    keys = []
    original = data_prep.extraction._clip_features

    def noted(task, frontend):
        keys.append(task.clip.key)
        return original(task, frontend)

    monkeypatch.setattr(data_prep.extraction, "_clip_features", noted)
    return keys


def test_features_are_the_log_mel_of_each_clip(manifest, tmp_path):
    store = extract(manifest, FRONT_END, tmp_path / "store", workers=1)
    assert store.keys == tuple(clip.key for clip in manifest.clips)
    assert len(store.features) == 9
    for clip in manifest.clips:
        wave = load_audio(manifest.audio_path(clip), FRONT_END.sample_rate)
        expected = log_mel(fit_length(wave, FRONT_END.samples), FRONT_END).astype(np.float16)
        np.testing.assert_array_equal(store.features[store.rows(clip.key)], expected)


@pytest.fixture
def with_silence(tmp_path):
    """Clips of three channels: one with sound, none with any, one that falls silent."""
    rng = np.random.default_rng(0)
    sound = np.zeros((3, 3000, 3), np.float32)
    sound[0, :, 1] = rng.uniform(-0.5, 0.5, 3000)
    sound[0, :, 2] = rng.integers(0, 2, 3000) / 2**15
    sound[2] = rng.uniform(-0.5, 0.5, (3000, 3))
    sound[2, 1000:, 0] = 0
    for name, wave in zip("abc", sound, strict=True):
        soundfile.write(tmp_path / f"{name}.wav", wave, 8000)
    clips = [Clip(f"{name}.wav", "noise", channels=3, role="train") for name in "abc"]
    return Manifest("noise", tmp_path, ("noise",), tuple(clips))


def test_channels_without_a_signal_neither_vote_nor_are_learnt_from(with_silence, tmp_path):
    store = extract(with_silence, FRONT_END, tmp_path / "store", workers=1)
    assert [store.rows(f"{name}.wav") for name in "abc"] == [[1], [3, 4, 5], [6, 7, 8]]
    examples = Examples.load(with_silence, store, ("train",))
    assert examples.clips.tolist() == [0, 1, 1, 1, 2, 2, 2]
    assert examples.batch(np.arange(len(examples)))[0].isfinite().all()
    posteriors = np.random.default_rng(0).uniform(size=(len(examples), 2))
    assert examples.clip_posteriors(posteriors)[0].tolist() == posteriors[0].tolist()


def test_the_command_says_how_many_channels_were_silent(with_silence, tmp_path, capsys):
    with_silence.write(tmp_path / "m.parquet")
    features(tmp_path / "m.parquet", "esc10", tmp_path / "store", workers=1)
    assert "left out: channels without a signal: 2\n" in capsys.readouterr().err


def test_a_killed_extraction_knows_which_channels_were_silent(with_silence, tmp_path):
    def stop(done, *_):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        extract(with_silence, FRONT_END, tmp_path / "store", workers=1, progress=stop)
    assert np.load(tmp_path / "store" / DONE).any()
    store = extract(with_silence, FRONT_END, tmp_path / "store", workers=1)
    assert [store.rows(f"{name}.wav") for name in "abc"] == [[1], [3, 4, 5], [6, 7, 8]]


def test_features_do_not_depend_on_the_number_of_workers(manifest, tmp_path):
    one = extract(manifest, FRONT_END, tmp_path / "one", workers=1)
    two = extract(manifest, FRONT_END, tmp_path / "two", workers=2)
    np.testing.assert_array_equal(one.features, two.features)
    assert (tmp_path / "one/index.json").read_text() == (tmp_path / "two/index.json").read_text()


def test_a_complete_store_is_only_opened(manifest, tmp_path, computed):
    extract(manifest, FRONT_END, tmp_path / "store", workers=1)
    assert len(computed) == 6
    extract(manifest, FRONT_END, tmp_path / "store", workers=1)
    assert len(computed) == 6


def test_a_clips_start_and_duration_choose_its_part(manifest, tmp_path):
    clip = Clip("000.wav", "noise", start=0.1, duration=0.05)
    store = extract(manifest.with_clips([clip]), FRONT_END, tmp_path / "store", workers=1)
    wave = load_audio(tmp_path / "000.wav", 8000)[:, 800:1200]
    expected = log_mel(fit_length(wave, FRONT_END.samples), FRONT_END).astype(np.float16)
    np.testing.assert_array_equal(store.features[store.rows("000.wav@0.1")], expected)


def test_progress_starts_with_what_is_done(manifest, tmp_path):
    reports = []
    progress = lambda done, total, text: reports.append((done, total))  # noqa: E731
    extract(manifest, FRONT_END, tmp_path / "store", workers=1, progress=progress)
    assert reports == [(done, 6) for done in range(7)]


def test_a_killed_extraction_goes_on_where_it_was(tmp_path, computed):
    manifest = make_manifest(tmp_path, 12)
    manifest.write(tmp_path / "manifest.parquet")
    program = f"""
import sys
from pathlib import Path
import data_prep.feature_writer
from asc_nas.audio.logmel import FrontEnd
from asc_nas.data.manifest import Manifest
from data_prep.extraction import extract
data_prep.feature_writer.FLUSH_SECONDS = 0
def stop_after_five(done, total, text):
    if done == 5:
        print("stopped", flush=True)
        sys.stdin.read()
folder = Path({str(tmp_path)!r})
extract(
    Manifest.read(folder / "manifest.parquet"), FrontEnd(**{FRONT_END.model_dump()!r}),
    folder / "store", workers=1, progress=stop_after_five,
)
"""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", program], **pipes) as process:
        assert process.stdout.readline() == b"stopped\n"
        process.kill()
    with pytest.raises(AscNasError, match="interrupted"):
        FeatureStore.open(tmp_path / "store", FRONT_END)
    done = np.load(tmp_path / "store" / DONE).astype(bool)
    store = extract(manifest, FRONT_END, tmp_path / "store", workers=1)
    assert done.sum() == 5
    assert computed == [c.key for c, d in zip(manifest.clips, done, strict=True) if not d]
    whole = extract(manifest, FRONT_END, tmp_path / "whole", workers=1)
    np.testing.assert_array_equal(store.features, whole.features)


def test_one_bad_clip_is_named_after_the_others_are_done(manifest, tmp_path, computed):
    good = (tmp_path / "002.wav").read_bytes()
    (tmp_path / "002.wav").write_bytes(b"no audio")
    with pytest.raises(AscNasError, match=r"1 of 6 clips could not be read: .*002\.wav: not read"):
        extract(manifest, FRONT_END, tmp_path / "store", workers=1)
    assert np.load(tmp_path / "store" / DONE).tolist() == [1, 1, 0, 1, 1, 1]
    computed.clear()
    (tmp_path / "002.wav").write_bytes(good)
    store = extract(manifest, FRONT_END, tmp_path / "store", workers=1)
    assert computed == ["002.wav"]
    assert len(store.keys) == 6


def test_bad_clips_are_left_out_on_request(manifest, tmp_path):
    (tmp_path / "002.wav").unlink()
    store = extract(manifest, FRONT_END, tmp_path / "store", workers=1, skip_unreadable=True)
    assert list(store.failed) == ["002.wav"]
    assert "002.wav" not in store.keys
    assert extract(
        manifest, FRONT_END, tmp_path / "store", workers=1, skip_unreadable=True
    ).failed == dict(store.failed)
    with pytest.raises(AscNasError, match="1 of 6 clips could not be read"):
        extract(manifest, FRONT_END, tmp_path / "store", workers=1)


def test_a_wrong_channel_count_is_a_failure_of_that_clip(manifest, tmp_path):
    soundfile.write(tmp_path / "002.wav", np.zeros((2000, 4)), 8000)
    store = extract(manifest, FRONT_END, tmp_path / "store", workers=1, skip_unreadable=True)
    assert "has 4 channels where the manifest says 1" in store.failed["002.wav"]


def test_another_front_end_is_refused(manifest, tmp_path):
    extract(manifest, FRONT_END, tmp_path / "store", workers=1)
    other = FRONT_END.model_copy(update={"n_mels": 16})
    with pytest.raises(AscNasError, match="n_mels 8 instead of 16"):
        extract(manifest, other, tmp_path / "store", workers=1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda clips: clips[1:], r"1 of its clips are not in the manifest, such as 000\.wav"),
        (lambda clips: (*clips, Clip("9.wav", "noise")), r"1 clips of the manifest .* 9\.wav"),
        (lambda clips: clips[::-1], "the order, the channels"),
    ],
)
def test_another_list_of_clips_is_refused(manifest, tmp_path, change, message):
    extract(manifest, FRONT_END, tmp_path / "store", workers=1)
    with pytest.raises(AscNasError, match=message):
        extract(manifest.with_clips(change(manifest.clips)), FRONT_END, tmp_path / "store")


def test_a_full_disk_keeps_what_is_done(manifest, tmp_path, monkeypatch):
    class Full:
        def __init__(self, handle):
            self.handle = handle

        def write(self, data):
            raise OSError(28, "No space left on device")

        def __getattr__(self, name):
            return getattr(self.handle, name)

    original = data_prep.extraction.FeatureWriter.add

    def add(writer, number, features):
        if number == 3:
            writer._handles[FEATURES] = Full(writer._handles[FEATURES])
        original(writer, number, features)

    with monkeypatch.context() as patch:
        patch.setattr(data_prep.extraction.FeatureWriter, "add", add)
        with pytest.raises(AscNasError, match="No space left on device"):
            extract(manifest, FRONT_END, tmp_path / "store", workers=1)
    assert np.load(tmp_path / "store" / DONE).tolist() == [1, 1, 1, 0, 0, 0]
    assert len(extract(manifest, FRONT_END, tmp_path / "store", workers=1).keys) == 6


def test_no_clips_and_no_workers_are_wrong_usage(manifest, tmp_path):
    with pytest.raises(UsageError, match="no clips"):
        extract(manifest.with_clips([]), FRONT_END, tmp_path / "store")
    with pytest.raises(UsageError, match="workers is 0"):
        extract(manifest, FRONT_END, tmp_path / "store", workers=0)
