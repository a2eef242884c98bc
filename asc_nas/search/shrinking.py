"""Shrinking: candidates that do badly in the supernet are turned off while it trains.

The shrinking of BS-NAS (Shen et al., arXiv 2003.09821): at set epochs, sub-networks are judged with
the shared weights, a candidate's score is the mean over the sub-networks that contain it, and in
every block the worst go. What is left gets all further training, and is what is searched.
"""

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveInt, field_validator

from asc_nas.core.config import Amount, Config
from asc_nas.core.errors import UsageError
from asc_nas.core.randomness import derived_seed
from asc_nas.cost.counts import Cost
from asc_nas.search.evaluator import Evaluate
from asc_nas.search.feasibility import require_feasible
from asc_nas.search.limits import Limits
from asc_nas.search.objectives import Evaluation
from asc_nas.search.shrinking_log import ShrinkingEvent, Verdict, remaining
from asc_nas.space.genotype import Genotype
from asc_nas.space.search_space import SearchSpace
from asc_nas.training.path_samplers import StrictFairSampler

_SIGN = {"log_loss": 1.0, "macro_f1": -1.0}  # of a measure that is to be minimised


class ShrinkingConfig(Config):
    """When and how far the space shrinks while the supernet trains."""

    at: tuple[PositiveInt, ...] = Field(min_length=1)
    """Epochs of supernet training after which candidates go, in rising order: not before
    `supernet.broadening_epochs`, and before `supernet.epochs`."""
    keep: Amount = 6
    """Candidates per block after the last event; their number falls geometrically until then. The
    fewer, the more training each of them gets."""
    samples: Amount = 100
    """Sub-networks judged per event; every candidate of a block is in equally many (or one more).
    At least as many as a block has candidates; more of them take longer and judge more surely."""
    measure: Literal["log_loss", "macro_f1"] = "log_loss"
    """What sub-networks are judged by, on search-val. Log loss changes with every clip, macro-F1
    only with those that change sides."""
    cost_aware: bool = True
    """Judge a sub-network by what its measure is above or below that of the usual one with as many
    MACs (the residual of a regression on log MACs). Otherwise the cheap candidates would go first,
    and with them the cheap half of the Pareto front."""

    @field_validator("at")
    @classmethod
    def _check_at(cls, at: tuple[int, ...]) -> tuple[int, ...]:
        if list(at) != sorted(set(at)):
            raise ValueError("give the epochs in rising order, as in [30, 40, 50]")
        return at

    def check(self, space: SearchSpace, epochs: int, broadening_epochs: int) -> None:
        """Check the settings against the space and the training they are for.

        Raises
        ------
        UsageError
            If an event comes too late or too early, or has too few samples for every candidate.
        """
        if self.at[-1] >= epochs:
            raise UsageError(
                f"shrinking.at: {self.at[-1]} is not before the end of the supernet's training "
                f"(supernet.epochs is {epochs})."
            )
        if self.at[0] < broadening_epochs:
            raise UsageError(
                f"shrinking.at: {self.at[0]} is in the broadening, whose last candidates would be "
                f"judged untrained; begin at {broadening_epochs} (supernet.broadening_epochs)."
            )
        if self.samples < max(space.sizes):
            raise UsageError(
                f"shrinking.samples: {self.samples} sub-networks do not hold all "
                f"{max(space.sizes)} candidates of a block; give at least that many."
            )


def target_size(initial: int, keep: int, done: int, events: int) -> int:
    """Return a block's size after `done` of `events` events.

    Geometrically from `initial` to `keep`; a block of no more than `keep` candidates keeps them.
    """
    if initial <= keep:
        return initial
    return max(keep, round(initial * (keep / initial) ** (done / events)))


def residuals(values: NDArray[np.float64], macs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what a linear regression of `values` on log `macs` leaves, both (networks,)."""
    x, y = np.log(macs) - np.log(macs).mean(), values - values.mean()
    spread = float(x @ x)
    return y - x * (float(x @ y) / spread) if spread > 0 else y


def judge(
    space: SearchSpace,
    evaluations: Sequence[Evaluation],
    targets: Sequence[int],
    config: ShrinkingConfig,
    protected: Genotype | None = None,
) -> tuple[Verdict, ...]:
    """Return the verdict on every candidate of `space` from sub-networks that hold them all.

    Parameters
    ----------
    targets : number of candidates to keep, per block
    protected : Genotype, optional
        Its genes stay, whatever their score.
    """
    values = np.array([getattr(e, config.measure) for e in evaluations], dtype=np.float64)
    if config.cost_aware:
        values = residuals(values, np.array([e.macs for e in evaluations], dtype=np.float64))
    vectors = np.array([space.encode(e.genotype) for e in evaluations])
    verdicts = []
    for block, (genes, target) in enumerate(zip(space.candidates, targets, strict=True)):
        samples = np.bincount(vectors[:, block], minlength=len(genes))
        scores = np.bincount(vectors[:, block], weights=values, minlength=len(genes)) / samples
        order = np.argsort(_SIGN[config.measure] * scores, kind="stable")
        needed = np.array([protected is not None and g == protected.genes[block] for g in genes])
        kept = order[np.argsort(~needed[order], kind="stable")][:target]
        rank = np.argsort(order)
        verdicts += [
            Verdict(
                block=block,
                candidate=str(gene),
                score=float(scores[i]),
                samples=int(samples[i]),
                rank=int(rank[i]) + 1,
                protected=bool(needed[i]),
                kept=i in kept,
            )
            for i, gene in enumerate(genes)
        ]
    return tuple(verdicts)


class ShrinkingSchedule:
    """The space in force after a number of epochs; holds the events that are due.

    While limits are set, the genes of a genotype that meets them stay, so that the search has one
    to start from.

    Parameters
    ----------
    evaluate : judges sub-networks with the shared weights as they are at the time
    events : those held already; they are used as they are
    on_event : called with all events so far after each new one
    """

    def __init__(
        self,
        space: SearchSpace,
        config: ShrinkingConfig,
        evaluate: Evaluate,
        cost_of: Callable[[Genotype], Cost],
        limits: Limits,
        *,
        seed: int,
        events: Sequence[ShrinkingEvent] = (),
        on_event: Callable[[Sequence[ShrinkingEvent]], None] | None = None,
    ) -> None:
        self.space = space
        self.config = config
        self.evaluate = evaluate
        self.cost_of = cost_of
        self.limits = limits
        self.seed = seed
        self.events = list(events)
        self.on_event = on_event

    def __call__(self, epoch: int) -> SearchSpace:
        """Return the space of the epoch that follows `epoch` done ones."""
        for at in self.config.at[len(self.events) :]:
            if at <= epoch:
                self.events.append(self._hold(at))
                if self.on_event is not None:
                    self.on_event(self.events)
        return remaining(self.space, [event for event in self.events if event.epoch <= epoch])

    def _hold(self, epoch: int) -> ShrinkingEvent:
        config, space = self.config, remaining(self.space, self.events)
        done, total = len(self.events) + 1, len(config.at)
        targets = [target_size(size, config.keep, done, total) for size in self.space.sizes]
        seed = derived_seed(self.seed, "shrinking", epoch)
        vectors = StrictFairSampler(space, seed, config.samples).vectors(0)
        evaluations = self.evaluate([space.decode(vector) for vector in vectors])
        feasible = require_feasible(space, self.cost_of, self.limits)
        limited = bool(self.limits.excess(self.cost_of(feasible)))
        verdicts = judge(space, evaluations, targets, config, feasible if limited else None)
        return ShrinkingEvent.of(epoch, verdicts)
