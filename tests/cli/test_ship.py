"""``asc-nas ship``: a model trained on all folds; its card has what the cross-validation found."""

import json

import numpy as np
import pytest
import torch
from tiny import write_config
from typer.testing import CliRunner

from asc_nas.cli.main import app
from asc_nas.core.errors import AscNasError, UsageError
from asc_nas.data.manifest import Manifest
from asc_nas.export.firmware.kit import Kit
from asc_nas.run import ship
from asc_nas.run.folder import RunFolder
from asc_nas.run.networks import find_network
from asc_nas.run.run import Run
from asc_nas.runtime.card import ModelCard
from asc_nas.runtime.classifier import Classifier, open_session, softmax
from asc_nas.runtime.timeline import TimelineConfig
from asc_nas.training.trainer import posteriors
from data_prep.synthetic import Plan, generate

pytestmark = pytest.mark.slow


def asc_nas(*arguments):
    done = CliRunner().invoke(app, [*map(str, arguments)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


LICENCE, SOURCE = "CC BY 4.0", "the woman on the moon"


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ship")
    generate(folder / "recordings", 0, Plan.tiny(), workers=1)
    told = {"licence": LICENCE, "source": "the man on the moon"}
    data = {"folder": str(folder / "recordings"), "workers": 1, **told}
    config = write_config(folder / "tiny.yaml", data=data)
    place = folder / "crossval"
    asc_nas("crossval", config, "--network", "baseline", "--seed", 0, "--seed", 1, "--out", place)
    asc_nas("ship", place, "baseline", "--name", "shipped", "--int8", "--source", SOURCE)
    return place


def test_the_card_has_the_means_of_the_cross_validation(shipped):
    card = ModelCard.read(shipped / "all" / "models" / "shipped.json")
    (told,) = json.loads((shipped / "crossval.json").read_text())["summary"]
    for score in ("accuracy", "macro_f1", "log_loss"):
        assert card.results[score] == pytest.approx(told[score]["mean"])
    assert card.results["cross_validation"]["seeds"] == [0, 1]
    assert set(card.results["cross_validation"]["folds"]) == {"1", "2", "3", "4"}
    assert card.data.train_folds == card.data.test_folds == ("1", "2", "3", "4")
    assert card.data.test_clips == 0
    assert (card.data.licence, card.data.source) == (LICENCE, SOURCE)


def test_a_card_of_a_fold_has_what_the_config_says_of_the_recordings(shipped):
    for path in shipped.glob("fold-*/models/*.json"):
        data = ModelCard.read(path).data
        assert (data.licence, data.source) == (LICENCE, "the man on the moon")


def test_every_clip_trains_it_and_the_twin_is_kept_from_search_val(shipped):
    clips = Manifest.read(shipped / "all" / "data" / "manifest.parquet").clips
    assert {clip.role for clip in clips} == {"train", "search_val"}
    weights = {path.name for path in (shipped / "all" / "retrain" / "baseline").iterdir()}
    assert {"model.safetensors", "calibration.safetensors"} <= weights


def test_both_kinds_classify(shipped):
    recording = next((shipped.parent / "recordings").rglob("*.flac"))
    both = [
        Classifier.load(shipped / "all" / "models" / f"{name}.onnx")
        .classify(recording, config=TimelineConfig(reject=False))
        .scores
        for name in ("shipped", "shipped-int8")
    ]
    assert both[0] == pytest.approx(both[1], abs=0.02)
    assert both[0] != both[1]
    card = ModelCard.read(shipped / "all" / "models" / "shipped-int8.json")
    limit = ModelCard.read(shipped / "all" / "models" / "shipped.json").reject_below
    assert card.reject_below == limit > 0
    made = [ModelCard.read(p) for p in sorted(shipped.glob("fold-*/models/*-int8.json"))]
    assert len(made) == 4
    mean = sum(other.results["accuracy"] for other in made) / 4
    assert card.results["accuracy"] == pytest.approx(mean)


def test_a_committee_is_the_mean_of_its_networks_and_costs_as_much(shipped):
    asc_nas("ship", shipped, "baseline", "--name", "committee", "--together", "--int8")
    models = shipped / "all" / "models"
    one, card = (ModelCard.read(models / f"{name}.json") for name in ("shipped", "committee"))
    assert (card.members, card.macs, card.params) == (2, 2 * one.macs, 2 * one.params)
    assert card.ram_bytes == one.ram_bytes > 0  # they run one after the other
    assert ModelCard.read(models / "committee-int8.json").members == 2
    assert card.results["cross_validation"]["seeds"] == [0, 1]
    assert "2 of t" in asc_nas("models", "show", models / "committee.onnx").replace("\n", " ")

    run = RunFolder.open(shipped / "all")
    x = run.examples("search_val").batch(np.arange(4))[0]
    network = find_network(run, "baseline")
    with torch.inference_mode():
        alone = [network.folder(run, seed).load()(x).softmax(1) for seed in (0, 1)]
    session = open_session((models / "committee.onnx").read_bytes(), 1)
    together = softmax(session.run(None, {"log_mel": x.numpy()})[0])
    np.testing.assert_allclose(together, (alone[0] + alone[1]) / 2, atol=1e-5)


def test_the_scores_of_a_committee_are_those_of_committees_in_every_fold(shipped):
    card = ModelCard.read(shipped / "all" / "models" / "committee.json")
    accuracies = []
    for fold in sorted(shipped.glob("fold-*")):
        run = RunFolder.open(fold)
        test = run.examples("test")
        network = find_network(run, "baseline")
        both = [posteriors(network.folder(run, seed).load(), test) for seed in (0, 1)]
        decided = test.clip_posteriors((both[0] + both[1]).numpy()).argmax(1)
        accuracies.append(np.mean(decided == test.clip_targets))
    assert card.results["accuracy"] == pytest.approx(np.mean(accuracies))
    by_fold = card.results["cross_validation"]["folds"].values()
    assert [fold["accuracy"] for fold in by_fold] == pytest.approx(accuracies)


def test_a_run_exports_its_committee_as_c(shipped):
    fold = shipped / "fold-2"
    arguments = ("export", fold, "baseline", "--together", "--target", "c")
    told = asc_nas(*arguments)
    name = f"{RunFolder.open(fold).config.name}-baseline-together"
    kit = Kit.read(fold / "models" / f"{name}-c" / "kit.json")
    card = ModelCard.read(fold / "models" / f"{name}.json")
    assert (kit.networks, card.members) == (2, 2)
    by_fold = ModelCard.read(shipped / "all" / "models" / "committee.json").results
    expected = by_fold["cross_validation"]["folds"]["2"]
    assert {key: card.results[key] for key in expected} == pytest.approx(expected)
    assert "asc-nas verify" in told


def test_a_committee_of_one_seed_is_refused_with_the_remedy(shipped, monkeypatch):
    run = RunFolder.open(shipped / "fold-1")
    network = find_network(run, "baseline")
    one = [result for result in network.results(run) if result.seed == 0]
    monkeypatch.setattr(ship, "trained", lambda run, network: one)
    with pytest.raises(AscNasError, match=r"baseline: .* one seed only.*--seed 0 --seed 1"):
        ship.common_seeds({"1": run}, network)
    monkeypatch.setattr(type(network), "results", lambda self, run: one)
    with pytest.raises(AscNasError, match=r"seed 0 only.*train .*fold-1 baseline --seed 1'"):
        Run.open(shipped / "fold-1").export("baseline", together=True)
    with pytest.raises(UsageError, match="leave --seed out"):
        Run.open(shipped / "fold-1").export("baseline", together=True, seed=0)


def test_a_second_call_trains_nothing(shipped):
    weights = shipped / "all" / "retrain" / "baseline" / "model.safetensors"
    model = shipped / "all" / "models" / "shipped.onnx"
    before, bytes_before = weights.stat().st_mtime_ns, model.read_bytes()
    asc_nas("ship", shipped, "baseline", "--name", "shipped")
    assert weights.stat().st_mtime_ns == before
    assert model.read_bytes() == bytes_before


def test_what_was_not_cross_validated_is_refused(shipped, tmp_path):
    for arguments, error, words in (
        ((shipped, "square"), AscNasError, "not trained yet"),
        ((tmp_path, "baseline"), UsageError, "asc-nas crossval"),
    ):
        with pytest.raises(error, match=words):
            CliRunner().invoke(app, ["ship", *map(str, arguments)], catch_exceptions=False)
