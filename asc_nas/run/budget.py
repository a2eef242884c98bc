"""A run sized to the time a user has: the work of every step is measured first, on a sample."""

import math
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from asc_nas.core.errors import UsageError
from asc_nas.core.randomness import stream
from asc_nas.data.examples import Examples
from asc_nas.nn.supernet import init_supernet
from asc_nas.run.config import RunConfig
from asc_nas.run.folder import Budget, RunFolder
from asc_nas.run.population import evaluator_of
from asc_nas.training.network_trainer import train_network
from asc_nas.training.supernet_trainer import train_supernet
from asc_nas.training.trainer import Trainer, steps_per_epoch

FEWEST = {"supernet": 5, "generations": 3, "retrain": 10}
"""Epochs and generations below which the outcome would mean nothing."""

EXPORT_SECONDS = 4.0
"""Test, export and comparison of one network."""

START_SECONDS = 5.0
"""Start of worker processes."""


@dataclass(frozen=True)
class Work:
    """Seconds that a run takes per unit of each step, on this data and machine.

    Attributes
    ----------
    supernet_epoch, generation : float
    retrain_epoch : float
        One epoch of all trainings, in as many rounds as `retrain.workers` makes of them.
    rest : float
        What does not grow: shrinking, exports, start-up.
    """

    supernet_epoch: float
    generation: float
    retrain_epoch: float
    rest: float

    def seconds(self, supernet: int, generations: int, retrain: int) -> float:
        """Return how long a run of this size takes."""
        return (
            self.supernet_epoch * supernet
            + self.generation * generations
            + self.retrain_epoch * retrain
            + self.rest
        )


def plan(config: RunConfig, work: Work, seconds: float) -> dict[str, Any]:
    """Return the settings that fill `seconds`: the config's own sizes, all in one proportion.

    Raises
    ------
    UsageError
        If the smallest sensible run takes longer.
    """
    own = (config.supernet.epochs, config.search.generations, config.retrain.epochs)

    def sizes(factor: float) -> tuple[int, int, int]:
        fewest = FEWEST.values()
        supernet, generations, retrain = (
            max(least, round(size * factor)) for least, size in zip(fewest, own, strict=True)
        )
        return supernet, generations, retrain

    least = work.seconds(*sizes(0))
    if least > seconds:
        raise UsageError(
            f"--budget: too short; the smallest sensible run of this config takes about "
            f"{math.ceil(least)} s here, and {max(0, int(seconds))} s are left. Give it more time, "
            "a smaller space or fewer retrain.members."
        )
    low, high = 0.0, 1.0
    while work.seconds(*sizes(high)) <= seconds:
        low, high = high, high * 2
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if work.seconds(*sizes(middle)) <= seconds else (low, middle)
    supernet, generations, retrain = sizes(low)
    settings: dict[str, Any] = {
        "supernet.epochs": supernet,
        "search.generations": generations,
        "retrain.epochs": retrain,
    }
    share = supernet / config.supernet.epochs
    broadening = int(config.supernet.broadening_epochs * share)
    if config.supernet.broadening_epochs:
        settings["supernet.broadening_epochs"] = broadening
    if config.shrinking is not None:
        settings["shrinking.at"] = _events(config.shrinking.at, share, broadening, supernet)
    return settings


def decide_sizes(run: RunFolder, seconds: float) -> dict[str, Any]:
    """Size the run to `seconds` from now, write ``budget.json`` and return the settings in it.

    Raises
    ------
    UsageError
        If the smallest sensible run takes longer.
    """
    if run.config.search.judge != "supernet":
        raise UsageError(
            "--budget: it sizes searches that a supernet judges; with search.judge=training set "
            "search.strategy.first, search.population and search.generations."
        )
    start = time.perf_counter()
    work = measure(run)
    left = seconds - (time.perf_counter() - start)
    settings = plan(run.config, work, left)
    Budget(seconds=left, work=asdict(work), settings=settings).write(run.paths.budget)
    return settings


