"""Training of several networks with several seeds, one after the other or side by side."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asc_nas.core.workers import run_jobs
from asc_nas.run.config import PipelineConfig
from asc_nas.run.folder import Context
from asc_nas.run.networks import NamedNetwork, retrain_step
from asc_nas.run.paths import RunPaths
from asc_nas.run.teachers import teacher_jobs, train_teacher
from asc_nas.training.trainer import Progress


@dataclass(frozen=True)
class TrainingJob:
    """One network to train with one seed; a worker opens the run itself."""

    config: PipelineConfig
    root: Path
    network: NamedNetwork
    seed: int
    run: str = ""

    def __str__(self) -> str:
        """Name the training in progress and errors; with its run where there are several."""
        run = f"{self.run}: " if self.run else ""
        return f"{run}{self.network.name}, seed {self.seed}"


def train_job(job: TrainingJob) -> dict[str, Any]:
    """Train, test and return the result; a finished one is read, an unfinished one goes on."""
    return retrain_step(Context(job.config, RunPaths(job.root)), job.network, job.seed)


def train_networks(
    context: Context,
    networks: Sequence[NamedNetwork],
    seeds: Sequence[int],
    workers: int,
    progress: Callable[[str], AbstractContextManager[Progress]],
) -> list[dict[str, Any]]:
    """Train every network with every seed and return the results, all seeds of a network in a row.

    See `train_in_runs`, of which this is the case of one run.
    """
    return train_in_runs([context], networks, seeds, workers, progress)


def train_in_runs(
    contexts: Sequence[Context],
    networks: Sequence[NamedNetwork],
    seeds: Sequence[int],
    workers: int,
    progress: Callable[[str], AbstractContextManager[Progress]],
) -> list[dict[str, Any]]:
    """Train every network with every seed in each of several runs, which share the workers.

    Returns the results, those of a run in a row, and in it all seeds of a network in a row. The
    result of one training on one thread does not depend on `workers`.

    Parameters
    ----------
    networks, seeds : one that is given twice is trained once
    workers : int
        With 1, trainings follow one another on all threads; otherwise so many run side by side, on
        one thread each.
    progress : from a title to what the progress under this title is told
        With one worker every training has its own, otherwise they share one.

    Raises
    ------
    AscNasError
        After all trainings, if some failed: which, and why.
    """
    opened = {context.paths.root.absolute(): context for context in contexts}
    jobs = [
        TrainingJob(context.config, root, network, seed, root.name if len(opened) > 1 else "")
        for root, context in opened.items()
        for network in dict.fromkeys(networks)
        for seed in dict.fromkeys(seeds)
    ]

    def train_here(job: TrainingJob) -> dict[str, Any]:
        with progress(f"Training {job}") as report:
            return retrain_step(opened[job.root], job.network, job.seed, report)

    if workers == 1:
        return run_jobs(train_here, jobs, workers)
    teachers = [job for c in opened.values() for job in teacher_jobs(c, c.config.retrain.roles)]
    if teachers:  # first, as every network needs them all
        with progress(f"Training {len(teachers)} teachers") as report:
            run_jobs(train_teacher, teachers, workers, report)
    with progress(f"Training {len(jobs)} networks") as report:
        report(0, len(jobs), f"{min(workers, len(jobs))} at a time")
        return run_jobs(train_job, jobs, workers, report)
