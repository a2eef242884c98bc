"""Supernet training: the sampler's networks share each batch and each update."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Self

from pydantic import Field, NonNegativeInt, model_validator

from asc_nas.core.config import Amount, Workers
from asc_nas.core.documents import Document
from asc_nas.core.randomness import derived_seed
from asc_nas.data.examples import Examples
from asc_nas.evaluation.result import LoggedEpoch
from asc_nas.nn.supernet import Supernet
from asc_nas.space.genotype import Genotype
from asc_nas.space.search_space import SearchSpace
from asc_nas.training.broadening import broadened
from asc_nas.training.path_samplers import SAMPLERS, PathSampler
from asc_nas.training.path_schedule import PathSchedule, SpaceAt, Updates
from asc_nas.training.trainer import Step, TrainConfig, Trainer, steps_per_epoch


class SupernetConfig(TrainConfig):
    """Training settings of the shared weights."""

    group = "supernet"

    sampler: str = "strict_fair"
    """Which networks are trained in a step: `strict_fair` takes every candidate of every block
    equally often (FairNAS), `uniform` draws at random. They ranked networks equally well."""
    passes: Amount | None = None
    """Networks per optimiser step, each a forward and backward pass; null is the largest number of
    candidates in a block. Time grows with it. A number makes samplers and spaces comparable at an
    equal budget."""
    workers: Workers = 1
    """Processes that train together, on one thread each: in every step some of the passes are each
    one's. With 1 the supernet is trained on all threads of this one, of which small networks have
    little. Set it to the number of free cores, at most to that of the passes; a GPU trains by
    itself. Sums are in another order then, so the shared weights are others, about as good."""
    broadening_epochs: NonNegativeInt = 0
    """Epochs in which the narrower expansions and widths come in one by one (BS-NAS); 0: all are
    there from the start. For spaces with several; at most the first epoch in `shrinking.at`."""
    seed: NonNegativeInt | None = None
    """Seed of this training alone, to repeat it; null is the run's."""
    shadow_norms: bool = True
    """A batch norm per number of active kernels (MixPath), or one for all numbers. It matters if
    `space.max_paths` is above 1, and most without `search.recalibration`; with it they ranked
    networks equally well on ESC-50, and on spoken digits one better for 2 paths, several for 3."""
    distillation: float = Field(0.0, ge=0, le=1)
    """Share of the targets that the largest network gives, which is then trained in every step
    besides the sampler's networks (0: off). 0.5 did not improve the ranking on spoken digits."""

    @model_validator(mode="after")
    def _check_workers(self) -> Self:
        most = None if self.passes is None else self.passes + bool(self.distillation)
        if most is not None and self.workers > most:
            raise ValueError(
                f"{self.workers} workers divide the networks of a step, which are {most}; set "
                f"workers to {most} at most, or passes to more"
            )
        return self


class TrainingLog(Document):
    """``supernet/log.json``, see `Trainer.fit`."""

    format_name = "asc-nas/log/1"
    remedy = "restore it, or delete it: only the report reads it"

    epochs: list[LoggedEpoch]


@dataclass(frozen=True)
class SupernetLog:
    """What a training leaves besides the weights."""

    epochs: TrainingLog
    updates: Updates


def passes_of(config: SupernetConfig, space: SearchSpace) -> int:
    """Return how many networks of a space, before it shrinks, are trained in a step."""
    return SAMPLERS[config.sampler](space, 0, config.passes).passes + bool(config.distillation)


def train_supernet(
    supernet: Supernet,
    examples: Examples,
    trainer: Trainer,
    space_at: SpaceAt | None = None,
    heard_by: Callable[[Genotype], Examples] | None = None,
) -> SupernetLog:
    """Train the shared weights in place.

    Parameters
    ----------
    trainer : Trainer
        With a `SupernetConfig`.
    space_at : function from the number of epochs done to the space of the next epoch
        Asked before every epoch; None is always the supernet's. A resumed training asks for all
        epochs from the first, and must get what it got before.
    heard_by : function from a genotype to the same examples as it hears them
        Needed where that is searched.
    """
    config = trainer.config
    assert isinstance(config, SupernetConfig)

    def space_in_force(epoch: int) -> SearchSpace:
        space = supernet.space if space_at is None else space_at(epoch)
        return broadened(space, epoch, config.broadening_epochs)

    def new_sampler(space: SearchSpace, epoch: int) -> PathSampler:
        # Up to its first change of space, a training draws what one without changes draws.
        seed = trainer.seed
        phase_seed = derived_seed(seed, "space from epoch", epoch) if epoch else seed
        return SAMPLERS[config.sampler](space, phase_seed, config.passes)

    teachers = [supernet.space.largest()] if config.distillation else []
    schedule = PathSchedule(
        space_in_force, new_sampler, steps_per_epoch(examples, config), always=teachers
    )

    def steps(number: int) -> Step:
        genotypes = schedule.draw(number)
        passes = [partial(supernet, genotype=genotype) for genotype in genotypes]
        return Step(passes, examples if heard_by is None else heard_by(genotypes[0]))

    own = replace(
        trainer,
        name="supernet",
        distillation=config.distillation,
        hooks=replace(trainer.hooks, before_epoch=schedule.begin),
    )
    log = own.fit(supernet, examples, steps)
    schedule.catch_up(config.epochs)
    return SupernetLog(TrainingLog(epochs=log), Updates.of(schedule.phases, supernet.space))
