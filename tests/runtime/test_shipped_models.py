"""The models in the box: whole, small, credited, and what they say of real recordings."""

import csv
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper

from asc_nas.core.files import sha256
from asc_nas.nn.elastic import BN_EPSILON
from asc_nas.run.start import Start
from asc_nas.runtime.card import ModelCard
from asc_nas.runtime.classifier import Classifier
from asc_nas.runtime.model_files import DEFAULT_MODEL

ROOT = Path(__file__).parents[2]
MODELS = ROOT / "models"
TEN = ("esc10", "esc10-int8", "esc10-tiny", "esc10-tiny-int8")
FIFTY = ("esc50", "esc50-int8")
NAMES = (*TEN, *FIFTY)


def test_they_are_small_and_one_of_them_is_the_default():
    files = [MODELS / f"{name}{suffix}" for name in NAMES for suffix in (".onnx", ".json")]
    assert max(file.stat().st_size for file in files) < 1_000_000
    assert sorted(MODELS.glob("*.onnx")) == sorted(files[::2])
    assert DEFAULT_MODEL in TEN  # which anybody may use for anything


@pytest.mark.parametrize("name", NAMES)
def test_the_card_tells_what_was_measured_and_whom_to_thank(name):
    card = ModelCard.read(MODELS / f"{name}.json")
    assert card.sha256 == sha256(MODELS / f"{name}.onnx")
    if name in TEN:
        assert card.data.licence == "CC BY 3.0"
        assert card.params <= 128_000  # 128 kB in int8
    else:
        assert card.data.licence.startswith("CC BY-NC 3.0")
        assert card.params <= 250_000
    assert "Piczak" in card.data.source
    assert card.data.train_folds == ("1", "2", "3", "4")
    assert card.results["cross_validation"]["seeds"]
    if name.endswith("int8"):
        assert card.numeric_type == "int8"
        assert card.quantization.float_results["accuracy"] - card.results["accuracy"] <= 0.01


@pytest.mark.parametrize("name", TEN)
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


@pytest.mark.parametrize("name", FIFTY)
def test_so_do_those_of_fifty_sounds(name, shared_data):
    table = shared_data / "esc50/clips.csv"
    if not table.is_file():
        pytest.skip("the shared recordings have no ESC-50")
    classifier = Classifier.load(MODELS / f"{name}.onnx")
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))[::32]
    answers = [classifier.classify(table.parent / row["path"]) for row in rows]
    assert len({row["label"] for row in rows}) > 25
    right = sum(answer.label == row["label"] for answer, row in zip(answers, rows, strict=True))
    assert right >= 45  # of 50


def test_a_training_can_begin_with_the_weights_of_fifty_sounds():
    """They are the first of the networks of `esc50`: their last layer is in the exported file."""
    start, card = Start.read("esc50"), ModelCard.read(MODELS / "esc50.json")
    assert start.file.parent.samefile(MODELS)
    assert start.labels == card.labels
    assert start.frontend == card.frontend
    assert str(start.genotype) == card.genotype
    initial = onnx.load(MODELS / "esc50.onnx").graph.initializer
    exported = {w.name: numpy_helper.to_array(w) for w in initial}
    weight, gamma, variance = (
        start.weights[f"head.{name}"].numpy()
        for name in ("conv.weight", "norm.weight", "norm.running_var")
    )
    folded = weight * (gamma / np.sqrt(variance + BN_EPSILON)).reshape(-1, 1, 1, 1)
    name = next(name for name in exported if name.endswith("0.head.conv.weight"))
    np.testing.assert_allclose(exported[name], folded, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_the_last_layer_makes_the_logits_of_what_they_embed(name):
    """The golden reference is the model with its last layers done by hand."""
    classifier = Classifier.load(MODELS / f"{name}.onnx")
    rate, members = classifier.card.frontend.sample_rate, classifier.card.members
    wave = np.random.default_rng(0).normal(0, 0.1, (2, 11 * rate)).astype(np.float32)
    features = classifier.embed(wave, rate)
    assert features.shape[0] == len(classifier.classify(wave, rate).segments) == 3
    assert features.dtype == np.float32
    if name.endswith("int8"):
        float_one = Classifier.load(MODELS / f"{name.removesuffix('-int8')}.onnx")
        expected = float_one.embed(wave, rate)
        assert np.corrcoef(features.ravel(), expected.ravel())[0, 1] > 0.9
        return
    given = {}
    classifier.classify(wave, rate, on_mel=lambda start, mel: given.update({start: mel}))
    model = onnx.load(MODELS / f"{name}.onnx")
    weights = {w.name: numpy_helper.to_array(w) for w in model.graph.initializer}
    heads = [node for node in model.graph.node if "head.conv.weight" in str(node.input)]
    assert len(heads) == members
    parts = np.split(features, members, 1)
    means = [node.output[0] for node in model.graph.node if node.op_type == "ReduceMean"]
    for output in means:
        if output != "logits":
            model.graph.output.append(onnx.ValueInfoProto(name=output))
    session = onnxruntime.InferenceSession(model.SerializeToString())
    for row, mel in enumerate(given.values()):
        for part, head, output in zip(parts, heads, means, strict=True):
            weight, bias = (weights[head.input[place]] for place in (1, 2))
            found = weight[:, :, 0, 0] @ part[row] + bias
            logits = session.run([output], {"log_mel": mel[:, None]})[0]
            np.testing.assert_allclose(found, logits.mean(0).ravel(), atol=1e-4)
