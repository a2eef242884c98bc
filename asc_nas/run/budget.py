"""A run sized to the time a user has: its work is measured first, and planned after every step."""

import math
import time
from collections.abc import Collection, Mapping
from dataclasses import asdict
from typing import Any

from asc_nas.core.errors import UsageError
from asc_nas.run.beginning import hand_made
from asc_nas.run.budget_file import Budget
from asc_nas.run.config import RunConfig, parse_duration
from asc_nas.run.folder import RunFolder
from asc_nas.run.standalone import standalone_trainings
from asc_nas.run.work import Work, measure, rehearsal
from asc_nas.search.history import read_generations

FEWEST = {"supernet.epochs": 5, "search.generations": 3, "rank.epochs": 10, "retrain.epochs": 10}
"""Epochs and generations below which the outcome would mean nothing."""

SURE_SECONDS = 5.0
"""Seconds of work that count as having gone as expected, so that very short steps tell little."""


def settings_of(config: RunConfig) -> dict[str, str]:
    """Return the setting that makes each step longer, in their order.

    Where hand-made networks are trained and nothing is searched, that is how long they are trained.
    """
    by_training = config.search.judge == "training"
    supernet = {"supernet": "supernet.epochs"} if config.search.trains_supernet else {}
    longer = by_training and not config.search.strategy.searches
    search = {"search": "rank.epochs" if longer else "search.generations"}
    return supernet | search | {"retrain": "retrain.epochs"}


def sizes_of(config: RunConfig) -> dict[str, int]:
    """Return the epochs or generations of each step, in their order."""
    sizes = {
        "supernet.epochs": config.supernet.epochs,
        "search.generations": config.search.rounds,
        "rank.epochs": config.rank.epochs,
        "retrain.epochs": config.retrain.epochs,
    }
    return {step: sizes[setting] for step, setting in settings_of(config).items()}


def fewest(config: RunConfig) -> dict[str, int]:
    """Return the smallest sensible size of each step.

    Of trainings the first round holds many and means much.
    """
    least = {step: FEWEST[setting] for step, setting in settings_of(config).items()}
    if config.search.judge == "training" and config.search.strategy.searches:
        least["search"] = 1
    return least


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
    least_of, settings_by_step = fewest(config), settings_of(config)
    fixed = dict(kept or {})
    if settings_by_step["search"] == "search.generations" and not config.search.strategy.searches:
        fixed["search"] = 1
    own = {step: size for step, size in sizes_of(config).items() if step not in fixed}

    def sizes(factor: float) -> dict[str, int]:
        return {step: max(least_of[step], round(size * factor)) for step, size in own.items()}

    def takes(factor: float) -> float:
        steps = work.of({**fixed, **sizes(factor)})
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
    settings: dict[str, Any] = {settings_by_step[step]: size for step, size in found.items()}
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
        work = measure(rehearsal(run))
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
            by_step = settings_of(run.config)
            planned = ", ".join(f"{by_step[name]} {size}" for name, size in ahead.items())
            text += f", about {_text(sum(work.of(ahead).values()))} of work ({planned})"
        run.listener.say(f"{text}.")

    def enough(self, generation: int) -> bool:
        """Tell, and say, whether the search must end after so many generations to keep the budget.

        Where they took longer than expected, fewer are planned than before: the steps after the
        search keep their share.
        """
        run, budget = self._run, self._budget
        if budget is None or run.config.budget is None:
            return False
        planned = sizes_of(run.config)
        if not run.config.search.strategy.searches or generation >= planned["search"]:
            return False
        took = time.monotonic() - self._since
        work = Work(**budget.work)
        if "search" not in self._begun:  # all of them were done in this call
            expected = work.of({"search": generation})
            work = _as_it_goes(
                budget.model_copy(
                    update={
                        "took": budget.took | {"search": took},
                        "expected": budget.expected | expected,
                    }
                )
            )
        left = parse_duration(run.config.budget) - sum(budget.took.values()) - took
        done = list(planned)[: list(planned).index("search")]
        kept = {step: planned[step] for step in planned if step in self._begun or step in done}
        kept.pop("search", None)
        whole = left + work.of({"search": generation})["search"]
        settings = plan(run.asked or run.config, work, whole, kept, done)
        if settings["search.generations"] > generation:
            return False
        run.listener.say(
            f"Budget {run.config.budget}: {_text(left)} left; the search ends after {generation} "
            f"of {planned['search']} generations."
        )
        return True

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
        expected, sizes = budget.expected, _sizes_done(self._run)
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
        "search": paths.history.exists() or _hand_made_begun(run),
        "retrain": any(paths.retrain("").glob("*/*.safetensors")),
    }
    return [step for step, it_is in begun.items() if it_is]


def _hand_made_begun(run: RunFolder) -> bool:
    """Whether a hand-made network has begun to be trained, as long as the run has it."""
    config = run.config
    if settings_of(config)["search"] != "rank.epochs" or not run.paths.manifest.exists():
        return False
    networks = hand_made(config, run.remaining_space())
    trainings = standalone_trainings(run, networks, run.standalone, 1, config.search.folds)
    return any(training.begun for training in trainings)


def _sizes_done(run: RunFolder) -> dict[str, int]:
    """Return the sizes of the steps; of the search, which may end early, what it has done."""
    sizes, history = sizes_of(run.config), run.paths.history
    if not (run.config.search.strategy.searches and history.exists()):
        return sizes
    return sizes | {"search": len(read_generations(history))}


def _as_it_goes(budget: Budget) -> Work:
    """Return the work, longer or shorter as the steps that are done were."""
    took = sum(budget.took[step] for step in budget.expected)
    factor = (took + SURE_SECONDS) / (sum(budget.expected.values()) + SURE_SECONDS)
    return Work(**{name: factor * seconds for name, seconds in budget.work.items()})


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
