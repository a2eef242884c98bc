"""A run sized to the time a user has: its work is measured first, and planned after every step."""

import math
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from asc_nas.core.errors import UsageError
from asc_nas.core.randomness import stream
from asc_nas.data.examples import Examples
from asc_nas.data.feature_store import FeatureStore, Index, store_shape
from asc_nas.nn.supernet import init_supernet
from asc_nas.run.config import RunConfig, parse_duration
from asc_nas.run.folder import Budget, RunFolder
from asc_nas.run.parts import split_of
from asc_nas.run.population import evaluator_of
from asc_nas.space.genotype import Genotype
from asc_nas.training.network_trainer import train_network
from asc_nas.training.supernet_trainer import train_supernet
from asc_nas.training.trainer import TrainConfig, Trainer, steps_per_epoch

FEWEST = {"supernet": 5, "search": 3, "retrain": 10}
"""Epochs and generations below which the outcome would mean nothing, in the order of the steps."""

SETTING = {
    "supernet": "supernet.epochs",
    "search": "search.generations",
    "retrain": "retrain.epochs",
}

SURE_SECONDS = 5.0
"""Seconds of work that count as having gone as expected, so that very short steps tell little."""

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
    """

    supernet_epoch: float
    generation: float
    retrain_epoch: float
    shrinking: float
    rest: float

    def of(self, sizes: Mapping[str, int]) -> dict[str, float]:
        """Return how long each step takes at these sizes."""
        steps = {
            "supernet": (self.supernet_epoch, self.shrinking),
            "search": (self.generation, 0.0),
            "retrain": (self.retrain_epoch, self.rest),
        }
        return {step: steps[step][0] * size + steps[step][1] for step, size in sizes.items()}


def sizes_of(config: RunConfig) -> dict[str, int]:
    """Return the epochs or generations of each step, in their order."""
    supernet = {"supernet": config.supernet.epochs}
    others = {"search": config.search.generations, "retrain": config.retrain.epochs}
    return (supernet if config.search.judge == "supernet" else {}) | others


def plan(
    config: RunConfig,
    work: Work,
    seconds: float,
    kept: Mapping[str, int] | None = None,
    done: Collection[str] = (),
) -> dict[str, Any]:
    """Return the settings that fill `seconds`: the config's own sizes, all in one proportion.

    Parameters
    ----------
    kept : sizes of steps that have begun, which stay as they are
        With it the smallest sensible sizes are taken where all is too long.
    done : steps that take no more time

    Raises
    ------
    UsageError
        If nothing has begun, and the smallest sensible run takes longer.
    """
    own = {step: size for step, size in sizes_of(config).items() if step not in (kept or {})}

    def sizes(factor: float) -> dict[str, int]:
        return {step: max(FEWEST[step], round(size * factor)) for step, size in own.items()}

    def takes(factor: float) -> float:
        steps = work.of({**(kept or {}), **sizes(factor)})
        return sum(seconds for step, seconds in steps.items() if step not in done)

    least = takes(0)
    if least > seconds and kept is None:
        raise UsageError(
            f"--budget: too short; the smallest sensible run of this config takes about "
            f"{math.ceil(least)} s here, and {max(0, int(seconds))} s are left. Give it more time, "
            "a smaller space or fewer retrain.members."
        )
    low, high = 0.0, 1.0
    while own and takes(high) <= seconds:
        low, high = high, high * 2
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if takes(middle) <= seconds else (low, middle)
    found = sizes(low)
    settings: dict[str, Any] = {SETTING[step]: size for step, size in found.items()}
    if "supernet" in found:
        share = found["supernet"] / config.supernet.epochs
        broadening = int(config.supernet.broadening_epochs * share)
        if config.supernet.broadening_epochs:
            settings["supernet.broadening_epochs"] = broadening
        if config.shrinking is not None:
            at = _events(config.shrinking.at, share, broadening, found["supernet"])
            settings["shrinking.at"] = at
    return settings


class Pace:
    """Keeps a run to its budget, if it has one: plans its sizes, and again after every step.

    A step that took longer than expected, as on a machine with other work, makes those after it
    smaller. The time of an interrupted call counts; of a killed one only that of its whole steps.

    Parameters
    ----------
    start : when the budget began (`time.monotonic`)

    Raises
    ------
    UsageError
        If the smallest sensible run takes longer; nothing is written before that is known.
    """

    def __init__(self, run: RunFolder, start: float) -> None:
        self._run, self._since, self._begun = run, start, _begun(run)
        self._budget: Budget | None = None
        if run.config.budget is None:
            return
        if run.paths.budget.exists():
            self._budget = Budget.read(run.paths.budget)
            return
        work = measure(_rehearsal(run))
        left = parse_duration(run.config.budget) - (time.monotonic() - start)
        kept = {step: size for step, size in sizes_of(run.config).items() if step in self._begun}
        settings = plan(run.asked or run.config, work, left, kept or None)
        self._budget = Budget(seconds=left, work=asdict(work), settings=settings)

    def step(self, step: str) -> None:
        """Plan what is left when `step` is done, write ``budget.json``, and say the time left."""
        run, budget = self._run, self._counted(step)
        if budget is None or run.config.budget is None:
            return
        sizes = sizes_of(run.config)
        done = list(sizes)[: list(sizes).index(step) + 1] if step in sizes else []
        self._begun = _begun(run)
        kept = {name: sizes[name] for name in sizes if name in self._begun or name in done}
        left = parse_duration(run.config.budget) - sum(budget.took.values())
        work = _as_it_goes(budget)
        settings = budget.settings | plan(run.asked or run.config, work, left, kept, done)
        self._budget = budget.model_copy(update={"seconds": left, "settings": settings})
        self._budget.write(run.paths.budget)
        run.apply_budget()
        ahead = {name: size for name, size in sizes_of(run.config).items() if name not in done}
        text = f"Budget {run.config.budget}: {_text(left)} left"
        if ahead:
            planned = ", ".join(f"{SETTING[name]} {size}" for name, size in ahead.items())
            text += f", about {_text(sum(work.of(ahead).values()))} of work ({planned})"
        run.listener.say(f"{text}.")

    def stop(self) -> None:
        """Count the time of a step that was stopped."""
        budget = self._counted("stopped")
        if budget is not None and self._run.paths.budget.exists():
            budget.write(self._run.paths.budget)

    def _counted(self, step: str) -> Budget | None:
        """Return the budget with the time since the last step counted as that of `step`."""
        budget, now = self._budget, time.monotonic()
        if budget is None:
            return None
        took = budget.took | {step: budget.took.get(step, 0.0) + now - self._since}
        expected, sizes = budget.expected, sizes_of(self._run.config)
        if step in sizes and step not in self._begun:
            expected = expected | {step: Work(**budget.work).of(sizes)[step]}
        self._since = now
        self._budget = budget.model_copy(update={"took": took, "expected": expected})
        return self._budget


def _begun(run: RunFolder) -> list[str]:
    """Return the steps that have begun, whose sizes stay as they are."""
    paths = run.paths
    begun = {
        "supernet": any(s.weights.exists() or s.state.exists() for s in run.supernets),
        "search": paths.history.exists(),
        "retrain": any(paths.retrain("").glob("*/*.safetensors")),
    }
    return [step for step, it_is in begun.items() if it_is]


def _as_it_goes(budget: Budget) -> Work:
    """Return the work, longer or shorter as the steps that are done were."""
    took = sum(budget.took[step] for step in budget.expected)
    factor = (took + SURE_SECONDS) / (sum(budget.expected.values()) + SURE_SECONDS)
    return Work(**{name: factor * seconds for name, seconds in budget.work.items()})


def _rehearsal(run: RunFolder) -> RunFolder:
    """Return the run with made-up features, so that it can be measured before there are any."""
    manifest = run.first or run.manifest
    frontend, clips = run.config.frontend, manifest.clips
    keys, channels = tuple(c.key for c in clips), tuple(c.channels for c in clips)
    index = Index(frontend.model_dump(), frontend.fingerprint, "", keys, channels, complete=True)
    shape = store_shape(index, frontend)
    one = np.random.default_rng(0).normal(-60, 10, shape[1:]).astype(np.float16)
    rehearsal = replace(run, first=None, asked=None)
    rehearsal.manifest = manifest
    rehearsal.store = FeatureStore(run.paths.features, index, np.broadcast_to(one, shape))
    return rehearsal


def _text(seconds: float) -> str:
    """Return a time as a budget is given: ``1h05m``, ``3m20s``, ``12s``."""
    whole = max(0, round(seconds))
    if whole >= 3600:
        return f"{whole // 3600}h{whole // 60 % 60:02d}m"
    return f"{whole // 60}m{whole % 60:02d}s" if whole >= 60 else f"{whole}s"


def _events(at: tuple[int, ...], share: float, broadening: int, epochs: int) -> list[int]:
    """Return the epochs after which the space shrinks, all different and within the training."""
    first = broadening + 1
    places = [min(epochs - 1, max(first, round(epoch * share))) for epoch in at]
    return sorted(set(places))


def measure(run: RunFolder) -> Work:
    """Return the work of a run, measured on some steps of each kind; takes some seconds."""
    config = run.config
    trained_on = [own for own, _ in split_of(run, config.search.folds)]
    retrained = run.examples(*config.retrain.roles)
    rng = stream(config.seed, "budget")
    space = config.search_space()
    drawn = [space.sample(rng) for _ in range(12)]
    # What is retrained comes from the Pareto set, most of which is cheaper than random networks.
    cheaper = sorted(drawn, key=lambda genotype: run.cost(genotype).macs)[:4]

    def alone(
        settings: TrainConfig, parts: Sequence[Examples], networks: Sequence[Genotype]
    ) -> float:
        """Return the seconds of an epoch of one network on every part."""
        once = settings.model_copy(update=ONCE)

        def train(steps: int) -> None:
            part = _some(parts[0], steps * settings.batch_size)
            for genotype in networks:
                with tempfile.TemporaryDirectory() as folder:
                    trainer = Trainer(once, 0, Path(folder) / "state")
                    train_network(run.spec(genotype), part, trainer)

        step = _seconds_of_one(train, 2, 6) / len(networks)
        return step * sum(steps_per_epoch(part, settings) for part in parts)

    if config.search.judge == "supernet":
        shared_epoch, evaluation = _shared_work(run, trained_on)
    else:
        with _threads_of(config.search.workers):
            epoch = alone(config.rank, trained_on, drawn[:4])
        shared_epoch, evaluation = 0.0, epoch * config.rank.epochs
    with _threads_of(config.retrain.workers):
        alone_epoch = alone(config.retrain, [retrained], cheaper)

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
        shared_epoch,
        evaluation * config.search.population / config.search.workers,
        alone_epoch * (rounds + twin),
        evaluation * events * samples,
        EXPORT_SECONDS * (config.retrain.members + 1)
        + START_SECONDS * ((config.retrain.workers > 1) + (config.search.workers > 1)),
    )


def _shared_work(run: RunFolder, parts: Sequence[Examples]) -> tuple[float, float]:
    """Return the seconds of an epoch of all parts' supernets, and of judging a network."""
    config = run.config
    supernet = run.new_supernet()
    init_supernet(supernet, torch.Generator().manual_seed(0))

    def train_shared(steps: int) -> None:
        part = _some(parts[0], steps * config.supernet.batch_size)
        settings = config.supernet.model_copy(update={**ONCE, "broadening_epochs": 0})
        with tempfile.TemporaryDirectory() as folder:
            train_supernet(supernet, part, Trainer(settings, 0, Path(folder) / "state"))

    steps = sum(steps_per_epoch(part, config.supernet) for part in parts)
    epoch = _seconds_of_one(train_shared, 1, 3) * steps
    space, rng = config.search_space(), stream(config.seed, "budget")
    few = min(16, config.search.population)
    genotypes = list(dict.fromkeys(space.sample(rng) for _ in range(few + 1)))
    judge = evaluator_of(run, [supernet] * len(parts))
    with _threads_of(config.search.workers):
        return epoch, _seconds_of_one(lambda count: judge(genotypes[:count]), 1, len(genotypes))


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
