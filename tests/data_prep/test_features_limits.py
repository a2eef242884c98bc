"""Extraction of odd recordings, and of one that is killed with its processes."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tiny import is_running, wait_until

import data_prep.extraction
from asc_nas.audio.logmel import FrontEnd
from asc_nas.core.errors import AscNasError
from asc_nas.data.feature_store import DONE
from asc_nas.data.manifest import Clip, Manifest
from data_prep.extraction import READ_BEYOND, extract

FRONT_END = FrontEnd(
    sample_rate=8000, n_mels=8, win_length=256, hop_length=128, n_fft=256, seconds=0.25
)


@pytest.mark.parametrize(("duration", "read"), [(0, 0.25 + READ_BEYOND), (70, 60.25), (9, 9)])
def test_of_a_long_recording_only_the_beginning_is_read(tmp_path, monkeypatch, duration, read):
    soundfile.write(tmp_path / "long.wav", np.random.default_rng(0).uniform(-1, 1, 640000), 8000)
    manifest = Manifest("long", tmp_path, ("a",), (Clip("long.wav", "a", duration=duration),))
    lengths = []
    original = data_prep.extraction.load_audio

    def load(*arguments):
        wave = original(*arguments)
        lengths.append(wave.shape[-1] / 8000)
        return wave

    monkeypatch.setattr(data_prep.extraction, "load_audio", load)
    extract(manifest, FRONT_END, tmp_path / "store", workers=1)
    assert lengths == [read]


def test_samples_that_no_sound_has_are_a_failure_of_that_clip(tmp_path):
    wave = np.random.default_rng(0).uniform(-1, 1, 2000)
    soundfile.write(tmp_path / "absurd.wav", 1e30 * wave, 8000, subtype="FLOAT")
    soundfile.write(tmp_path / "scaled.wav", 32768 * wave, 8000, subtype="FLOAT")
    clips = (Clip("absurd.wav", "a"), Clip("scaled.wav", "a"))
    manifest = Manifest("loud", tmp_path, ("a",), clips)
    store = extract(manifest, FRONT_END, tmp_path / "store", workers=1, skip_unreadable=True)
    assert list(store.failed) == ["absurd.wav"]
    assert "where full scale is 1" in store.failed["absurd.wav"]
    assert np.isfinite(store.features[store.rows("scaled.wav")]).all()


def test_a_set_of_which_no_clip_can_be_read_is_an_error_in_any_case(tmp_path):
    manifest = Manifest("gone", tmp_path, ("a",), (Clip("1.wav", "a"), Clip("2.wav", "a")))
    with pytest.raises(AscNasError, match=r"2 of 2 clips .* No clip is left"):
        extract(manifest, FRONT_END, tmp_path / "store", workers=1, skip_unreadable=True)


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs /proc")
def test_a_killed_extraction_leaves_no_process_and_goes_on_where_it_was(tmp_path):
    clips = tuple(Clip("a.wav", "a", start=number / 8000) for number in range(300))
    soundfile.write(tmp_path / "a.wav", np.random.default_rng(0).uniform(-1, 1, 80000), 8000)
    manifest = Manifest("many", tmp_path, ("a",), clips)
    manifest.write(tmp_path / "manifest.parquet")
    program = f"""
import sys
from pathlib import Path
import data_prep.feature_writer
from asc_nas.audio.logmel import FrontEnd
from asc_nas.data.manifest import Manifest
from data_prep.extraction import extract
def stop_after_twenty(done, total, text):
    if done == 20:
        print("stopped", flush=True)
        sys.stdin.read()
if __name__ == "__main__":
    data_prep.feature_writer.FLUSH_SECONDS = 0
    folder = Path({str(tmp_path)!r})
    extract(
        Manifest.read(folder / "manifest.parquet"), FrontEnd(**{FRONT_END.model_dump()!r}),
        folder / "store", workers=2, progress=stop_after_twenty,
    )
"""
    (tmp_path / "program.py").write_text(program)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, tmp_path / "program.py"], **pipes) as process:
        assert process.stdout.readline() == b"stopped\n"
        tasks = Path(f"/proc/{process.pid}/task").iterdir()
        children = [int(pid) for task in tasks for pid in (task / "children").read_text().split()]
        process.kill()
    assert np.load(tmp_path / "store" / DONE).sum() == 20
    assert len(children) >= 2
    wait_until(lambda: not any(map(is_running, children)))
    reports = []
    store = extract(
        manifest,
        FRONT_END,
        tmp_path / "store",
        workers=1,
        progress=lambda finished, total, text: reports.append(finished),
    )
    assert reports[0] == 20
    whole = extract(manifest, FRONT_END, tmp_path / "whole", workers=1)
    np.testing.assert_array_equal(store.features, whole.features)
