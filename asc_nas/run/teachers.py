"""Knowledge distillation: an ensemble that teaches the networks that are trained from scratch.

Hinton et al., arXiv 1503.02531; teacher and student see the same augmented batch (Beyer et al.,
arXiv 2106.05237). Teachers are trained by the recipe of the run, on the clips of their students.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from asc_nas.core.progress import Progress, unheard
from asc_nas.core.randomness import derived_seed
from asc_nas.nn.committee import Committee
from asc_nas.run.folder import RunFolder
from asc_nas.run.network_folder import NetworkFolder, Recipe
from asc_nas.training.device import to_device
from asc_nas.training.trainer import Teacher

Roles = tuple[str, ...]


@dataclass(frozen=True)
class TeacherNumber:
    """One teacher of networks trained on clips with these roles."""

    roles: Roles
    number: int

    def __str__(self) -> str:
        return f"teacher {self.number}"

    def folder(self, run: RunFolder) -> NetworkFolder:
        """Return the folder of its network."""
        teacher = run.config.retrain.teacher
        assert teacher is not None
        genotype = teacher.genotype(len(run.config.skeleton.block_plans))
        seed = derived_seed(run.config.seed, "teacher", self.number)
        path = run.paths.teacher(f"{self.number}-{'+'.join(self.roles)}")
        return NetworkFolder(run, path, genotype, seed)


def teachers_of(run: RunFolder, roles: Roles) -> list[TeacherNumber]:
    """Return the teachers of networks trained on `roles`; none if the config has no teacher."""
    teacher = run.config.retrain.teacher
    return [TeacherNumber(roles, number) for number in range(teacher.trained if teacher else 0)]


def train_teacher(run: RunFolder, teacher: TeacherNumber, progress: Progress = unheard) -> None:
    """Train one teacher; a finished one is kept, an unfinished one goes on."""
    folder = teacher.folder(run)
    if not folder.is_done():
        with folder.turn():
            folder.ensure(Recipe(run.config.retrain, teacher.roles, "teacher"), progress)


def taught_recipe(
    run: RunFolder, roles: Roles, progress: Progress = unheard, step: str = "retrain"
) -> Recipe:
    """Return how networks of a run are trained from scratch on `roles`.

    Their teachers, if the config has any, are trained here if they are not yet.
    """
    settings = run.config.retrain
    recipe = Recipe(
        settings,
        roles,
        step,
        qat_share=settings.qat_share,
        start_from=settings.start_from,
        frozen_share=settings.frozen_share,
        started_rate=settings.started_rate,
    )
    if settings.teacher is None:
        return recipe
    if settings.teacher.logits:
        return replace(recipe, taught_by=settings.teacher)
    networks: list[torch.nn.Module] = []
    for teacher in teachers_of(run, roles):
        train_teacher(run, teacher, progress)
        networks.append(teacher.folder(run).load())
    return replace(recipe, teacher=teacher_of(run, networks, settings.teacher.share))


def teacher_of(run: RunFolder, networks: Sequence[torch.nn.Module], share: float) -> Teacher:
    """Return trained networks as what a trainer is taught by, on the device of the run."""
    precision = run.config.compute.precision
    return mean_posteriors([to_device(each, run.device, precision) for each in networks]), share


def mean_posteriors(networks: Sequence[torch.nn.Module]) -> Callable[[Tensor], Tensor]:
    """Return the function from a batch to the mean of the networks' posteriors (n, classes)."""
    committee = Committee(networks).eval()

    @torch.no_grad()
    def teach(x: Tensor) -> Tensor:
        return committee(x).softmax(1)

    return teach
