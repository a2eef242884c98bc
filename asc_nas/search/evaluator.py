"""Judging genotypes with the supernet's weights, each one once."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from asc_nas.cost.counts import Cost
from asc_nas.data.examples import Examples
from asc_nas.data.loading import Loader
from asc_nas.evaluation.scores import score
from asc_nas.nn.supernet import Supernet
from asc_nas.search.objectives import SCORES, Evaluation
from asc_nas.space.genotype import Genotype
from asc_nas.training.device import laid_out, to_device
from asc_nas.training.recalibration import recalibrate
from asc_nas.training.trainer import posteriors

CostOf = Callable[[Genotype], Cost]


class Evaluate(Protocol):
    """Anything that judges genotypes."""

    def __call__(self, genotypes: Sequence[Genotype]) -> list[Evaluation]:
        """Return one evaluation per genotype, in order."""


@dataclass(frozen=True)
class JudgedPart:
    """A supernet with clips that it was trained on, and clips that it has not seen."""

    supernet: Supernet
    trained_on: Examples
    held_out: Examples


class SupernetEvaluator:
    """Extract, recalibrate the batch norms on training clips, score on unseen ones, one by one.

    The plain version that `asc_nas.search.prefix_evaluator` must equal.

    Parameters
    ----------
    parts : sequence of JudgedPart
        Every part's supernet judges the clips that it has not seen; scores are over all of them
        together. One part is one supernet, judged on search-val. Batch norms are recalibrated on at
        most `max_calibration` of the examples that it was trained on, evenly spaced, in fixed
        batches.
    cost_of : function from genotype to cost
    recalibration : bool
        Whether a candidate gets batch-norm statistics of its own; else it is judged with those that
        all candidates left behind in training.
    device : str
        Where candidates are computed, wherever the supernets are.
    """

    def __init__(
        self,
        parts: Sequence[JudgedPart],
        cost_of: CostOf,
        *,
        max_calibration: int = 512,
        batch_size: int = 64,
        recalibration: bool = True,
        device: str = "cpu",
    ) -> None:
        self.parts = tuple(parts)
        self.device = device
        self._loader = Loader(device, again=True)
        self.cost_of = cost_of
        self.recalibration = recalibration
        self._calibration = [
            _calibration(part.trained_on, max_calibration, batch_size, device) for part in parts
        ]
        self._targets = np.concatenate([part.held_out.clip_targets for part in parts])

    def __call__(self, genotypes: Sequence[Genotype]) -> list[Evaluation]:
        """Return one evaluation per genotype, in order."""
        if not genotypes:
            return []
        said = [
            self._posteriors(part, calibration, genotypes)
            for part, calibration in zip(self.parts, self._calibration, strict=True)
        ]
        clips = map(np.concatenate, zip(*said, strict=True))
        return [self._judged(*judged) for judged in zip(genotypes, clips, strict=True)]

    def _posteriors(
        self, part: JudgedPart, calibration: Sequence[Tensor], genotypes: Sequence[Genotype]
    ) -> list[NDArray[np.float64]]:
        """Return the posteriors of the held-out clips, (clips, classes), by each genotype."""
        found = []
        for genotype in genotypes:
            network = to_device(part.supernet.extract(genotype), self.device)
            if self.recalibration:
                recalibrate(network, calibration)
            said = posteriors(network, part.held_out).numpy()
            found.append(part.held_out.clip_posteriors(said))
        return found

    def _judged(self, genotype: Genotype, clips: NDArray[np.float64]) -> Evaluation:
        found = score(clips, self._targets, self.parts[0].held_out.labels)
        scores = {name: getattr(found, name) for name in SCORES}
        return Evaluation.of(genotype, self.cost_of(genotype), scores)


def _calibration(examples: Examples, most: int, batch_size: int, device: str) -> list[Tensor]:
    """Return batches of `most` examples, so spaced that every class and session is there."""
    count = min(len(examples), most)
    chosen = (torch.arange(count) * len(examples) // count).numpy()
    wanted = (
        (examples, chosen[start : start + batch_size])
        for start in range(0, count, batch_size)
        if start == 0 or count - start > 1
    )
    return [laid_out(x) for x, _ in Loader(device).batches(wanted)]


class CachedEvaluator:
    """Remembers what was judged; one cache belongs to the same supernets and the same split."""

    def __init__(self, evaluate: Evaluate, known: Iterable[Evaluation] = ()) -> None:
        self._evaluate = evaluate
        self.known = {evaluation.genotype: evaluation for evaluation in known}

    def __call__(self, genotypes: Sequence[Genotype]) -> list[Evaluation]:
        """Return one evaluation per genotype, in order; only new ones are computed."""
        new = list(dict.fromkeys(g for g in genotypes if g not in self.known))
        for evaluation in self._evaluate(new):
            self.known[evaluation.genotype] = evaluation
        return [self.known[genotype] for genotype in genotypes]
