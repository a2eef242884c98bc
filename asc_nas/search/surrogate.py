"""An additive model of scores, and whether what steers a search is worth more than counting.

Of most small spaces cost alone orders networks well (Yang et al., arXiv 1912.12522): a search pays
only where something predicts better than that, above all among networks of equal cost.
"""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from asc_nas.core.documents import Document, Part
from asc_nas.search.objectives import Evaluation, Objective
from asc_nas.search.ranking import Agreement, agreement
from asc_nas.space.search_space import SearchSpace
from asc_nas.space.shape_gene import ShapeGene

BANDS = 3
"""Bands of equal cost in which predictions are held against the truth."""


class Surrogate:
    """Bayesian ridge regression on the genes of every block and the logarithms of the costs.

    Parameters
    ----------
    judged : evaluations to fit
    score : name of the score that is predicted
    """

    def __init__(self, space: SearchSpace, judged: Sequence[Evaluation], score: str) -> None:
        from sklearn.linear_model import BayesianRidge
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        self._space = space
        self._model = make_pipeline(StandardScaler(), BayesianRidge())
        self._model.fit(self._features(judged), [getattr(e, score) for e in judged])

    def predict(
        self, evaluations: Sequence[Evaluation]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return mean and standard deviation of the score of each, (evaluations,)."""
        mean, spread = self._model.predict(self._features(evaluations), return_std=True)
        return mean, spread

    def _features(self, evaluations: Sequence[Evaluation]) -> NDArray[np.float64]:
        """Return (evaluations, features): costs, shape, kernels, expansion and width of blocks."""
        rows = []
        for evaluation in evaluations:
            row = [np.log(evaluation.macs), np.log(evaluation.params)]
            for candidates in self._space.shape:
                place = candidates[0].place
                own = [gene for gene in evaluation.genotype.shape if gene.place == place]
                row += _shape_features(own[0] if own else None, candidates)
            for block, gene in enumerate(evaluation.genotype.blocks):
                row += [float(kernel in gene.kernels) for kernel in self._space.kernels(block)]
                row += [0.0, 0.0] if gene.is_skip else [gene.expansion, gene.width]
            rows.append(row)
        return np.array(rows, dtype=np.float64)


def _shape_features(own: ShapeGene | None, candidates: Sequence[ShapeGene]) -> list[float]:
    """Return the logarithms of a gene's numbers; of words, which of the candidates it is."""
    if candidates[0].kind in ("down", "sum"):
        return [float(gene == own) for gene in candidates]
    if own is None:  # a network from outside the space: as the first of them
        own = candidates[0]
    numbers = np.array(own.numeric, dtype=float)
    if own.kind == "input":  # window and hop in seconds
        numbers[1:3] /= numbers[0]
    return np.log(numbers + (own.kind == "head")).tolist()


class Predictor(Part):
    """How well something orders networks that it has not seen: over all, and at equal cost."""

    overall: Agreement
    in_bands: Agreement


class Verdict(Document):
    """``search/verdict.json``: whether searching this space on these clips adds anything.

    Attributes
    ----------
    networks : int
        Real trainings it rests on.
    surrogate : Predictor
        Leave-one-out.
    macs, params : Predictor
        Cost alone: what anything that steers a search has to beat.
    pays : bool
    """

    format_name: ClassVar[str] = "asc-nas/verdict/1"
    remedy: ClassVar[str] = "delete it: 'asc-nas search' makes it again"

    networks: int
    score: str
    surrogate: Predictor
    macs: Predictor
    params: Predictor
    pays: bool

    @property
    def sentence(self) -> str:
        """What it means, for people."""
        own, cost = self.surrogate, max((self.macs, self.params), key=lambda p: p.overall.tau)
        figures = (
            f"Kendall's tau with {self.networks} trainings {own.overall.tau:.2f} for the "
            f"surrogate, {cost.overall.tau:.2f} for cost alone; at equal cost "
            f"{own.in_bands.tau:.2f} ({own.in_bands.low:.2f} to {own.in_bands.high:.2f})"
        )
        if self.pays:
            return f"The search can tell networks apart: {figures}."
        return (
            f"Searching this space on these clips adds nothing to choosing by size: {figures}. The "
            "hand-made network is taken, at the width that is best."
        )


def verdict(
    space: SearchSpace, judged: Sequence[Evaluation], score: Objective, rng: np.random.Generator
) -> Verdict:
    """Hold leave-one-out predictions, and cost alone, against real trainings.

    Any surrogate knows that larger networks are better. It pays where it orders networks of equal
    MACs, with an interval above 0, and better than their parameters do.
    """
    sign = 1.0 if score.sense == "max" else -1.0
    truth = sign * np.array([getattr(e, score.name) for e in judged])
    left_out = [
        float(Surrogate(space, [*judged[:i], *judged[i + 1 :]], score.name).predict([e])[0][0])
        for i, e in enumerate(judged)
    ]
    macs = np.array([e.macs for e in judged], dtype=float)

    def predictor(values: Sequence[float]) -> Predictor:
        found = np.asarray(values, dtype=float)
        return Predictor(
            overall=agreement(found.tolist(), truth.tolist(), rng),
            in_bands=agreement(_within(found, macs), _within(truth, macs), rng),
        )

    own = predictor([sign * value for value in left_out])
    costs = {name: predictor([getattr(e, name) for e in judged]) for name in ("macs", "params")}
    pays = own.in_bands.low > 0 and own.in_bands.tau > costs["params"].in_bands.tau
    return Verdict(networks=len(judged), score=score.name, surrogate=own, pays=bool(pays), **costs)


def _within(values: NDArray[np.float64], macs: NDArray[np.float64]) -> list[float]:
    """Return values without what cost explains: less a straight line in log MACs in each band."""
    left = np.empty_like(values)
    order = np.argsort(macs, kind="stable")
    for band in np.array_split(order, BANDS):
        x = np.log(macs[band])
        x = x - x.mean()
        slope = (x @ values[band]) / (x @ x) if x.any() else 0.0
        left[band] = values[band] - values[band].mean() - slope * x
    return left.tolist()
