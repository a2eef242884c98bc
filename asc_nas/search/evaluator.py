"""Judging genotypes with the supernet's weights, each one once."""

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import torch

from asc_nas.cost.counts import Cost
from asc_nas.data.examples import Examples
from asc_nas.evaluation.scores import Scores
from asc_nas.nn.supernet import Supernet
from asc_nas.search.objectives import Evaluation
from asc_nas.space.genotype import Genotype
from asc_nas.training.network_trainer import score_network
from asc_nas.training.recalibration import recalibrate
from asc_nas.training.trainer import to_channels_last

CostOf = Callable[[Genotype], Cost]


class Evaluate(Protocol):
    """Anything that judges genotypes."""

    def __call__(self, genotypes: Sequence[Genotype]) -> list[Evaluation]:
        """Return one evaluation per genotype, in order."""


class SupernetEvaluator:
    """Extract, recalibrate the batch norms on training clips, score on search-val, one by one.

    The plain version that `asc_nas.search.prefix_evaluator` must equal.

    Parameters
    ----------
    calibration : Examples
        Training clips; batch norms are recalibrated on at most `max_calibration` of their examples,
        evenly spaced, in fixed batches.
    search_val : Examples
    cost_of : function from genotype to cost
    recalibration : bool
        Whether a candidate gets batch-norm statistics of its own; else it is judged with those that
        all candidates left behind in training.
    """

    def __init__(
        self,
        supernet: Supernet,
        calibration: Examples,
        search_val: Examples,
        cost_of: CostOf,
        *,
        max_calibration: int = 512,
        batch_size: int = 64,
        recalibration: bool = True,
    ) -> None:
        self.supernet = supernet
        self.search_val = search_val
        self.cost_of = cost_of
        self.recalibration = recalibration
        # Evenly spaced examples, so that every class and session of an ordered manifest is there.
        count = min(len(calibration), max_calibration)
        chosen = (torch.arange(count) * len(calibration) // count).numpy()
        self.calibration = [
            calibration.batch(chosen[start : start + batch_size])[0].contiguous(
                memory_format=torch.channels_last
            )
            for start in range(0, count, batch_size)
            if start == 0 or count - start > 1
        ]

    def __call__(self, genotypes: Sequence[Genotype]) -> list[Evaluation]:
        """Return one evaluation per genotype, in order."""
        return [self._evaluate(genotype) for genotype in genotypes]

    def _evaluate(self, genotype: Genotype) -> Evaluation:
        network = to_channels_last(self.supernet.extract(genotype))
        if self.recalibration:
            recalibrate(network, self.calibration)
        return self._evaluation(genotype, score_network(network, self.search_val))

    def _evaluation(self, genotype: Genotype, scores: Scores) -> Evaluation:
        cost = self.cost_of(genotype)
        return Evaluation(
            genotype,
            scores.macro_f1,
            scores.accuracy,
            scores.log_loss,
            cost.macs,
            cost.params,
            cost.latency_ms,
        )


class CachedEvaluator:
    """Remembers what was judged; one cache belongs to one supernet and one search-val split."""

    def __init__(self, evaluate: Evaluate, known: Iterable[Evaluation] = ()) -> None:
        self._evaluate = evaluate
        self.known = {evaluation.genotype: evaluation for evaluation in known}

    def __call__(self, genotypes: Sequence[Genotype]) -> list[Evaluation]:
        """Return one evaluation per genotype, in order; only new ones are computed."""
        new = list(dict.fromkeys(g for g in genotypes if g not in self.known))
        for evaluation in self._evaluate(new):
            self.known[evaluation.genotype] = evaluation
        return [self.known[genotype] for genotype in genotypes]
