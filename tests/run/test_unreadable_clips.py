"""Clips that cannot be read are counted nowhere, and too few that can are an error before work."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from tiny import write_config
from typer.testing import CliRunner

from asc_nas.cli.main import app
from asc_nas.core.errors import AscNasError
from asc_nas.core.progress import Listener
from asc_nas.data.manifest import ROLES, Clip, Manifest
from asc_nas.evaluation.result import Result
from asc_nas.run.preparation import require_readable
from asc_nas.run.run import Run
from asc_nas.runtime.card import ModelCard
from data_prep.synthetic import Plan, generate


class Notes(Listener):
    def __init__(self):
        self.notes = []

    def note(self, text):
        self.notes.append(text)


def run_of(*unreadable):
    """Return what is looked at of a run with two clips of each class in each role."""
    clips = tuple(
        Clip(f"{role}/{label}{take}.wav", label, role=role)
        for role in ROLES
        for label in ("car", "rain")
        for take in (1, 2)
    )
    failed = {c.key: f"{c.key}: the file is empty." for c in clips if c.key.startswith(unreadable)}
    store = SimpleNamespace(failed=failed)
    manifest = Manifest("set", Path(), ("car", "rain"), clips)
    return SimpleNamespace(manifest=manifest, store=lambda: store, listener=Notes())


@pytest.mark.parametrize(
    ("unreadable", "told"),
    [
        (["test"], "set: none of 4 clips with the role 'test' can be read .test/car1.wav: the fi"),
        (["search_val"], "set: none of 4 clips with the role 'search_val' can be read"),
        (["train/rain"], "none of 2 clips of the class 'rain' with the role 'train' can be read"),
        (["train/rain", "search_val/rain", "test/rain"], "the class 'rain' with the role 'train'"),
    ],
)
def test_too_few_clips_that_can_be_read_are_an_error(unreadable, told):
    with pytest.raises(AscNasError, match=told):
        require_readable(run_of(*unreadable))


@pytest.mark.parametrize("role", ["test", "search_val"])
def test_a_class_that_is_not_tested_is_said(role):
    run = run_of(f"{role}/rain")
    require_readable(run)
    told = f"warning: none of 2 clips of the class 'rain' with the role '{role}' can be read: it"
    assert [note[: len(told)] for note in run.listener.notes] == [told]


@pytest.mark.parametrize("unreadable", [[], ["test/rain1", "train/rain2", "search_val/car1"]])
def test_enough_clips_are_nothing_to_speak_of(unreadable):
    run = run_of(*unreadable)
    require_readable(run)
    assert run.listener.notes == []


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """Recordings of which all of one class, and one of another, are cut off in the test fold."""
    folder = tmp_path_factory.mktemp("recordings")
    generate(folder, 0, Plan.tiny(), workers=1)
    config = write_config(folder / "tiny.yaml", data={"workers": 1})
    run = Run.open(config, folder, out=folder / "run")
    run.begin(search=False)
    manifest = run.first
    lost, another = manifest.labels[:2]
    test = manifest.with_role("test")
    assert [clip.label for clip in test].count(lost) == 1
    train = next(clip for clip in manifest.with_role("train") if clip.label == another)
    for clip in (*(clip for clip in test if clip.label == lost), train):
        manifest.audio_path(clip).write_bytes(b"RIFF")
    return folder, lost, len(test)


def cli(*arguments):
    done = CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False)
    return done.exit_code, done.output


@pytest.mark.slow
def test_clips_that_cannot_be_read_are_counted_nowhere(recordings, tmp_path):
    folder, lost, in_test = recordings
    out = tmp_path / "run"
    code, told = cli("train", folder / "tiny.yaml", "baseline", "--data", folder, "--out", out,
                     "--set", "data.skip_unreadable=true")  # fmt: skip
    assert code == 0, told
    assert (
        f"warning: none of 1 clips of the class '{lost}' with the role 'test' can be read" in told
    )
    clips = f"{in_test - 1} test clips (1 more could not be read and are left out)"
    assert f"tested once on {clips}" in told
    assert f"note: no test clips of {lost}: such a class has no F1" in told
    result = Result.read(out / "retrain" / "baseline" / "result.json")
    assert (result.test_clips, result.test_clips_left_out) == (in_test - 1, 1)
    assert sum(map(sum, result.confusion)) == in_test - 1
    assert result.absent == [lost]

    code, told = cli("evaluate", out, "baseline", "--json", tmp_path / "scores.json")
    assert code == 0, told
    assert f"{in_test - 1} clips of" in told
    assert "; 1 more could not be read and are left out" in told
    assert f"note: no test clips of {lost}" in told

    assert cli("export", out, "baseline")[0] == 0
    card = ModelCard.read(out / "models" / "tiny-baseline.json")
    assert card.data.test_clips == in_test - 1
    assert card.results["per_class"] == result.per_class
    code, told = cli("evaluate", out, out / "models" / "tiny-baseline.onnx")
    assert code == 0, told
    assert "other clips or splits" not in told

    assert cli("report", out)[0] == 0
    page = (out / "report" / "report.html").read_text()
    assert clips in page
    assert "2 clips are left out, here and in all scores" in page
    assert f"no test clips of {lost}: such a class has no F1" in page


@pytest.mark.slow
def test_crossval_says_what_a_fold_lacks(recordings, tmp_path):
    folder, lost, in_test = recordings
    code, told = cli("crossval", folder / "tiny.yaml", "--data", folder, "--out", tmp_path / "cv",
                     "--network", "baseline", "--fold", 4, "--fold", 1,
                     "--set", "data.skip_unreadable=true")  # fmt: skip
    assert code == 0, told
    clips = f"{in_test - 1} test clips (1 more could not be read and are left out)"
    assert f"note: fold 4: {clips}" in told
    assert f"note: fold 4: no test clips of {lost}" in told
    assert "note: fold 1: no test clips" not in told


@pytest.mark.slow
def test_a_test_that_nobody_can_hear_is_an_error_before_training(tmp_path):
    generate(tmp_path, 0, Plan.tiny(), workers=1)
    config = write_config(tmp_path / "tiny.yaml", data={"workers": 1})
    run = Run.open(config, tmp_path, ["data.skip_unreadable=true"], out=tmp_path / "run")
    run.begin(search=False)
    for clip in run.first.with_role("test"):
        run.first.audio_path(clip).unlink()
    for step in (run.supernet, run.search, run.rank, lambda: run.train("baseline"), run.run):
        with pytest.raises(AscNasError, match="with the role 'test' can be read"):
            step()
    assert not (tmp_path / "run" / "supernet").exists()
    assert not (tmp_path / "run" / "retrain").exists()
