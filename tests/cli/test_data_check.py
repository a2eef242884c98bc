"""``asc-nas data check``, and the run that leaves out what it lists."""

import json

import numpy as np
import pytest
import soundfile
from test_bad_input import assert_one_sentence
from tiny import TINY, write_config
from tiny import asc_nas_here as asc_nas
from typer.testing import CliRunner

from asc_nas.audio.logmel import FrontEnd
from asc_nas.cli.main import app
from asc_nas.cli.output.terminal import Terminal
from asc_nas.core.errors import UsageError
from asc_nas.data.feature_store import FeatureStore
from asc_nas.data.manifest import Clip, Manifest
from asc_nas.run.folder import RunFolder
from asc_nas.run.preparation import prepare

runner = CliRunner()


def call(*arguments):
    return runner.invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def recordings(tmp_path):
    folder = tmp_path / "recordings"
    for number, label in enumerate(["car", "rain"]):
        (folder / label).mkdir(parents=True)
        for take in range(6):
            wave = np.random.default_rng([number, take]).uniform(-0.5, 0.5, 4000)
            soundfile.write(folder / label / f"{take}.wav", wave, 8000)
    return folder


@pytest.fixture
def manifest(recordings, tmp_path):
    clips = [
        Clip(f"{label}/{take}.wav", label, group=f"{label}{take}")
        for label in ("car", "rain")
        for take in range(6)
    ]
    path = tmp_path / "m.parquet"
    Manifest("street", recordings, ("car", "rain"), tuple(clips)).write(path)
    return path


def test_good_recordings_exit_with_zero(manifest):
    done = call("data", "check", manifest, "--workers", "1")
    assert done.exit_code == 0, done.output
    assert "street: 12 clips, 0 errors, 0 warnings" in done.stdout


def test_errors_are_counted_listed_and_exit_with_one(manifest, recordings):
    (recordings / "car" / "3.wav").write_bytes(b"no audio")
    done = call("data", "check", manifest, "--workers", "1")
    assert done.exit_code == 1
    assert "12 clips, 1 errors, 0 warnings" in done.stdout
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("error: ")]
    assert "unreadable" in line
    assert "car/3.wav" in line
    (row,) = [line for line in done.stdout.splitlines() if line.strip().startswith("unreadable")]
    assert row.split()[:3] == ["unreadable", "1", "-"]


def test_warnings_alone_exit_with_zero(manifest, recordings):
    wave = np.random.default_rng(9).uniform(-0.5, 0.5, 4000)
    soundfile.write(recordings / "car" / "3.wav", wave, 16000)
    done = call("data", "check", manifest, "--workers", "1")
    assert done.exit_code == 0, done.output
    assert "0 errors, 1 warnings" in done.stdout


def test_only_the_first_twenty_of_a_kind_are_printed(recordings, tmp_path):
    clips = tuple(Clip(f"{number}.wav", "car") for number in range(25))
    path, report = tmp_path / "m.parquet", tmp_path / "report.json"
    Manifest("gone", recordings, ("car",), clips).write(path)
    done = call("data", "check", path, "--workers", "1", "--json", report)
    printed = [line for line in done.stdout.splitlines() if line.startswith("error: missing")]
    assert len(printed) == 20
    assert "... and 5 more (missing)" in done.stdout
    assert len(json.loads(report.read_text())["findings"]) == 25


def test_json_on_standard_output_is_nothing_else(manifest, recordings, tmp_path):
    (recordings / "car" / "3.wav").unlink()
    bad = tmp_path / "bad.txt"
    done = call("data", "check", manifest, "--workers", "1", "--json", "-", "--exclude", bad)
    assert done.exit_code == 1
    values = json.loads(done.stdout)
    assert values["format"] == "asc-nas/check/1"
    assert values["bad_clips"] == ["car/3.wav"]
    assert values["findings"][0]["check"] == "missing"


def test_a_missing_manifest(tmp_path):
    done = call("data", "check", tmp_path / "none.parquet")
    assert done.exit_code == 1
    assert "no such manifest" in str(done.exception)


def test_a_run_leaves_out_what_the_check_listed(manifest, recordings, tmp_path, capsys):
    (recordings / "car" / "3.wav").write_bytes(b"no audio")
    bad = tmp_path / "bad.txt"
    assert call("data", "check", manifest, "--workers", "1", "--exclude", bad).exit_code == 1
    assert bad.read_text() == "car/3.wav\n"
    run = open_run(folder_config(tmp_path, bad), recordings, tmp_path)
    prepare(run)
    assert f"1 of 12 clips left out ({bad})" in capsys.readouterr().out
    kept = Manifest.read(run.paths.manifest)
    assert len(kept.clips) == 11
    assert "car/3.wav" not in [clip.key for clip in kept.clips]
    store = FeatureStore.open(run.paths.features, FrontEnd(**TINY["frontend"]))
    assert len(store.keys) == 11


def test_a_list_with_an_unknown_clip_stops_the_run(recordings, tmp_path):
    bad = tmp_path / "bad.txt"
    bad.write_text("car/3.waw\n")
    run = RunFolder.open(folder_config(tmp_path, bad), data=recordings, out=tmp_path / "run")
    with pytest.raises(UsageError, match=r"no clip 'car/3\.waw'.*Did you mean 'car/3\.wav'"):
        prepare(run)
    assert not run.paths.manifest.exists()


def test_another_list_is_another_run(recordings, tmp_path):
    bad = tmp_path / "bad.txt"
    bad.write_text("car/3.wav\n")
    config = folder_config(tmp_path, bad)
    with RunFolder.open(config, data=recordings, out=tmp_path / "run").lock():
        pass
    with pytest.raises(UsageError, match=r"data\.exclude is 'other\.txt', was"):
        RunFolder.open(config, settings=["data.exclude=other.txt"], out=tmp_path / "run")


def test_unreadable_clips_that_a_run_leaves_out_are_counted(recordings, tmp_path, capsys):
    (recordings / "car" / "3.wav").write_bytes(b"no audio")
    config = folder_config(tmp_path, None)
    settings = ["data.skip_unreadable=true"]
    prepare(open_run(config, recordings, tmp_path, settings))
    assert "1 clips that cannot be read are left out" in capsys.readouterr().err


def open_run(config, recordings, tmp_path, settings=()):
    out = tmp_path / "run"
    return RunFolder.open(config, recordings, settings, out, listener=Terminal())


def folder_config(tmp_path, exclude):
    data = {
        "dataset": "folders",
        "test_folds": [],
        "test_fraction": 0.25,
        "workers": 1,
        "exclude": exclude and str(exclude),
    }
    return write_config(tmp_path / "c.yaml", data=data)


def test_the_command_says_one_sentence_for_a_file_that_is_no_manifest(tmp_path):
    (tmp_path / "m.parquet").write_text("no manifest")
    assert_one_sentence(asc_nas("data", "check", tmp_path / "m.parquet"), 1, "not an asc-nas")
