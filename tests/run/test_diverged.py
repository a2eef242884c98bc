"""A learning rate that diverges: one sentence, at once, and nothing that is not JSON."""

import json

import pytest
from tiny import write_config
from typer.testing import CliRunner

from asc_nas.core.errors import AscNasError
from asc_nas.run.run import Run
from asc_nas.run.standalone import standalone_trainings, train_standalone
from asc_nas.space.genotype import Genotype
from data_prep.synthetic import Plan, generate

pytestmark = pytest.mark.slow
TOO_HIGH = 1e30


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recordings")
    generate(folder, 0, Plan.tiny(), workers=1)
    return folder


def open_run(folder, recordings, group):
    config = write_config(
        folder / "tiny.yaml", data={"workers": 1},
        rank={"networks": 4, "repeats": 1, "epochs": 3, "batch_size": 8},
    )  # fmt: skip
    changes = [f"{group}.learning_rate={TOO_HIGH}", f"{group}.warmup_epochs=0"]
    return Run.open(config, recordings, changes, out=folder / "run")


def refuse(constant):
    raise AssertionError(f"{constant} is not JSON")


def check_json(folder):
    """Check that every file of JSON is JSON."""
    for path in folder.rglob("*.json"):
        json.loads(path.read_text(), parse_constant=refuse)
    for path in folder.rglob("*.jsonl"):
        for line in path.read_text().splitlines():
            json.loads(line, parse_constant=refuse)


@pytest.mark.parametrize("step", ["supernet", "search", "run", "rank"])
def test_the_supernet(tmp_path, recordings, step):
    run = open_run(tmp_path, recordings, "supernet")
    told = r"run/supernet: .* diverged.*lower supernet\.learning_rate than 1e\+30"
    with pytest.raises(AscNasError, match=told):
        getattr(run, step)()
    assert not run.supernets[0].weights.exists()
    assert not run.paths.pareto.exists()
    check_json(tmp_path / "run")


@pytest.mark.parametrize("workers", [1, 2])
def test_a_training_from_scratch(tmp_path, recordings, workers):
    run = open_run(tmp_path, recordings, "retrain")
    told = r"run/retrain/(baseline|square): .* diverged.*lower retrain\.learning_rate than 1e\+30"
    with pytest.raises(AscNasError, match=told):
        run.train("baseline", "square", workers=workers)
    assert not list((tmp_path / "run").rglob("result.json"))
    assert not list((tmp_path / "run").rglob("model.safetensors"))
    check_json(tmp_path / "run")


def test_a_network_that_is_trained_alone(tmp_path, recordings):
    run = open_run(tmp_path, recordings, "rank")
    run.prepare()
    genotype = Genotype.parse("t3e1.5w1 f3e1.5w1")
    (training,) = standalone_trainings(run, [genotype], tmp_path / "alone", 1)
    told = r"alone: .* diverged.*lower rank\.learning_rate than 1e\+30"
    with pytest.raises(AscNasError, match=told):
        train_standalone(run, training)
    assert not training.file.exists()
    check_json(tmp_path)


def test_the_command_line_ends_with_a_sentence(tmp_path, recordings):
    from asc_nas.cli.main import app

    config = write_config(tmp_path / "tiny.yaml", data={"workers": 1})
    call = ["supernet", config, "--data", recordings, "--out", tmp_path / "run",
            "--set", f"supernet.learning_rate={TOO_HIGH}"]  # fmt: skip
    done = CliRunner().invoke(app, list(map(str, call)))
    assert isinstance(done.exception, AscNasError)
    assert "\n" not in str(done.exception)
