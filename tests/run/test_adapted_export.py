"""Export of adapted networks, alone and in one file with the general one, on a generated TAU."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tau_runs import tau_run
from trees import tau_2022_splits
from typer.testing import CliRunner

from asc_nas.cli.main import app
from asc_nas.core.errors import AscNasError, UsageError
from asc_nas.evaluation.result import Result
from asc_nas.evaluation.temperature import ClipLogits, fit_temperature
from asc_nas.export.page.page import page
from asc_nas.export.targets import ExportedModel
from asc_nas.run import adaptation
from asc_nas.run.adapted import find_trained
from asc_nas.run.run import Run
from asc_nas.run.scoring import exported_posteriors
from asc_nas.runtime.card import ModelCard
from asc_nas.runtime.classifier import Classifier
from asc_nas.training.trainer import posteriors

pytestmark = pytest.mark.slow
SHORT = {"adapt.epochs": 2, "adapt.batch_size": 8, "adapt.learning_rate": 0.05}
SAME = 1e-5


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run whose baseline is adapted to two devices, what that gains, and the file of all."""
    folder = tmp_path_factory.mktemp("tau")
    tau_2022_splits(folder / "tree")
    run = tau_run(folder / "tree", folder / "run", 25, **SHORT)
    gain = run.adapt("baseline", "a", "s1")
    done = CliRunner().invoke(app, ["export", str(run.paths.root), "baseline", "--adapted"])
    assert done.exit_code == 0, done.output
    return run, gain, ExportedModel.read(Path(done.stdout.rstrip()))


def in_pytorch(run, text, temperature=1.0):
    """Return the posteriors of a trained network for the test clips."""
    network, examples = find_trained(run, text).folder(run, 0).load(), run.examples("test")
    with torch.no_grad():
        logits = posteriors(network, examples).double().log() / temperature
    return examples, examples.clip_posteriors(logits.softmax(1).numpy())


@pytest.mark.parametrize(
    ("recorder", "text"), [(None, "baseline"), ("a", "baseline@a"), ("s1", "baseline@s1")]
)
def test_the_one_file_answers_as_each_network_does_in_pytorch(made, recorder, text):
    run, _, model = made
    assert model.file.name == "tau25-baseline-adapted.onnx"
    classifier = Classifier.load(model.file, recorder=recorder)
    examples, expected = in_pytorch(run, text)
    found = exported_posteriors(classifier, examples)
    assert np.abs(found - expected).max() < SAME
    others = {"baseline", "baseline@a", "baseline@s1"} - {text}
    assert min(np.abs(found - in_pytorch(run, each)[1]).max() for each in others) > 100 * SAME


def test_the_card_tells_what_each_device_gains_and_is_the_general_one_s_otherwise(made):
    run, gain, model = made
    told = {part.recorder: part for part in gain.recorders}
    assert [each.recorder for each in model.card.recorders] == ["a", "s1"]
    for each in model.card.recorders:
        part = told[each.recorder]
        assert (each.test_clips, each.general, each.adapted) == (
            part.clips, part.general, part.adapted,
        )  # fmt: skip
        assert each.general_interval == part.general_interval
        assert each.adapted_interval == part.adapted_interval
        result = Result.read(run.paths.adapted(f"baseline-{each.recorder}") / "result.json")
        assert each.results["accuracy"] == result.accuracy
    own = {"name", "bytes", "sha256", "recorders"}
    (plain,) = run.export("baseline")
    assert model.card.model_dump(exclude=own) == plain.card.model_dump(exclude=own)
    before = Classifier.load(plain.file), Classifier.load(model.file)
    examples = run.examples("test")
    assert np.array_equal(*(exported_posteriors(each, examples) for each in before))


def test_a_network_alone_is_a_plain_model_of_its_device(made):
    run, _, model = made
    alone, *others = run.export("baseline@a", targets=["onnx", "int8", "c", "onnx-audio"])
    names = [file.file.name for file in (alone, *others)]
    stem = "tau25-baseline@a"
    assert names == [f"{stem}.onnx", f"{stem}-int8.onnx", f"{stem}-c", f"{stem}-audio"]
    assert {each.card.recorder for each in (alone, *others)} == {"a"}
    own = {"name", "bytes", "sha256", "created_with"}
    whole = ModelCard.read(model.file.with_suffix(".json")).of_recorder("a")
    assert ModelCard.read(alone.file.with_suffix(".json")).model_dump(exclude=own) == (
        whole.model_dump(exclude=own)
    )
    examples = run.examples("test")
    both = Classifier.load(alone.file), Classifier.load(model.file, recorder="a")
    assert np.array_equal(*(exported_posteriors(each, examples) for each in both))
    wave = np.random.default_rng(0).uniform(-0.3, 0.3, 4000).astype(np.float32)
    assert np.array_equal(*(each.embed(wave, 8000) for each in both))
    scored = run.evaluate(str(alone.file)).evaluation.scores
    assert scored.accuracy == alone.card.results["accuracy"]
    assert page(alone.file, alone.file.with_suffix(".html")).exists()


