"""How long the steps of a run take on this data and machine: some of each are measured."""

import math
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from asc_nas.core.randomness import derived_seed, stream
from asc_nas.data.examples import Examples
from asc_nas.data.feature_store import FeatureStore, Index, store_shape
from asc_nas.export.quantisation_aware import quantisation_aware
from asc_nas.nn.supernet import init_supernet
from asc_nas.run.beginning import hand_made, size_limits
from asc_nas.run.folder import RunFolder
from asc_nas.run.helpers import ranks_of
from asc_nas.run.parts import split_of, trained_on
from asc_nas.run.population import evaluator_of
from asc_nas.run.teachers import teacher_of
from asc_nas.search.strategies import new_strategy
from asc_nas.space.genotype import Genotype
from asc_nas.training.device import threads_of
from asc_nas.training.network_trainer import fit_network, new_network
from asc_nas.training.supernet_trainer import passes_of, train_supernet
from asc_nas.training.trainer import Teacher, TrainConfig, Trainer, steps_per_epoch

EXPORT_SECONDS = 4.0
"""Test, export and comparison of one network."""

START_SECONDS = 5.0
"""Start of worker processes."""

ONCE = {"epochs": 1, "warmup_epochs": 0, "ema_decay": 0.0}
"""What is measured is trained for one epoch."""


@dataclass(frozen=True)
class Work:
    """Seconds that a run takes per unit of each step, on this data and machine.

    Attributes
    ----------
    supernet_epoch, generation : float
    retrain_epoch : float
        One epoch of all trainings, in as many rounds as `retrain.workers` makes of them.
    shrinking : float
        All of it.
    rest : float
        What does not grow: exports, start-up.
    first : float
        What the first generation takes more than others: a strategy may begin with more networks.
        Where there is one round of trainings alone, `generation` is an epoch of all of them.
    """

    supernet_epoch: float
    generation: float
    retrain_epoch: float
    shrinking: float
    rest: float
    first: float = 0.0

    def of(self, sizes: Mapping[str, int]) -> dict[str, float]:
        """Return how long each step takes at these sizes."""
        steps = {
            "supernet": (self.supernet_epoch, self.shrinking),
            "search": (self.generation, self.first),
            "retrain": (self.retrain_epoch, self.rest),
        }
        return {step: steps[step][0] * size + steps[step][1] for step, size in sizes.items()}


def rehearsal(run: RunFolder) -> RunFolder:
    """Return the run with made-up features, so that it can be measured before there are any."""
    manifest = run.first or run.manifest
    clips, stores = manifest.clips, {}
    keys, channels = tuple(c.key for c in clips), tuple(c.channels for c in clips)
    for frontend in run.config.frontends():
        settings = frontend.model_dump()
        index = Index(settings, frontend.fingerprint, "", keys, channels, complete=True)
        shape = store_shape(index, frontend)
        one = np.random.default_rng(0).normal(-60, 10, shape[1:]).astype(np.float16)
        folder = run.paths.features_of(frontend, run.config.frontend)
        stores[frontend] = FeatureStore(folder, index, np.broadcast_to(one, shape))
    made_up = replace(run, first=None, asked=None, _stores=stores)
    made_up.manifest = manifest
    return made_up


def measure(run: RunFolder) -> Work:
    """Return the work of a run, measured on some steps of each kind; takes some seconds."""
    config, search = run.config, run.config.search
    searchers, trainers = map(run.most_workers, (search.workers, config.retrain.workers))
    trained_on = [own for own, _ in split_of(run, search.folds)]
    rng = stream(config.seed, "budget")
    space = config.search_space()
    drawn = [space.sample(rng) for _ in range(12)]
    shared_epoch, evaluation, first = 0.0, 0.0, 0.0
    if search.trains_supernet:
        shared_epoch, evaluation = _shared_work(run, trained_on, searchers)
    if search.judge == "supernet":
        generation = evaluation * search.population / searchers
    else:
        begins_with = _first_candidates(run)
        some = _quartiles(begins_with) or drawn[:4]
        with threads_of(searchers):
            training = _epoch_alone(run, config.rank, trained_on, some)
        rounds_of_first = math.ceil(len(begins_with) / searchers)
        if search.strategy.searches:
            training *= config.rank.epochs
            generation = training * math.ceil(search.population / searchers)
            first = training * rounds_of_first - generation
            generation += evaluation * search.strategy.asks / searchers
        else:  # what grows is how long they are trained
            generation = training * rounds_of_first
    # What is retrained comes from the Pareto set, most of which is cheaper than random networks.
    cheaper = sorted(drawn, key=lambda genotype: run.cost(genotype).macs)[:4]
    with threads_of(trainers):
        retrain_epoch = _retraining(run, cheaper, trainers)
    events = 0 if config.shrinking is None else len(config.shrinking.at)
    samples = 0 if config.shrinking is None else config.shrinking.samples
    return Work(
        shared_epoch,
        generation,
        retrain_epoch,
        evaluation * events * samples,
        EXPORT_SECONDS * (config.retrain.members + 1)
        + START_SECONDS * ((trainers > 1) + (searchers > 1)),
        first,
    )


