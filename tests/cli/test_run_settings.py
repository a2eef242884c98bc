"""What may change when a run goes on, and the check of its recordings."""

import numpy as np
import pytest
import soundfile
from tiny import write_config

from asc_nas.cli.output.terminal import Terminal
from asc_nas.core.errors import UsageError
from asc_nas.run import preparation as preparation
from asc_nas.run.folder import RunFolder
from asc_nas.run.paths import RunPaths
from asc_nas.run.preparation import prepare
from data_prep.checks import Report

DATA = {"dataset": "folders", "test_folds": [], "test_fraction": 0.25, "workers": 1}


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
def opened(tmp_path, recordings):
    """Give a function that opens the run with some settings."""
    config = write_config(tmp_path / "tiny.yaml", data=DATA | {"folder": str(recordings)})

    def open_run(*settings):
        run = RunFolder.open(config, None, settings, tmp_path / "run", listener=Terminal())
        with run.lock():  # what every step begins with
            return run

    return open_run


def checked(run):
    return Report.read(run.paths.check).to_json()


def test_more_members_are_trained_when_a_run_goes_on_and_it_says_so(opened, tmp_path, capsys):
    opened()
    assert capsys.readouterr().err == ""
    assert opened("retrain.members=5").config.retrain.members == 5
    note = capsys.readouterr().err
    assert note == f"note: {tmp_path}/run: retrain.members is 5, was 2.\n"
    assert "members: 5" in RunPaths(tmp_path / "run").config.read_text()


def test_a_baseline_may_be_added_but_not_changed_or_left_out(opened, capsys):
    opened()
    run = opened("baselines.narrow={kernels: [t3], expansion: 1}")
    assert str(run.config.baselines["narrow"].genotype(2)) == "t3e1w1 t3e1w1"
    assert "new in baselines: narrow" in capsys.readouterr().err
    with pytest.raises(UsageError, match=r"baselines\.narrow\.expansion is .*, was"):
        opened("baselines.narrow={kernels: [t3], expansion: 2}")
    with pytest.raises(UsageError, match=r"baselines\.narrow\.\w+ is None, was"):
        opened()


def test_what_would_change_what_was_found_is_refused(opened):
    opened()
    with pytest.raises(UsageError, match=r"retrain\.epochs is 9, was 2"):
        opened("retrain.epochs=9", "retrain.members=5")
    with pytest.raises(UsageError, match=r"search\.generations is 9, was 3"):
        opened("search.generations=9")


def test_workers_change_without_a_word(opened, capsys):
    opened()
    opened("retrain.workers=3", "data.workers=2")
    assert capsys.readouterr().err == ""


def test_a_run_that_is_only_looked_at_keeps_its_config_as_it_is(opened):
    run = opened()
    written = run.paths.config.stat().st_mtime_ns
    RunFolder.open(run.paths.root)
    assert run.paths.config.stat().st_mtime_ns == written


def test_good_recordings_are_checked_without_a_word(opened, capsys):
    run = opened()
    prepare(run, check=True)
    assert (checked(run)["clips"], checked(run)["findings"]) == (12, [])
    assert "Check: 12/12" in capsys.readouterr().err
    assert not [p for p in run.paths.manifest.parent.iterdir() if p.suffix == ".tmp"]


def test_a_silent_recording_is_told_in_one_line_and_the_run_goes_on(opened, recordings, capsys):
    soundfile.write(recordings / "car" / "3.wav", np.zeros(4000), 8000)
    run = opened()
    prepare(run, check=True)
    told = [line for line in capsys.readouterr().err.splitlines() if "errors" in line]
    assert told == [
        f"Check: 1 errors, 0 warnings (silent 1); 'asc-nas data check {run.paths.manifest} "
        f"--json {run.paths.check}' shows them."
    ]
    assert checked(run)["bad_clips"] == ["car/3.wav"]


def test_recordings_are_checked_once_and_not_where_they_are_gone(opened, recordings, capsys):
    run = opened()
    prepare(run)
    assert not run.paths.check.exists()  # only where it is asked for
    moved = recordings.rename(recordings.with_name("moved"))
    prepare(run, check=True)
    assert not run.paths.check.exists()
    moved.rename(recordings)
    prepare(run, check=True)
    written = run.paths.check.stat().st_mtime_ns
    capsys.readouterr()
    prepare(run, check=True)
    assert run.paths.check.stat().st_mtime_ns == written
    assert "Check" not in capsys.readouterr().err


def test_of_very_many_clips_only_labels_and_groups_are_checked(
    opened, recordings, capsys, monkeypatch
):
    monkeypatch.setattr(preparation, "MOST_DECODED", 11)
    soundfile.write(recordings / "car" / "3.wav", np.zeros(4000), 8000)
    run = opened()
    prepare(run, check=True)
    assert set(checked(run)["counts"]) == {"leak", "label", "imbalance"}
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("Check")]
    assert len(told) == 1
    assert "listens to all 12" in told[0]
