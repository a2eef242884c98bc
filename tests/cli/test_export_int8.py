"""``asc-nas export --int8 --dcase-report``: from a trained network to what is handed in."""

import json

import pytest
import yaml
from tiny import asc_nas_here as asc_nas
from tiny import write_config

from asc_nas.cost.counts import count
from asc_nas.export.quantize import stored_bytes
from asc_nas.runtime.card import ModelCard
from asc_nas.runtime.classifier import Classifier
from asc_nas.space.genotype import Genotype
from asc_nas.space.netspec import resolve
from asc_nas.space.skeleton import skeleton_from
from data_prep.synthetic import Plan, generate

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Give a run with one network in both numeric types, and its description."""
    folder = tmp_path_factory.mktemp("int8")
    generate(folder / "recordings", 0, Plan.tiny(), workers=1)
    config, out = write_config(folder / "tiny.yaml"), folder / "run"
    done = asc_nas("train", config, "baseline", "--data", folder / "recordings", "--out", out)
    assert done.returncode == 0, done.stderr
    report = folder / "task1.meta.yaml"
    done = asc_nas("export", out, "baseline", "--int8", "--dcase-report", report)
    assert done.returncode == 0, done.stderr
    return out, report, done.stdout


def test_the_card_compares_both_networks_on_the_same_clips(exported):
    models = exported[0] / "models"
    float_card = ModelCard.read(models / "tiny-baseline.json")
    card = ModelCard.read(models / "tiny-baseline-int8.json")
    assert (float_card.numeric_type, card.numeric_type) == ("float32", "int8")
    made = card.quantization
    result = json.loads((exported[0] / "retrain" / "baseline" / "result.json").read_text())
    for key in ("accuracy", "macro_f1", "log_loss"):
        assert made.float_results[key] == pytest.approx(result[key], rel=1e-4)
        assert key in card.results
    assert card.param_bytes == stored_bytes(models / f"{card.name}.onnx")[0]
    assert made.float_bytes == float_card.bytes
    assert set(made.agreement_per_class) <= set(card.labels)
    assert made.agreement == pytest.approx(
        sum(made.agreement_per_class.values()) / len(made.agreement_per_class)
    )  # one test clip per label
    assert min(made.latency_ms, made.float_latency_ms) > 0
    assert f"accuracy {card.results['accuracy']:.3f}" in exported[2]


def test_both_are_loaded_and_classify_without_a_flag(exported):
    models = exported[0] / "models"
    recording = next((exported[1].parent / "recordings").rglob("*.wav"), None) or next(
        (exported[1].parent / "recordings").rglob("*.flac")
    )
    found = [
        Classifier.load(models / f"tiny-baseline{kind}.onnx").classify(recording).scores
        for kind in ("", "-int8")
    ]
    assert found[0] == pytest.approx(found[1], abs=0.01)
    assert found[0] != found[1]
    for command in ("verify", "show"):
        done = asc_nas("models", command, models / "tiny-baseline-int8.onnx")
        assert done.returncode == 0, done.stdout
    assert "int8" in done.stdout


def test_the_description_has_what_the_run_knows_and_says_what_is_to_do(exported):
    text = exported[1].read_text()
    document = yaml.safe_load(text)
    card = ModelCard.read(exported[0] / "models" / "tiny-baseline-int8.json")
    config = yaml.safe_load((exported[0] / "config.yaml").read_text())
    spec = resolve(
        Genotype.parse(card.genotype),
        skeleton_from(config["skeleton"]),
        (card.frontend.n_mels, card.frontend.frames),
        len(card.labels),
    )
    cost = count(spec, card.frontend)
    assert document["system"]["complexity"] == {
        "total_parameters": cost.params,
        "memory_use": cost.params,
        "macs": cost.nessi_macs,
    }
    assert document["submission"]["authors"][0]["lastname"] == "TODO"
    scores = document["results"]["development_dataset"]
    assert scores["overall"]["accuracy"] == pytest.approx(100 * card.results["accuracy"], abs=0.01)
    assert set(scores["class_wise"]) == set(card.labels)
    mean = sum(entry["accuracy"] for entry in scores["class_wise"].values()) / len(card.labels)
    assert mean == pytest.approx(scores["overall"]["accuracy"], abs=0.01)
    total = next(line for line in text.splitlines() if line.startswith("# total"))
    assert total.split()[2:] == [f"{n:,}" for n in (cost.params, cost.macs, cost.nessi_macs)]


def test_a_description_is_of_one_network(exported):
    done = asc_nas("export", exported[0], "baseline", "square", "--dcase-report", "x.yaml")
    assert done.returncode == 2
    assert "describes one network" in done.stderr