def _retraining(run: RunFolder, members: Sequence[Genotype], workers: int) -> float:
    """Return the seconds of an epoch of all networks that are trained from scratch.

    Members of the Pareto set are like `members`; hand-made networks and teachers are as they are.
    """
    config, settings = run.config, run.config.retrain
    clips = run.examples(*settings.roles)

    def epoch(networks: Sequence[Genotype], teacher: Teacher | None = None) -> float:
        seconds = _epoch_alone(run, settings, [clips], networks, teacher)
        if share := settings.qat_share:  # whose epochs take longer
            longer = _epoch_alone(run, settings, [clips], networks, teacher, qat_share=1.0)
            seconds += share * (longer - seconds)
        return seconds

    teachers: list[float] = []
    teacher = None
    if settings.teacher is not None and settings.teacher.trained:
        count = settings.teacher.trained
        genotype = settings.teacher.genotype(len(config.skeleton.block_plans))
        teachers = [epoch([genotype])] * count
        untrained = [new_network(run.spec(genotype), seed) for seed in range(count)]
        teacher = teacher_of(run, untrained, settings.teacher.share)
    member = epoch(members, teacher)
    students = [member] * settings.members
    beside = config.beside_members
    students += [epoch([config.fixed_genotype(name)], teacher) for name in beside]
    twin = settings.calibrate and settings.use_search_val  # has teachers of its own
    alone = twin * (member + sum(teachers))
    return _in_rounds(teachers, workers) + _in_rounds(students, workers) + alone


def _epoch_alone(
    run: RunFolder,
    settings: TrainConfig,
    parts: Sequence[Examples],
    networks: Sequence[Genotype],
    teacher: Teacher | None = None,
    qat_share: float = 0.0,
) -> float:
    """Return the seconds of an epoch of one of these networks, the mean, on every part."""
    once = settings.model_copy(update=ONCE)
    # Networks that hear otherwise take longer or shorter: each is trained on what it hears.
    heard = [run.examples("train", frontend=run.frontend(genotype)) for genotype in networks]

    def train(steps: int) -> None:
        for genotype, examples in zip(networks, heard, strict=True):
            part = _some(examples, steps * settings.batch_size)
            with tempfile.TemporaryDirectory() as folder:
                trainer = replace(_trainer(run, once, Path(folder)), teacher=teacher)
                network = new_network(run.spec(genotype), trainer.seed)
                in_integers = quantisation_aware(network, part, once, qat_share)
                fit_network(network, part, trainer, in_integers)

    step = _seconds_of_one(train, 2, 6) / len(networks)
    return step * sum(steps_per_epoch(part, settings) for part in parts)


def _in_rounds(trainings: Sequence[float], workers: int) -> float:
    """Return the seconds of trainings, so many of them side by side."""
    if not trainings:
        return 0.0
    return sum(trainings) / len(trainings) * math.ceil(len(trainings) / workers)


def _quartiles(genotypes: Sequence[Genotype]) -> list[Genotype]:
    """Return the middle of every quarter."""
    return [genotypes[(2 * i + 1) * len(genotypes) // 8] for i in range(4) if genotypes]


def _first_candidates(run: RunFolder) -> list[Genotype]:
    """Return what the search begins with, the cheapest first."""
    search = run.config.search.model_copy(update={"limits": size_limits(run.config)})
    seed = derived_seed(run.config.seed, "search")
    space = run.remaining_space()
    strategy = new_strategy(search, space, run.cost, seed, hand_made(run.config, space))
    return sorted(strategy.ask(), key=lambda genotype: run.cost(genotype).macs)


def _shared_work(run: RunFolder, parts: Sequence[Examples], searchers: int) -> tuple[float, float]:
    """Return the seconds of an epoch of all parts' supernets, and of judging a network."""
    config, helpers = run.config, ranks_of(run)
    supernet = run.new_supernet()
    init_supernet(supernet, torch.Generator().manual_seed(0))
    hear = trained_on(run, 0)

    def train_shared(steps: int) -> None:
        part = _some(parts[0], steps * config.supernet.batch_size)
        settings = config.supernet.model_copy(update={**ONCE, "broadening_epochs": 0})
        with tempfile.TemporaryDirectory() as folder:
            heard = lru_cache(maxsize=None)(lambda frontend: _some(hear(frontend), len(part)))
            trainer = _trainer(run, settings, Path(folder))
            train_supernet(supernet, part, trainer, heard_by=lambda g: heard(run.frontend(g)))

    steps = sum(steps_per_epoch(part, config.supernet) for part in parts)
    with threads_of(helpers):
        epoch = _seconds_of_one(train_shared, 1, 3) * steps
    passes = passes_of(config.supernet, config.search_space())
    epoch *= math.ceil(passes / helpers) / passes
    space, rng = config.search_space(), stream(config.seed, "budget")
    few = min(16, config.search.population)
    genotypes = list(dict.fromkeys(space.sample(rng) for _ in range(few + 1)))
    judge = evaluator_of(run, [supernet] * len(parts))
    with threads_of(searchers):
        return epoch, _seconds_of_one(lambda count: judge(genotypes[:count]), 1, len(genotypes))


def _trainer(run: RunFolder, settings: TrainConfig, folder: Path) -> Trainer:
    """Return what trains on the device of the run."""
    precision = run.config.compute.precision
    return Trainer(settings, 0, folder / "state", device=run.device, precision=precision)


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
