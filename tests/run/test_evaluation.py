"""A generation judged by several processes gets the scores that one gives it."""

import multiprocessing

import numpy as np
import pytest
import torch
from tiny import write_config

from asc_nas.core.errors import AscNasError
from asc_nas.run.folder import RunFolder
from asc_nas.run.population import population_evaluator, supernet_evaluator
from asc_nas.run.preparation import prepare
from asc_nas.run.search import train_supernet
from data_prep.synthetic import Plan, generate

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def context(tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluation")
    generate(folder / "recordings", 0, Plan.tiny(), workers=1)
    run = RunFolder.open(
        write_config(folder / "tiny.yaml"), folder / "recordings", ["data.workers=1"],
        out=folder / "run",
    )  # fmt: skip
    prepare(run)
    train_supernet(run)
    return run


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def genotypes(context):
    rng = np.random.default_rng(0)
    return [context.config.search_space().sample(rng) for _ in range(7)]


def test_two_processes_give_what_one_gives_in_the_same_order(context, genotypes):
    repeated = [*genotypes, genotypes[0]]
    expected = supernet_evaluator(context)(repeated)
    with population_evaluator(context, 2) as judge:
        assert judge(repeated) == expected
        assert judge(repeated[::-1]) == expected[::-1]
        assert judge([]) == []


def test_a_worker_that_dies_is_told_in_one_sentence(context, genotypes):
    with population_evaluator(context, 2) as judge:
        judge(genotypes)
        for process in multiprocessing.active_children():
            process.kill()
        with pytest.raises(AscNasError, match=r"worker process died.*search\.workers"):
            judge(genotypes)
