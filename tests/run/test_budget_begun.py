"""What a budget takes for begun, and so leaves as long as it is."""

from dataclasses import replace

import pytest
from tiny import write_config

from asc_nas.run.budget import _begun
from asc_nas.run.folder import RunFolder
from asc_nas.run.preparation import prepare
from asc_nas.run.standalone import standalone_trainings, train_standalone
from asc_nas.space.genotype import Genotype
from data_prep.synthetic import Plan, generate


@pytest.fixture
def recordings(tmp_path):
    folder = tmp_path / "recordings"
    generate(folder, 0, Plan.tiny(), workers=1)
    return folder


@pytest.mark.slow
def test_hand_made_networks_that_have_begun_keep_their_epochs_and_those_of_others_do_not_count(
    recordings, tmp_path
):
    config = write_config(
        tmp_path / "tiny.yaml",
        data={"workers": 1},
        search={"judge": "training", "strategy": "hand_made"},
        rank={"epochs": 3, "batch_size": 8, "folder": str(tmp_path / "shared")},
        baselines={"own": {"kernels": ["t3", "f3"], "expansion": 1.5}},
    )
    run = RunFolder.open(config, recordings, out=tmp_path / "run")
    assert "search" not in _begun(run)  # nothing is there
    prepare(run)
    own, other = (Genotype.parse(text) for text in ("t3e1.5w1 f3e1.5w1", "t3e3w1 f3e3w1"))

    def train(genotype, epochs):
        recipe = run.config.rank.model_copy(update={"epochs": epochs})
        longer = replace(run, config=run.config.model_copy(update={"rank": recipe}))
        (training,) = standalone_trainings(longer, [genotype], longer.standalone, 1)
        train_standalone(longer, training)

    train(other, 3)
    train(own, 2)
    assert "search" not in _begun(run)
    train(own, 3)
    assert "search" in _begun(run)
