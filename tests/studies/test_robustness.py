"""Who judges a clip when the models of several folds are one column."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import robustness
import soundfile

from asc_nas.data.manifest import Clip, Manifest


class Constant:
    """A model that gives every recording one label."""

    def __init__(self, label, test_folds, train_folds=()):
        self.label = label
        data = SimpleNamespace(test_folds=test_folds, train_folds=train_folds)
        self.card = SimpleNamespace(data=data, labels=("dog", "rain"))

    def classify(self, path, config):
        return SimpleNamespace(label=self.label)


@pytest.fixture
def manifest(tmp_path):
    clips = []
    for fold, label in (("1", "dog"), ("1", "rain"), ("2", "rain")):
        name = f"{fold}-{label}.wav"
        soundfile.write(tmp_path / name, np.zeros(800), 8000)
        clips.append(Clip(path=name, label=label, fold=fold))
    return Manifest("two folds", tmp_path, ("dog", "rain"), tuple(clips))


@pytest.fixture
def load(monkeypatch):
    def use(models):
        monkeypatch.setattr(
            robustness, "Classifier", SimpleNamespace(load=lambda path: models[str(path.parent)])
        )

    return use


def test_every_clip_is_judged_by_the_model_that_has_it_as_a_test_clip(manifest, load):
    load({"a": Constant("dog", ["1"]), "b": Constant("rain", ["2"])})
    models = robustness.judges_of([Path(f"{x}/m.onnx") for x in "ab"], manifest, None)
    assert list(models) == ["m"]
    right, _ = robustness.classify_all(models, manifest.root, 0, 3, [robustness.CLEAN])
    assert right == {("m", robustness.CLEAN.name): [[True, False, True]]}


def test_only_the_conditions_that_are_named_are_tried(manifest, load, monkeypatch, capsys):
    load({"a": Constant("dog", ["1"])})
    monkeypatch.setattr(robustness, "read_esc10", lambda _: manifest)
    arguments = ["a/m.onnx", "--data", "x", "--draws", "2", "--condition", "another microphone"]
    monkeypatch.setattr("sys.argv", ["robustness.py", *arguments])
    robustness.main()
    table = [row for row in capsys.readouterr().out.splitlines() if row.startswith("|")]
    named, mean = table[2:]
    assert named.startswith("| another microphone |")
    assert mean.endswith("| 0.500 |")


def test_a_fold_that_is_asked_for_replaces_the_cards_and_seen_clips_are_told(
    manifest, load, capsys
):
    load({"a": Constant("dog", ["1"], train_folds=["2"])})
    (judges,) = robustness.judges_of([Path("a/m.onnx")], manifest, ["2"]).values()
    assert list(judges) == ["2-rain.wav"]
    assert "was trained on fold 2" in capsys.readouterr().out


def test_a_fold_without_clips_is_refused(manifest, load):
    load({"a": Constant("dog", ["7"])})
    with pytest.raises(SystemExit, match="no clips of fold 7"):
        robustness.judges_of([Path("a/m.onnx")], manifest, None)
