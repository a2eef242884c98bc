"""The models in the box: whole, small, credited, and what they say of real recordings."""

from pathlib import Path

import pytest

from asc_nas.core.files import sha256
from asc_nas.runtime.card import ModelCard
from asc_nas.runtime.classifier import Classifier
from asc_nas.runtime.model_files import DEFAULT_MODEL

ROOT = Path(__file__).parents[2]
MODELS = ROOT / "models"
NAMES = ("esc10", "esc10-int8", "esc10-tiny", "esc10-tiny-int8")


def test_together_they_are_small_and_one_of_them_is_the_default():
    files = [MODELS / f"{name}{suffix}" for name in NAMES for suffix in (".onnx", ".json")]
    assert sum(file.stat().st_size for file in files) < 1_000_000
    assert sorted(MODELS.glob("*.onnx")) == sorted(files[::2])
    assert DEFAULT_MODEL in NAMES


@pytest.mark.parametrize("name", NAMES)
def test_the_card_tells_what_was_measured_and_whom_to_thank(name):
    card = ModelCard.read(MODELS / f"{name}.json")
    assert card.sha256 == sha256(MODELS / f"{name}.onnx")
    assert card.data.licence == "CC BY 3.0"
    assert "Piczak" in card.data.source
    assert card.data.train_folds == ("1", "2", "3", "4")
    assert card.results["cross_validation"]["seeds"]
    assert card.params <= 128_000  # 128 kB in int8
    if name.endswith("int8"):
        assert card.numeric_type == "int8"
        assert card.quantization.float_results["accuracy"] - card.results["accuracy"] <= 0.01


@pytest.mark.parametrize("name", NAMES)
def test_they_know_the_recordings_they_were_trained_on(name, esc10_folder):
    """Says that files, labels and front end belong together, not how good the model is."""
    classifier = Classifier.load(MODELS / f"{name}.onnx")
    right = 0
    folders = sorted(path for path in esc10_folder.iterdir() if path.is_dir())
    for folder in folders:
        label = folder.name.partition(" - ")[2].lower().replace(" ", "_")
        clips = [path for path in sorted(folder.glob("*.ogg")) if path.name[0] in "1234"][::8]
        right += sum(classifier.classify(clip).label == label for clip in clips)
    assert right >= 36  # of 40