def test_each_network_is_calibrated_by_a_twin_that_has_not_heard_search_val(made, tmp_path):
    root = shutil.copytree(made[0].paths.root, tmp_path / "run")
    run = Run.open(root)
    (model,) = run.export("baseline", adapted=True, calibrate=True)
    card = model.card
    examples = run.examples("search_val")
    for told in (card, *card.recorders):
        text = "baseline" if told is card else f"baseline@{told.recorder}"
        folder = find_trained(run, text).folder(run, 0)
        assert told.results["calibration"]["fitted_on"] == "search_val, twin"
        with torch.no_grad():
            logits = posteriors(folder.load("calibration.safetensors"), examples).double().log()
        clips = ClipLogits(logits.numpy(), np.asarray(examples.clips), examples.clip_targets)
        assert told.temperature == pytest.approx(fit_temperature(clips), abs=1e-6)
        assert not (folder.path / "calibration.state.safetensors").exists()
    twins = sorted(root.glob("adapted/*/calibration.safetensors"))
    one, other = map(load_file, twins)
    assert any(not torch.equal(one[name], other[name]) for name in one)
    of_a = Classifier.load(model.file, recorder="a")
    test, expected = in_pytorch(run, "baseline@a", card.recorders[0].temperature)
    assert np.abs(exported_posteriors(of_a, test) - expected).max() < SAME
    written = {path: path.stat().st_mtime_ns for path in root.rglob("calibration.safetensors")}
    run.export("baseline@a", calibrate=True)
    assert {path: path.stat().st_mtime_ns for path in written} == written


def test_the_seeds_of_a_device_are_a_committee(made, tmp_path):
    run = Run.open(shutil.copytree(made[0].paths.root, tmp_path / "run"))
    with pytest.raises(AscNasError, match=r"needs several; run 'asc-nas adapt .* --seed 1"):
        run.export("baseline@a", together=True)
    run.train("baseline", seeds=[1])
    run.adapt("baseline", "a", seed=1)
    (model,) = run.export("baseline@a", together=True)
    assert (model.file.stem, model.card.members) == ("tau25-baseline@a-together", 2)
    assert model.card.recorder == "a"


@pytest.mark.parametrize(
    ("networks", "options", "error", "said"),
    [
        (["baseline"], {"targets": ["onnx", "c"]}, UsageError, "c is made of one: .* NETWORK@REC"),
        (["baseline"], {"together": True}, UsageError, "--adapted and --together exclude"),
        (["baseline@a"], {}, UsageError, "Here give its general one, 'baseline'"),
        (["square"], {}, AscNasError, r"square is not adapted .* run 'asc-nas adapt .* square'"),
    ],
)
def test_what_cannot_be_one_file_is_told(made, networks, options, error, said):
    with pytest.raises(error, match=said):
        made[0].export(*networks, adapted=True, **options)


def test_a_device_that_it_was_not_adapted_to_is_told(made):
    with pytest.raises(AscNasError, match=r"not trained yet; run 'asc-nas adapt .* --recorder b'"):
        made[0].export("baseline@b")


def test_no_page_is_made_of_the_one_file(made, tmp_path):
    with pytest.raises(AscNasError, match="export that alone, as NETWORK@RECORDER"):
        page(made[2].file, tmp_path / "page.html")


def test_the_twin_of_an_adapted_network_begins_with_the_general_twin_on_train_alone(
    made, tmp_path, monkeypatch
):
    run, heard = Run.open(shutil.copytree(made[0].paths.root, tmp_path / "run")), []

    def no_training(network, examples, recorder, trainer):
        heard.append((recorder, set(examples.clip_keys)))
        return []

    monkeypatch.setattr(adaptation, "adapt_network", no_training)
    run.export("baseline@a", calibrate=True)
    assert heard == [("a", {clip.key for clip in run.manifest.with_role("train")})]
    folders = run.paths.retrain("baseline"), run.paths.adapted("baseline-a")
    general, twin = (load_file(folder / "calibration.safetensors") for folder in folders)
    assert general.keys() == twin.keys()
    assert all(torch.equal(general[name], twin[name]) for name in general)


def test_an_evaluation_of_the_one_file_says_whose_it_is(made):
    run, _, model = made
    done = CliRunner().invoke(app, ["evaluate", str(run.paths.root), str(model.file)])
    assert done.exit_code == 0, done.output
    assert "the general network of this model is scored" in done.stderr
