"""The device is no part of what a run is: it may change, and one that is absent is told at once."""

import pytest
import torch
from tiny import TINY, asc_nas

from asc_nas.core.errors import UsageError
from asc_nas.run.jobs import Job
from asc_nas.run.run import Run


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.fixture
def two_gpus(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)


def test_an_absent_device_is_told_before_anything_is_written(no_gpu, tmp_path):
    for options in ({"device": "cuda"}, {"settings": {"compute.device": "cuda"}}):
        with pytest.raises(UsageError, match=r"device 'cuda': .* can use no CUDA GPU here"):
            Run.open(TINY, out=tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()
    with pytest.raises(UsageError, match=r"'compute.device': no device is called so; give auto"):
        Run.open(TINY, settings={"compute.device": "gpu"})


def test_the_command_line_tells_of_a_device_there_is_not(tiny_run):
    done = asc_nas("train", tiny_run.paths.root, "baseline", "--device", "cuda:7")
    assert done.returncode == 2
    assert "device 'cuda:7': PyTorch" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_an_argument_comes_before_the_setting_and_goes_to_the_workers(two_gpus):
    settings = {"compute.device": "cuda:1"}
    assert Run.open(TINY).device == "cpu"
    assert Run.open(TINY, settings=settings).device == "cuda:1"
    run = Run.open(TINY, settings=settings, device="cpu")
    assert run.device == "cpu"
    run = Run.open(TINY, device="auto")
    assert run.device == Job.of(run, print, 1).run().device == "cuda"


def test_a_run_goes_on_elsewhere_and_is_still_the_same(tiny_run, two_gpus):
    settings = {"compute.device": "cuda:1", "compute.precision": "bfloat16"}
    again = Run.open(tiny_run.paths.root, settings=settings)
    assert again.device == "cuda:1"
    assert again.evaluation_scope() == tiny_run.evaluation_scope()
    assert Run.open(tiny_run.paths.root).device == "cpu"  # what was only asked is not kept


def test_weights_are_drawn_alike_for_every_device(two_gpus, tiny_run):
    run = Run.open(tiny_run.paths.root, device="cuda")
    assert {value.device.type for value in run.new_supernet().state_dict().values()} == {"cpu"}
