"""`retrain.qat_share` in a run: who is trained so, that a stop changes nothing, and the card."""

import pytest
import torch
from safetensors.torch import load_file
from tiny import TINY, write_config

from asc_nas.core.config import apply_overrides
from asc_nas.core.errors import UsageError
from asc_nas.export.integer.fake_quantised import FakeQuantised
from asc_nas.run.calibration import train_twin
from asc_nas.run.config import RunConfig
from asc_nas.run.export import export_network
from asc_nas.run.folder import RunFolder
from asc_nas.run.networks import find_network
from asc_nas.run.preparation import prepare
from asc_nas.run.teachers import taught_recipe
from asc_nas.run.training import Training, retrain
from data_prep.synthetic import Plan, generate

TEACHER = {"kernels": ["f3"], "members": 1}


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("qat") / "recordings"
    generate(folder, 0, Plan.tiny(), workers=1)
    return folder


@pytest.fixture
def observed(monkeypatch):
    """Count the epochs in integers."""
    epochs = []
    observe = FakeQuantised.observe
    monkeypatch.setattr(
        FakeQuantised, "observe", lambda self, clips: epochs.append(0) or observe(self, clips)
    )
    return epochs


def opened(folder, recordings, **retrain):
    settings = {"epochs": 4, "qat_share": 0.5, "checkpoint_every": 1} | retrain
    config = write_config(folder / "tiny.yaml", retrain=settings)
    run = RunFolder.open(config, recordings, ["data.workers=1"], out=folder / "run")
    prepare(run)
    return run, find_network(run, "baseline")


def test_networks_and_their_twins_end_in_integers_and_the_card_says_so(
    tmp_path, recordings, observed
):
    run, baseline = opened(tmp_path, recordings)
    retrain(run, Training(baseline, 0))
    assert len(observed) == 2
    train_twin(baseline.folder(run, 0), "baseline")
    assert len(observed) == 4
    assert export_network([baseline.folder(run, 0)]).card.qat_share == 0.5


def test_a_stopped_training_ends_with_the_same_weights(tmp_path, recordings, observed):
    def stop_in_integers(done, total, text):
        if done == 3:
            raise KeyboardInterrupt

    weights = []
    for name, stops in (("whole", False), ("stopped", True)):
        (tmp_path / name).mkdir()
        run, baseline = opened(tmp_path / name, recordings)
        if stops:
            with pytest.raises(KeyboardInterrupt):
                retrain(run, Training(baseline, 0), stop_in_integers)
        retrain(run, Training(baseline, 0))
        weights.append(load_file(baseline.folder(run, 0).path / "model.safetensors"))
    assert len(observed) == 4  # none twice
    for key, value in weights[0].items():
        assert torch.equal(value, weights[1][key]), key


def test_teachers_stay_float(tmp_path, recordings, observed):
    run, _ = opened(tmp_path, recordings, teacher=TEACHER)
    recipe = taught_recipe(run, ("train",))
    assert not observed
    assert recipe.qat_share == 0.5
    assert recipe.teacher is not None


@pytest.mark.parametrize("share", ["1.0", "-0.1", ".nan"])
def test_a_share_is_below_one(share):
    with pytest.raises(UsageError, match="qat_share"):
        RunConfig.parse(apply_overrides(TINY, [f"retrain.qat_share={share}"]), "c.yaml")
