"""How long the steps of a run take: measured on some of each, without what every call costs."""

from types import SimpleNamespace

import pytest
import torch
from tiny import write_config

from asc_nas.run import work as work_module
from asc_nas.run.config import FixedNetwork
from asc_nas.run.folder import RunFolder
from asc_nas.run.parts import split_of
from asc_nas.run.preparation import prepare
from asc_nas.search.strategies import STRATEGIES
from asc_nas.training.trainer import steps_per_epoch
from data_prep.synthetic import Plan, generate


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("work")
    generate(folder, 0, Plan.tiny(), workers=1)
    return folder


def test_the_difference_of_two_amounts_is_timed(monkeypatch):
    clock = iter([0.0, 5.0, 5.0 + 5.0 + 3.0 * 4])  # 4 more units take 12 s more
    monkeypatch.setattr(work_module.time, "perf_counter", lambda: next(clock))
    assert work_module._seconds_of_one(lambda amount: None, 2, 6) == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("folds", "qat_share", "workers"), [(1, 0.0, 1), (2, 0.0, 1), (1, 0.25, 1), (1, 0.0, 2)]
)
def test_the_work_is_measured_without_what_every_call_costs(
    folds, qat_share, workers, recordings, tmp_path, monkeypatch
):
    """An epoch in integers takes twice as long here; of five passes a worker has three."""
    supernet = {"passes": 4, "distillation": 0.5, "workers": workers}
    config = write_config(tmp_path / "tiny.yaml", search={"folds": folds}, supernet=supernet)
    run = RunFolder.open(
        config, recordings, [f"retrain.qat_share={qat_share}"], out=tmp_path / "run"
    )
    prepare(run)
    now = 0.0

    def train_for(seconds, batch_size):
        def train(network, part, trainer, steps=None, **others):
            nonlocal now
            in_integers = steps is not None and steps(0).passes[0] is not network
            now += 7 + (1 + in_integers) * seconds * len(part) / batch_size

        return train

    def judge(genotypes):
        nonlocal now
        now += 7 + 3 * len(genotypes)

    supernet, retrain = run.config.supernet, run.config.retrain
    monkeypatch.setattr(work_module, "time", SimpleNamespace(perf_counter=lambda: now))
    monkeypatch.setattr(work_module, "train_supernet", train_for(2, supernet.batch_size))
    monkeypatch.setattr(work_module, "fit_network", train_for(0.5, retrain.batch_size))
    monkeypatch.setattr(work_module, "evaluator_of", lambda run, supernets: [*supernets] and judge)
    work = work_module.measure(run)
    parts = [own for own, _ in split_of(run, folds)]
    epoch = 2 * sum(steps_per_epoch(own, supernet) for own in parts)
    assert work.supernet_epoch == pytest.approx(epoch * {1: 1, 2: 3 / 5}[workers])
    assert work.generation == 3 * run.config.search.population
    trainings = 2 + 2 + 1  # members, baselines, and the twin for calibration
    steps = steps_per_epoch(run.examples("train", "search_val"), retrain)
    assert work.retrain_epoch == pytest.approx((1 + qat_share) * 0.5 * steps * trainings)
    assert work.rest == 3 * work_module.EXPORT_SECONDS


@pytest.mark.parametrize("workers", [1, 2])
def test_hand_made_networks_and_teachers_are_measured_themselves(
    workers, recordings, tmp_path, monkeypatch
):
    """A step takes as long as a network has kernels, and what teaches it is asked in every step."""
    dear, teacher = "t3+t5e2w1 f3+f5e2w1", "t3+t5e1w1 f3e1w1"
    space = {"max_paths": 1, "skip": False}
    changes = {"space": space, "baselines": {"dear": {"network": dear}}}
    config = write_config(tmp_path / "tiny.yaml", **changes)
    changes = [
        f"retrain.teacher={{network: '{teacher}', members: 2}}",
        f"retrain.workers={workers}",
    ]
    run = RunFolder.open(config, recordings, changes, out=tmp_path / "run")
    prepare(run)
    now = 0.0

    def train(network, part, trainer, steps):
        nonlocal now
        kernels = sum(m.groups > 1 for m in network.modules() if isinstance(m, torch.nn.Conv2d))
        taught = 0 if trainer.teacher is None else 100
        now += 7 + (kernels + taught) * len(part) / trainer.config.batch_size

    monkeypatch.setattr(work_module, "time", SimpleNamespace(perf_counter=lambda: now))
    monkeypatch.setattr(work_module, "fit_network", train)
    monkeypatch.setattr(work_module, "_shared_work", lambda *_: (0.0, 0.0))
    work = work_module.measure(run)
    steps = steps_per_epoch(run.examples("train", "search_val"), run.config.retrain)
    member, twin = 100 + 2, 100 + 2 + 2 * 3  # the twin has teachers of its own
    students = 2 * member + 2 * (100 + 2) + (100 + 4)  # members, the tiny config's two, and it
    in_rounds = {1: 2 * 3 + students, 2: 3 + students / 5 * 3}[workers]
    assert work.retrain_epoch == pytest.approx(steps * (in_rounds + twin))


