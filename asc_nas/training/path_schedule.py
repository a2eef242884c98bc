"""Which networks a supernet training draws when its space changes on the way, and how often."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Self

from asc_nas.core.documents import Count, Document, Part
from asc_nas.space.genotype import Gene, Genotype
from asc_nas.space.search_space import SearchSpace
from asc_nas.training.path_samplers import PathSampler

SpaceAt = Callable[[int], SearchSpace]
"""The schedule of a training: from the number of epochs done to the space of the next one."""


@dataclass
class Phase:
    """A stretch of epochs with one space.

    Attributes
    ----------
    epoch : int
        Epochs done before its first one.
    steps : int
        Optimiser steps drawn so far.
    updates : per block, how often each candidate was trained
    """

    epoch: int
    sampler: PathSampler
    steps: int = 0
    updates: list[Counter[Gene]] = field(init=False)

    def __post_init__(self) -> None:
        self.updates = [Counter() for _ in self.sampler.space.candidates]


class PathSchedule:
    """The networks of every optimiser step, drawn from the space in force, and their counts.

    Every change of the space begins a phase with a sampler of its own.

    Parameters
    ----------
    space_at : asked before every epoch
    new_sampler : function from a space and the phase's first epoch to its sampler
    steps_per_epoch : int
    always : genotypes
        Trained in every step besides the sampler's, and counted.
    """

    def __init__(
        self,
        space_at: SpaceAt,
        new_sampler: Callable[[SearchSpace, int], PathSampler],
        steps_per_epoch: int,
        always: Sequence[Genotype] = (),
    ) -> None:
        self.phases: list[Phase] = []
        self._space_at = space_at
        self._new_sampler = new_sampler
        self._steps_per_epoch = steps_per_epoch
        self._always = tuple(always)
        self._epochs = 0  # begun so far

    def begin(self, epoch: int) -> None:
        """Begin the epoch that follows `epoch` done ones."""
        self.catch_up(epoch)
        space = self._space_at(epoch)
        if not self.phases or space != self.phases[-1].sampler.space:
            self.phases.append(Phase(epoch, self._new_sampler(space, epoch)))
        self._epochs = epoch + 1

    def catch_up(self, epoch: int) -> None:
        """Draw again the epochs before `epoch` that were trained before a resumption."""
        for missed in range(self._epochs, epoch):
            self.begin(missed)
            for step in range(missed * self._steps_per_epoch, (missed + 1) * self._steps_per_epoch):
                self.draw(step)

    def draw(self, step: int) -> tuple[Genotype, ...]:
        """Return the networks of optimiser step `step`, counted from the training's start."""
        phase = self.phases[-1]
        number = step - phase.epoch * self._steps_per_epoch
        drawn = phase.sampler.step(number)
        genotypes = (*(genotype.hearing_as(drawn[0]) for genotype in self._always), *drawn)
        phase.steps += 1
        for genotype in genotypes:
            for count, gene in zip(phase.updates, genotype, strict=True):
                count[gene] += 1
        return genotypes


class BlockUpdates(Part):
    """How often each candidate of a block was trained, and the fewest and most of them."""

    min: Count
    max: Count
    updates: dict[str, Count]


class PhaseUpdates(Part):
    """The counts of one `Phase`."""

    epoch: Count
    steps: Count
    passes_per_step: Count
    blocks: list[BlockUpdates]


class Updates(Document):
    """``updates.json``: how often each candidate was trained, in all and in every phase."""

    format_name = "asc-nas/updates/1"
    remedy = "restore it, or delete it: only the report reads it"

    steps: Count
    blocks: list[BlockUpdates]
    phases: list[PhaseUpdates]

    @classmethod
    def of(cls, phases: Sequence[Phase], space: SearchSpace) -> Self:
        """Return the counts; `space` is the whole one, whose candidates the total lists."""
        total: list[Counter[Gene]] = [
            sum(counts, Counter()) for counts in zip(*(p.updates for p in phases), strict=True)
        ]
        return cls(
            steps=sum(phase.steps for phase in phases),
            blocks=_blocks(space, total),
            phases=[
                PhaseUpdates(
                    epoch=phase.epoch,
                    steps=phase.steps,
                    passes_per_step=phase.sampler.passes,
                    blocks=_blocks(phase.sampler.space, phase.updates),
                )
                for phase in phases
            ],
        )


def _blocks(space: SearchSpace, updates: Sequence[Counter[Gene]]) -> list[BlockUpdates]:
    counts = [
        {str(gene): count[gene] for gene in genes}
        for genes, count in zip(space.candidates, updates, strict=True)
    ]
    return [BlockUpdates(min=min(c.values()), max=max(c.values()), updates=c) for c in counts]
