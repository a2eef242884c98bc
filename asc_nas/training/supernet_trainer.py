"""Supernet training: the sampler's networks share each batch and each update."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import Field, NonNegativeInt, PositiveInt

from asc_nas.core.randomness import derived_seed
from asc_nas.data.examples import Examples
from asc_nas.nn.supernet import Supernet
from asc_nas.space.search_space import SearchSpace
from asc_nas.training.broadening import broadened
from asc_nas.training.path_samplers import SAMPLERS, PathSampler
from asc_nas.training.path_schedule import PathSchedule, SpaceAt, updates_document
from asc_nas.training.trainer import OnEpoch, Progress, TrainConfig, fit, steps_per_epoch


class SupernetConfig(TrainConfig):
    """Training settings of the shared weights.

    Attributes
    ----------
    sampler : str
        Name of the path sampler, see `path_samplers`.
    passes : int or None
        Forward and backward passes per optimiser step; None is the largest number of candidates in
        a block. A number makes samplers and spaces comparable at an equal budget.
    broadening_epochs : int
        Epochs in which the narrower expansions and widths come in one by one, see `broadening`
        (0: all are there from the start).
    seed : int or None
        Another seed than the run's, to repeat this training alone.
    shadow_norms : bool
        A batch norm per number of active kernels (MixPath), or one for all numbers.
    distillation : float
        Share of the targets that the largest network gives, which is then trained in every step
        besides the sampler's networks (0: off).
    """

    sampler: str = "strict_fair"
    passes: PositiveInt | None = None
    broadening_epochs: NonNegativeInt = 0
    seed: NonNegativeInt | None = None
    shadow_norms: bool = True
    distillation: float = Field(0.0, ge=0, le=1)


@dataclass(frozen=True)
class SupernetLog:
    """What a training leaves besides the weights, as plain data.

    Attributes
    ----------
    epochs : one entry per epoch, see `loop.fit`
    updates : how often each candidate was trained, see `path_schedule.updates_document`
    """

    epochs: list[dict[str, Any]]
    updates: dict[str, Any]


def train_supernet(
    supernet: Supernet,
    examples: Examples,
    config: SupernetConfig,
    *,
    seed: int,
    state_file: Path,
    space_at: SpaceAt | None = None,
    on_epoch: OnEpoch | None = None,
    progress: Progress | None = None,
) -> SupernetLog:
    """Train the shared weights in place.

    Parameters
    ----------
    space_at : function from the number of epochs done to the space of the next epoch
        Asked before every epoch; None is always the supernet's. A resumed training asks for all
        epochs from the first, and must get what it got before.
    """

    def space_in_force(epoch: int) -> SearchSpace:
        space = supernet.space if space_at is None else space_at(epoch)
        return broadened(space, epoch, config.broadening_epochs)

    def new_sampler(space: SearchSpace, epoch: int) -> PathSampler:
        # Up to its first change of space, a training draws what one without changes draws.
        phase_seed = derived_seed(seed, "space from epoch", epoch) if epoch else seed
        return SAMPLERS[config.sampler](space, phase_seed, config.passes)

    teachers = [supernet.space.largest()] if config.distillation else []
    schedule = PathSchedule(
        space_in_force, new_sampler, steps_per_epoch(examples, config), always=teachers
    )

    def passes(step: int) -> list[partial]:
        return [partial(supernet, genotype=genotype) for genotype in schedule.draw(step)]

    log = fit(
        supernet,
        passes,
        examples,
        config,
        seed=seed,
        name="supernet",
        state_file=state_file,
        distillation=config.distillation,
        before_epoch=schedule.begin,
        on_epoch=on_epoch,
        progress=progress,
    )
    schedule.catch_up(config.epochs)
    return SupernetLog(log, updates_document(schedule.phases, supernet.space))
