"""``asc-nas evaluate``: a network of a run, and any result file against a ground truth."""

import json
import shutil

import pytest
from tiny import asc_nas_here as asc_nas
from tiny import write_config

from asc_nas.data.manifest import Manifest
from asc_nas.runtime.card import ModelCard
from asc_nas.runtime.classifier import Classifier
from asc_nas.runtime.timeline import TimelineConfig
from data_prep.synthetic import Plan, generate

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Give a run with one trained baseline."""
    folder = tmp_path_factory.mktemp("evaluate")
    generate(folder / "recordings", 0, Plan.tiny(), workers=1)
    config = write_config(folder / "tiny.yaml")
    out = folder / "run"
    done = asc_nas("train", config, "baseline", "--data", folder / "recordings", "--out", out)
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture(scope="module")
def models(run):
    """Give the folder of the run's baseline as float and int8 model."""
    done = asc_nas("export", run, "baseline", "--calibrate", "--int8")
    assert done.returncode == 0, done.stderr
    return run / "models"


def test_a_trained_network_scores_what_its_test_gave_and_its_result_file_scores_the_same(
    run, tmp_path
):
    output, scored, again = tmp_path / "o.csv", tmp_path / "s.json", tmp_path / "a.json"
    done = asc_nas("evaluate", run, "baseline", "--dcase", output, "--json", scored)
    assert done.returncode == 0, done.stderr
    assert "note:" not in done.stderr
    found = json.loads(scored.read_text())
    result = json.loads((run / "retrain" / "baseline" / "result.json").read_text())
    assert found["format"] == "asc-nas/evaluation/1"
    for key in ("accuracy", "macro_f1", "log_loss"):
        assert found[key] == pytest.approx(result[key], rel=1e-6)
        low, high = found["intervals"][key]
        assert low <= found[key] <= high
        assert f"{low:.3f} to {high:.3f}" in done.stdout
    for name in ("per_class", "confusion", "genotype", "seed", "trained_on"):
        assert found[name] == result[name]
    manifest = Manifest.read(run / "data" / "manifest.parquet")
    test = manifest.with_role("test")
    assert [line.split("\t")[0] for line in output.read_text().splitlines()[1:]] == [
        clip.path for clip in test
    ]
    assert sum(part["clips"] for part in found["devices"]) == sum(bool(c.device) for c in test)

    done = asc_nas(
        "evaluate", "--results", output, "--truth", run / "data" / "manifest.parquet",
        "--json", again,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    from_file = json.loads(again.read_text())
    for key in ("accuracy", "macro_f1", "per_class", "confusion"):
        assert from_file[key] == found[key]
    assert from_file["log_loss"] == pytest.approx(found["log_loss"], rel=1e-6)
    assert from_file["intervals"]["macro_f1"] == pytest.approx(found["intervals"]["macro_f1"])
    assert [p["seen"] for p in from_file["devices"]] == [p["seen"] for p in found["devices"]]


@pytest.mark.parametrize("name", ["tiny-baseline", "tiny-baseline-int8"])
def test_an_exported_model_scores_what_its_card_says_and_what_classify_answers(
    run, models, tmp_path, name
):
    scored, output = tmp_path / "s.json", tmp_path / "o.csv"
    model = models / f"{name}.onnx"
    done = asc_nas(
        "evaluate", run, model, "--json", scored, "--dcase", output,
        "--dcase-format", "probabilities",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "note:" not in done.stderr
    assert f"{name}, test of synthetic" in done.stdout
    found, card = json.loads(scored.read_text()), json.loads(model.with_suffix(".json").read_text())
    for key in ("accuracy", "macro_f1"):
        assert found[key] == pytest.approx(card["results"][key])
    assert found["log_loss"] == pytest.approx(
        card["results"]["calibration"]["log_loss_after"], rel=1e-4
    )
    assert found["numeric_type"] == ("int8" if name.endswith("int8") else "float32")
    assert found["trained_on"] == ["train", "search_val"]

    manifest = Manifest.read(run / "data" / "manifest.parquet")
    header, *rows = [line.split("\t") for line in output.read_text().splitlines()]
    recording, plain = manifest.root / rows[0][0], TimelineConfig(reject=False)
    answer = Classifier.load(model).classify(recording, config=plain)
    assert rows[0][0] == manifest.with_role("test")[0].path
    assert answer.label == rows[0][1]
    values = dict(zip(header[2:], map(float, rows[0][2:]), strict=True))
    expected = {label: answer.scores[label] for label in values}
    assert values == pytest.approx(expected, abs=2e-3)  # the store has half precision


@pytest.mark.parametrize(
    ("key", "changed", "code", "message"),
    [
        ("labels", lambda labels: labels[::-1], 2, "are not those of the run"),
        (
            "frontend",
            lambda f: f.model_copy(update={"fmax": 4000.0}),
            2,
            "fmax is 4000.0, not None",
        ),
        ("sha256", lambda digest: digest[::-1], 1, "another SHA-256"),
    ],
)
def test_a_model_of_other_labels_or_features_is_refused(
    run, models, tmp_path, key, changed, code, message
):
    model = tmp_path / "tiny-baseline.onnx"
    shutil.copy(models / model.name, model)
    card = ModelCard.read(models / "tiny-baseline.json")
    other = card.model_copy(update={key: changed(getattr(card, key))})
    other.write(model.with_suffix(".json"))
    done = asc_nas("evaluate", run, model)
    assert done.returncode == code
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_model_of_other_clips_is_scored_with_a_note(run, models, tmp_path):
    model = tmp_path / "tiny-baseline.onnx"
    shutil.copy(models / model.name, model)
    card = ModelCard.read(models / "tiny-baseline.json")
    data = card.data.model_copy(update={"test_folds": ("1",)})
    card.model_copy(update={"data": data}).write(model.with_suffix(".json"))
    done = asc_nas("evaluate", run, model, "--json", tmp_path / "s.json")
    assert done.returncode == 0, done.stderr
    assert "may have heard clips" in done.stderr
    found = json.loads((tmp_path / "s.json").read_text())
    assert found["trained_on"] is None
    assert {part["seen"] for part in found["devices"]} <= {None}


def test_an_exported_model_has_no_seed_and_must_exist(run, models, tmp_path):
    done = asc_nas("evaluate", run, models / "tiny-baseline.onnx", "--seed", 1)
    assert done.returncode == 2
    assert "leave it out" in done.stderr
    done = asc_nas("evaluate", run, tmp_path / "none.onnx")
    assert done.returncode == 1
    assert "no model" in done.stderr


def test_another_set_is_scored_whole_and_other_labels_are_refused(run, tmp_path):
    generate(tmp_path / "other", 1, Plan.tiny(), workers=1)
    manifest, scored = tmp_path / "other.parquet", tmp_path / "s.json"
    done = asc_nas("data", "prepare", "synthetic", tmp_path / "other", "--out", manifest)
    assert done.returncode == 0, done.stderr
    arguments = ("evaluate", run, "baseline", "--manifest", manifest)
    done = asc_nas(*arguments, "--json", scored, "--dcase", tmp_path / "o.csv")
    assert done.returncode == 0, done.stderr
    found = json.loads(scored.read_text())
    assert sum(map(sum, found["confusion"])) == len(Manifest.read(manifest).clips) == 36
    assert len((tmp_path / "o.csv").read_text().splitlines()) == 37

    whole = Manifest.read(manifest)
    labels = whole.labels[:3]
    clips = [clip for clip in whole.clips if clip.label in labels]
    Manifest(whole.name, whole.root, labels, tuple(clips)).write(manifest)
    done = asc_nas(*arguments)
    assert done.returncode == 2
    assert "labels" in done.stderr


def test_the_format_can_be_chosen(run, tmp_path):
    output = tmp_path / "o.txt"
    done = asc_nas("evaluate", run, "baseline", "--dcase", output, "--dcase-format", "labels")
    assert done.returncode == 0, done.stderr
    assert {line.count("\t") for line in output.read_text().splitlines()} == {1}


def test_scores_of_clips_that_training_used_are_called_that(run):
    done = asc_nas("evaluate", run, "baseline", "--role", "search_val")
    assert done.returncode == 0, done.stderr
    assert "trained on train and search_val" in done.stderr


def test_a_network_that_is_not_trained_says_how_to_train_it(run):
    done = asc_nas("evaluate", run, "baseline", "--seed", 7)
    assert done.returncode == 1
    assert "asc-nas train" in done.stderr
    assert "--seed 7" in done.stderr
    assert "Traceback" not in done.stderr


def test_any_result_file_is_scored_without_a_run(tmp_path):
    (tmp_path / "truth.csv").write_text(
        "filename\tscene_label\tidentifier\tsource_label\n"
        "audio/1.wav\tbus\tparis-1\ta\naudio/2.wav\ttram\tparis-2\ts4\n"
        "audio/3.wav\ttram\tparis-3\ts4\n"
    )
    (tmp_path / "out.csv").write_text("3.wav\tbus\n1.wav\tbus\n2.wav\ttram\n")
    done = asc_nas(
        "evaluate", "--results", "out.csv", "--truth", "truth.csv", "--seen", "a",
        "--json", "scores.json", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert "out.csv: 3 clips of 3 groups" in lines
    assert "log loss -" in lines
    assert "bus 1 0.667" in lines
    assert "s4 unseen 2 0.500 0.667 -" in lines
    assert "all seen 1 1.000 1.000 -" in lines
    found = json.loads((tmp_path / "scores.json").read_text())
    assert found["accuracy"] == pytest.approx(2 / 3)
    assert found["log_loss"] is None


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["runs/x"],
        ["--results", "out.csv"],
        ["runs/x", "3", "--truth", "t.csv"],
        ["--results", "out.csv", "--truth", "t.csv", "--dcase", "o.csv"],
        ["runs/x", "3", "--role", "train"],
    ],
)
def test_a_call_that_makes_no_sense_is_wrong_usage(arguments, tmp_path):
    done = asc_nas("evaluate", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert "error: " in done.stderr
    assert "Traceback" not in done.stderr