@pytest.mark.parametrize(("folds", "workers"), [(1, 1), (2, 3)])
def test_of_a_search_by_trainings_a_training_is_measured_with_folds_and_workers(
    folds, workers, recordings, tmp_path, monkeypatch
):
    search = {"judge": "training", "folds": folds, "workers": workers, "population": 4}
    search |= {"strategy": {"name": "surrogate", "first": 8}}
    rank = {"epochs": 5, "batch_size": 8}
    config = write_config(tmp_path / "tiny.yaml", search=search, rank=rank)
    run = RunFolder.open(config, recordings, ["data.workers=1"], out=tmp_path / "run")
    prepare(run)
    now = 0.0

    def train(network, part, trainer, steps):
        nonlocal now
        now += 7 + 0.5 * len(part) / trainer.config.batch_size

    monkeypatch.setattr(work_module, "time", SimpleNamespace(perf_counter=lambda: now))
    monkeypatch.setattr(work_module, "fit_network", train)
    monkeypatch.setattr(work_module, "train_supernet", None)  # there is none
    work = work_module.measure(run)
    steps = sum(steps_per_epoch(own, run.config.rank) for own, _ in split_of(run, folds))
    training = 0.5 * steps * 5
    assert work.supernet_epoch == 0
    assert work.generation == pytest.approx(training * {1: 4, 3: 2}[workers])
    assert work.of({"search": 1})["search"] == pytest.approx(training * {1: 8, 3: 3}[workers])
    more = work.of({"search": 3})["search"] - work.of({"search": 2})["search"]
    assert more == pytest.approx(work.generation)

    search = run.config.search
    asking = STRATEGIES["surrogate"](name="surrogate", first=8, supernet=True)
    with_supernet = search.model_copy(update={"strategy": asking})
    run.config = run.config.model_copy(update={"search": with_supernet})
    monkeypatch.setattr(work_module, "_shared_work", lambda *_: (11.0, 3.0))
    asked = work_module.measure(run)
    assert asked.supernet_epoch == 11
    for rounds in 1, 3:
        longer = asked.of({"search": rounds})["search"] - work.of({"search": rounds})["search"]
        assert longer == pytest.approx(rounds * 3 * asking.asks / workers)

    once = search.model_copy(update={"strategy": STRATEGIES["hand_made"](name="hand_made")})
    baselines = {
        name: FixedNetwork(kernels=("t3", "f3"), expansion=(expansion,))
        for name, expansion in (("narrow", 1.5), ("wide", 3.0))
    }
    run.config = run.config.model_copy(update={"search": once, "baselines": baselines})
    both = training * {1: 2, 3: 1}[workers]
    assert work_module.measure(run).of({"search": 5}) == pytest.approx({"search": both})


@pytest.mark.slow
def test_no_measurement_goes_on_from_the_state_of_another(recordings, tmp_path, monkeypatch):
    seen = []

    def fresh(train):
        def start(network, examples, trainer, *others, **named):
            seen.append(trainer.state_file.exists())
            return train(network, examples, trainer, *others, **named)

        return start

    for name in ("train_supernet", "fit_network"):
        monkeypatch.setattr(work_module, name, fresh(getattr(work_module, name)))
    config = write_config(tmp_path / "tiny.yaml")
    run = RunFolder.open(config, recordings, ["data.workers=1"], out=tmp_path / "run")
    prepare(run)
    work_module.measure(run)
    assert len(seen) == 3 + 3 * (4 + len(run.config.baselines))
    assert not any(seen)
