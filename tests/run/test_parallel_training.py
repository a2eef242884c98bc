"""Trainings side by side give what they give one after the other, and fail one by one."""

import contextlib
import json
import shutil
from dataclasses import replace

import pytest
import torch
from edited import document
from tiny import asc_nas, write_config

from asc_nas.core.errors import AscNasError
from asc_nas.core.progress import Listener
from asc_nas.run.folder import RunFolder
from asc_nas.run.networks import find_network
from asc_nas.run.paths import RunPaths
from asc_nas.run.preparation import prepare
from asc_nas.run.training import train_networks
from data_prep.synthetic import Plan, generate

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def context(tmp_path_factory):
    folder = tmp_path_factory.mktemp("parallel")
    generate(folder / "recordings", 0, Plan.tiny(), workers=1)
    run = RunFolder.open(
        write_config(folder / "tiny.yaml"), folder / "recordings", ["data.workers=1"],
        out=folder / "run",
    )  # fmt: skip
    with run.lock():
        prepare(run)
    return run


def elsewhere(context: RunFolder, folder) -> RunFolder:
    """Return the same run with an empty place for its networks."""
    folder.mkdir()
    for name in ("data", "features"):
        (folder / name).symlink_to((context.paths.root / name).absolute())
    return replace(context, paths=RunPaths(folder))


class Told(Listener):
    """Collects what progress is told."""

    def __init__(self):
        self.titles, self.reports = [], []

    @contextlib.contextmanager
    def stage(self, title):
        self.titles.append(title)
        yield lambda *report: self.reports.append(report)


@pytest.fixture
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def train(context, names, seeds, workers):
    told = Told()
    networks = [find_network(context, name) for name in names]
    return train_networks([replace(context, listener=told)], networks, seeds, workers), told


def test_a_training_in_a_worker_equals_one_on_one_thread_here(context, tmp_path, one_thread):
    here, there = elsewhere(context, tmp_path / "here"), elsewhere(context, tmp_path / "there")
    names, seeds = ("baseline", "square", "baseline"), (0, 1)
    expected, own = train(here, names, seeds, 1)
    found, shared = train(there, names, seeds, 2)
    assert found == expected
    assert [(r.network, r.seed) for r in found] == [
        ("baseline", 0), ("baseline", 1), ("square", 0), ("square", 1)
    ]  # fmt: skip
    for name in ("baseline", "baseline-seed1", "square", "square-seed1"):
        weights = [c.paths.retrain(name) / "model.safetensors" for c in (here, there)]
        assert weights[0].read_bytes() == weights[1].read_bytes()
    assert own.titles[1] == "Training baseline, seed 1"  # with one worker, each has its progress
    assert own.reports[0][:2] == (1, 2)  # of epochs
    assert shared.titles == ["Training 4 networks"]
    assert [report[:2] for report in shared.reports] == [(n, 4) for n in range(5)]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_training_that_fails_is_named_and_the_others_are_done(context, tmp_path, workers):
    run = elsewhere(context, tmp_path / "run")
    train(context, ["baseline"], [1], 1)
    trained = find_network(context, "baseline").folder(context, 1).path / "result.json"
    taken = find_network(run, "baseline").folder(run, 1).path / "result.json"
    shutil.copytree(trained.parent, taken.parent)
    taken.write_text(json.dumps(document(trained) | {"genotype": "t3e3w1"}))
    with pytest.raises(AscNasError, match=r"1 of 3 jobs failed: baseline, seed 1: .*holds another"):
        train(run, ["baseline"], [0, 1, 2], workers)
    results = sorted(path.parent.name for path in run.paths.root.glob("retrain/*/result.json"))
    assert results == ["baseline", "baseline-seed1", "baseline-seed2"]


def test_the_command_line_takes_several_seeds_and_workers(context):
    root = context.paths.root
    done = asc_nas("train", root, "square", "--seed", 3, "--seed", 4, "--workers", 2)
    assert done.returncode == 0, done.stderr
    assert "Training 2 networks: 2/2" in done.stderr
    rows = [line for line in done.stdout.splitlines() if line.startswith(" square")]
    assert [line.split()[:2] for line in rows] == [
        ["square", "3"], ["square", "4"]
    ]  # fmt: skip
    changed = asc_nas("train", root, "square", "--seed", 3, "--set", "retrain.workers=2")
    assert changed.returncode == 0, changed.stderr