def _events(at: tuple[int, ...], share: float, broadening: int, epochs: int) -> list[int]:
    """Return the epochs after which the space shrinks, all different and within the training."""
    first = broadening + 1
    places = [min(epochs - 1, max(first, round(epoch * share))) for epoch in at]
    return sorted(set(places))


def measure(run: RunFolder) -> Work:
    """Return the work of a run, measured on some steps of each kind; takes some seconds."""
    config = run.config
    train = run.examples("train")
    retrained = run.examples(*config.retrain.roles)
    rng = stream(config.seed, "budget")
    space = config.search_space()
    supernet = run.new_supernet()
    init_supernet(supernet, torch.Generator().manual_seed(0))
    judge = evaluator_of(run, supernet)
    once = {"epochs": 1, "warmup_epochs": 0, "ema_decay": 0.0}

    # What is retrained comes from the Pareto set, most of which is cheaper than random networks.
    drawn = [space.sample(rng) for _ in range(12)]
    networks = sorted(drawn, key=lambda genotype: run.cost(genotype).macs)[:4]

    def train_shared(steps: int) -> None:
        part = _some(train, steps * config.supernet.batch_size)
        settings = config.supernet.model_copy(update={**once, "broadening_epochs": 0})
        with tempfile.TemporaryDirectory() as folder:
            train_supernet(supernet, part, Trainer(settings, 0, Path(folder) / "state"))

    def train_alone(steps: int) -> None:
        part = _some(retrained, steps * config.retrain.batch_size)
        settings = config.retrain.model_copy(update=once)
        for genotype in networks:
            with tempfile.TemporaryDirectory() as folder:
                trainer = Trainer(settings, 0, Path(folder) / "state")
                train_network(run.spec(genotype), part, trainer)

    shared_step = _seconds_of_one(train_shared, 1, 3)
    with _threads_of(config.retrain.workers):
        alone_step = _seconds_of_one(train_alone, 2, 6) / len(networks)
    few = min(16, config.search.population)
    genotypes = list(dict.fromkeys(space.sample(rng) for _ in range(few + 1)))
    with _threads_of(config.search.workers):
        evaluation = _seconds_of_one(lambda count: judge(genotypes[:count]), 1, len(genotypes))

    trainings = config.retrain.members + len(config.baselines)
    rounds = math.ceil(trainings / config.retrain.workers)
    twin = int(config.retrain.calibrate and config.retrain.use_search_val)
    if config.retrain.teacher is not None:  # those of all networks, and the twin's own
        teachers = config.retrain.teacher.members
        rounds += math.ceil(teachers / config.retrain.workers)
        twin += twin * teachers
    events = 0 if config.shrinking is None else len(config.shrinking.at)
    samples = 0 if config.shrinking is None else config.shrinking.samples
    return Work(
        shared_step * steps_per_epoch(train, config.supernet),
        evaluation * config.search.population / config.search.workers,
        alone_step * steps_per_epoch(retrained, config.retrain) * (rounds + twin),
        evaluation * events * samples
        + EXPORT_SECONDS * (config.retrain.members + 1)
        + START_SECONDS * ((config.retrain.workers > 1) + (config.search.workers > 1)),
    )


@contextmanager
def _threads_of(workers: int) -> Iterator[None]:
    """Compute on as many threads as one of `workers` processes does."""
    before = torch.get_num_threads()
    torch.set_num_threads(before if workers == 1 else 1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _some(examples: Examples, count: int) -> Examples:
    """Return `count` examples, repeated if there are fewer."""
    chosen = np.arange(count) % len(examples)
    return replace(
        examples,
        rows=examples.rows[chosen],
        targets=examples.targets[chosen],
        clips=examples.clips[chosen],
    )


def _seconds_of_one(work: Callable[[int], Any], few: int, many: int) -> float:
    """Return the seconds of one unit, from the difference of two amounts of work."""
    work(many)  # memory and kernels are there after this
    moments = [time.perf_counter()]
    for amount in (few, many):
        work(amount)
        moments.append(time.perf_counter())
    start, middle, end = moments
    return max(1e-6, ((end - middle) - (middle - start)) / (many - few))
