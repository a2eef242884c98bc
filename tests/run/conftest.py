"""A tiny run whose supernet and baseline are trained, for the steps that need them."""

import pytest
from tiny import write_config

from asc_nas.run.run import Run
from data_prep.synthetic import Plan, generate


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny")
    generate(folder / "recordings", 0, Plan.tiny(), workers=1)
    config = write_config(
        folder / "tiny.yaml",
        data={"workers": 1},
        rank={"networks": 4, "repeats": 2, "epochs": 1, "batch_size": 8},
    )
    run = Run.open(config, folder / "recordings", out=folder / "run")
    run.supernet()
    run.train("baseline")
    return run
