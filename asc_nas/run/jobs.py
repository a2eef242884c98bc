"""The independent jobs of a run, which its executor spreads over processes or machines.

A job is small, can be done again, and keeps what it did in files.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asc_nas.core.progress import Progress, unheard
from asc_nas.core.workers import run_jobs
from asc_nas.run.config import RunConfig
from asc_nas.run.folder import RunFolder
from asc_nas.run.paths import RunPaths
from asc_nas.training.device import prepare_process

Step = Callable[[RunFolder, Any], Any]
"""From a run and an item to its result; importable by name, as it goes to other processes."""


@dataclass(frozen=True)
class Job:
    """A step with one item; small, as a worker opens the run itself."""

    step: Step
    item: Any
    config: RunConfig
    root: Path
    device: str

    @classmethod
    def of(cls, run: RunFolder, step: Step, item: Any) -> "Job":
        """Return the job of doing `step` for `item` in a run."""
        return cls(step, item, run.config, run.paths.root.absolute(), run.device)

    def __str__(self) -> str:
        return str(self.item)

    def run(self) -> RunFolder:
        """Open the run, in whatever process this is."""
        prepare_process(self.device)
        return RunFolder(self.config, RunPaths(self.root), device=self.device)


def do(job: Job) -> Any:
    """Do a job, in whatever process this is."""
    return job.step(job.run(), job.item)


def spread(
    run: RunFolder, jobs: Sequence[Job], workers: int, progress: Progress = unheard
) -> list[Any]:
    """Do all jobs with the executor of `run`; return their results in order.

    Raises
    ------
    AscNasError
        After all jobs, if some failed: which, and why.
    """
    executor = None if run.stays_here(workers) else run.new_executor()
    return run_jobs(do, jobs, run.most_workers(workers), progress, executor)
