"""Knowledge distillation: an ensemble that teaches the networks that are trained from scratch.

Hinton et al., arXiv 1503.02531; teacher and student see the same augmented batch (Beyer et al.,
arXiv 2106.05237). Teachers are trained by the recipe of the run, on the clips of their students.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from asc_nas.core.locks import taking_turns
from asc_nas.core.randomness import derived_seed
from asc_nas.nn.committee import Committee
from asc_nas.run.config import PipelineConfig
from asc_nas.run.folder import Context
from asc_nas.run.paths import RunPaths
from asc_nas.space.genotype import Genotype
from asc_nas.training import checkpoint
from asc_nas.training.network_trainer import new_network, train_network
from asc_nas.training.trainer import Progress, Teacher, to_channels_last

Roles = tuple[str, ...]


@dataclass(frozen=True)
class TeacherJob:
    """One teacher to train; a worker opens the run itself."""

    config: PipelineConfig
    root: Path
    roles: Roles
    number: int

    def __str__(self) -> str:
        """Name the training in progress and errors."""
        return f"teacher {self.number}"


def teacher_jobs(context: Context, roles: Roles) -> list[TeacherJob]:
    """Return a job for each teacher of networks trained on `roles` that is not trained yet."""
    teacher = context.config.retrain.teacher
    numbers = range(teacher.members if teacher else 0)
    root = context.paths.root.absolute()
    jobs = [TeacherJob(context.config, root, roles, number) for number in numbers]
    return [job for job in jobs if not _weights(context, roles, job.number).exists()]


def train_teacher(job: TeacherJob, progress: Progress | None = None) -> None:
    """Train one teacher; a finished one is kept, an unfinished one goes on."""
    context = Context(job.config, RunPaths(job.root))
    weights = _weights(context, job.roles, job.number)
    with taking_turns(weights.parent, lambda text: None):
        if weights.exists():
            return
        genotype, seed = _genotype(context), derived_seed(job.config.seed, "teacher", job.number)
        state_file = weights.with_name("state.safetensors")
        network, _ = train_network(
            context.spec(genotype),
            context.examples(*job.roles),
            job.config.retrain,
            seed=seed,
            state_file=state_file,
            on_epoch=context.events.counter("teacher", "epoch", weights.parent.name),
            progress=progress,
        )
        checkpoint.save(weights, network, {"genotype": str(genotype)})
        state_file.unlink(missing_ok=True)


def teacher_of(context: Context, roles: Roles, progress: Progress | None = None) -> Teacher | None:
    """Return the ensemble that teaches networks trained on `roles`, trained here if it is not yet.

    None if the config has no teacher.
    """
    teacher = context.config.retrain.teacher
    if teacher is None:
        return None
    for job in teacher_jobs(context, roles):
        train_teacher(job, progress)
    networks: list[torch.nn.Module] = []
    for number in range(teacher.members):
        network = new_network(context.spec(_genotype(context)), 0)
        checkpoint.load(_weights(context, roles, number), network)
        networks.append(to_channels_last(network.eval()))
    return mean_posteriors(networks), teacher.share


def mean_posteriors(networks: Sequence[torch.nn.Module]) -> Callable[[Tensor], Tensor]:
    """Return the function from a batch to the mean of the networks' posteriors (n, classes)."""
    committee = Committee(networks).eval()

    @torch.no_grad()
    def teach(x: Tensor) -> Tensor:
        return committee(x).softmax(1)

    return teach


def _genotype(context: Context) -> Genotype:
    teacher = context.config.retrain.teacher
    assert teacher is not None
    return teacher.genotype(len(context.config.skeleton.block_plans))


def _weights(context: Context, roles: Roles, number: int) -> Path:
    return context.paths.teacher(f"{number}-{'+'.join(roles)}") / "model.safetensors"
