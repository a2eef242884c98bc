"""Distillation: who teaches, on which clips, and that it is resumed and shared."""

import pytest
import torch
from safetensors.torch import load_file
from tiny import write_config
from torch import nn

from asc_nas.run import teachers
from asc_nas.run.calibration import train_twin
from asc_nas.run.folder import RunFolder
from asc_nas.run.networks import find_network
from asc_nas.run.preparation import prepare
from asc_nas.run.training import train_networks
from data_prep.synthetic import Plan, generate

TEACHER = {"kernels": ["f3+t3"], "expansion": 3, "members": 2, "share": 0.75}


@pytest.fixture(scope="module")
def context(tmp_path_factory):
    folder = tmp_path_factory.mktemp("teachers")
    generate(folder / "recordings", 0, Plan.tiny(), workers=1)
    config = write_config(folder / "tiny.yaml", retrain={"teacher": TEACHER})
    run = RunFolder.open(config, folder / "recordings", ["data.workers=1"], out=folder / "run")
    prepare(run)
    return run


def test_an_ensemble_says_the_mean_of_its_posteriors():
    networks = [nn.Linear(4, 3) for _ in range(2)]
    x = torch.randn(5, 4)
    expected = sum(network(x).softmax(1) for network in networks) / 2
    found = teachers.mean_posteriors(networks)(x)
    assert torch.allclose(found, expected)
    assert not found.requires_grad


def test_teachers_are_trained_once_and_teach_every_network(context):
    baseline = find_network(context, "baseline")
    names = teachers.teachers_of(context, context.config.retrain.roles)
    assert [str(teacher) for teacher in names] == ["teacher 0", "teacher 1"]
    train_networks([context], [baseline], [0], 1)
    weights = sorted((context.paths.root / "teachers").glob("*/model.safetensors"))
    assert [file.parent.name for file in weights] == ["0-train+search_val", "1-train+search_val"]
    first, second = map(load_file, weights)
    name = "model.head.conv.weight"
    assert not torch.equal(first[name], second[name])
    before = [file.stat().st_mtime_ns for file in weights]
    train_networks([context], [baseline], [1], 1)
    assert [file.stat().st_mtime_ns for file in weights] == before


def test_a_taught_network_differs_from_one_that_learns_from_labels_alone(context):
    name = "model.head.conv.weight"
    baseline = find_network(context, "baseline")
    train_networks([context], [baseline], [0], 1)
    taught = load_file(baseline.folder(context, 0).path / "model.safetensors")
    retrain = context.config.retrain.model_copy(update={"teacher": None})
    alone = type(context)(context.config.model_copy(update={"retrain": retrain}), context.paths)
    folder = baseline.folder(context, 0).path
    folder.rename(folder.with_name("taught"))
    train_networks([alone], [baseline], [0], 1)
    untaught = load_file(folder / "model.safetensors")
    assert not torch.equal(taught[name], untaught[name])


def test_the_twin_for_calibration_has_teachers_that_have_not_seen_search_val(context):
    baseline = find_network(context, "baseline")
    train_networks([context], [baseline], [0], 1)
    train_twin(baseline.folder(context, 0), "baseline")
    names = {folder.name for folder in (context.paths.root / "teachers").iterdir()}
    assert {"0-train", "1-train"} <= names
