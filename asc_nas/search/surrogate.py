"""A model of scores, and whether what steers a search is worth more than counting.

Of most small spaces cost alone orders networks well (Yang et al., arXiv 1912.12522): a search pays
only where something predicts better than that, above all among networks of equal cost.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from asc_nas.core.documents import Document, Part
from asc_nas.core.randomness import stream
from asc_nas.search.evaluator import Evaluate
from asc_nas.search.objectives import Evaluation, Objective
from asc_nas.search.ranking import Agreement, agreement_of_pairs
from asc_nas.space.genotype import BlockGene, Genotype
from asc_nas.space.search_space import SearchSpace
from asc_nas.space.shape_gene import ShapeGene

BANDS = 3
"""Bands of equal cost in which predictions are held against the truth."""

PARTS = 6
"""Parts of the judged networks, two of which at a time are left out to see how well others predict
them."""
FEWEST = 4
"""Networks of which something can be predicted by others."""

WORTH = 0.2
"""Kendall's tau at equal cost from which a search goes on: between what chance gives, 0.1 on
average (lines through few scores lean, too), and 0.4, which is useful. Of scores that are size and
chance alone a third of all draws of twenty networks go on. That the interval lies above 0 is too
much to ask: searches of ESC-50 that would have ended so found better networks than those made by
hand (docs/results/small_search.md)."""

OF_ONE_BLOCK = 0.3
"""How much what one block chose counts beside what the whole network is: which block has a kernel
matters less than that the kernel is there, and a few dozen networks cannot tell more."""


Further = Callable[[Sequence[Genotype]], Sequence[Sequence[float]]]
"""What else is known of networks before they are judged: as many numbers for each."""


def nothing_further(genotypes: Sequence[Genotype]) -> Sequence[Sequence[float]]:
    """Return no numbers for each."""
    return [()] * len(genotypes)


def scored_by(evaluate: Evaluate | None, score: str) -> Further:
    """Return what gives a score by another judge, such as a supernet; nothing where there is none.

    Parameters
    ----------
    score : name of the score
    """
    if evaluate is None:
        return nothing_further
    return lambda genotypes: [[getattr(e, score)] for e in evaluate(genotypes)]


class Surrogate:
    """A Gaussian process on costs, shape, means over the blocks and, counting less, every block.

    Costs and what else is known have a linear trend, too: the process alone forgets in a few dozen
    networks of many genes that larger ones are better.

    Parameters
    ----------
    judged : evaluations to fit
    score : name of the score that is predicted
    further : further features
    """

    def __init__(
        self,
        space: SearchSpace,
        judged: Sequence[Evaluation],
        score: str,
        further: Further = nothing_further,
    ) -> None:
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.gaussian_process import GaussianProcessRegressor
        from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
        from sklearn.preprocessing import StandardScaler

        self._space, self._further = space, further
        self._kernels = [space.kernels(block) for block in range(len(space.blocks))]
        values = np.array([getattr(e, score) for e in judged], dtype=np.float64)
        self._mean, self._scale = values.mean(), values.std() or 1.0
        self._scaler = StandardScaler().fit(self._features(judged))
        known = 2 + len(further([judged[0].genotype])[0])
        trend = ConstantKernel() * _trend_of(known)
        kernel = ConstantKernel() * RBF(5.0) + trend + WhiteKernel(0.3)
        self._model = GaussianProcessRegressor(kernel)
        with warnings.catch_warnings():  # scores without noise reach a bound of the kernel
            warnings.simplefilter("ignore", ConvergenceWarning)
            self._model.fit(self._weighted(judged), (values - self._mean) / self._scale)

    def predict(
        self, evaluations: Sequence[Evaluation]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the expected score of each and its standard deviation, (evaluations,).

        The noise of a single training is not in it.
        """
        mean, spread = self._model.predict(self._weighted(evaluations), return_std=True)
        noise = self._model.kernel_.k2.noise_level
        sure = np.sqrt(np.maximum(spread**2 - noise, 0))
        return self._mean + self._scale * mean, self._scale * sure

    def _weighted(self, evaluations: Sequence[Evaluation]) -> NDArray[np.float64]:
        rows: NDArray[np.float64] = self._scaler.transform(self._features(evaluations))
        of_blocks = sum(len(kernels) + 2 for kernels in self._kernels)
        rows[:, rows.shape[1] - of_blocks :] *= OF_ONE_BLOCK
        return rows

    def _features(self, evaluations: Sequence[Evaluation]) -> NDArray[np.float64]:
        """Return (evaluations, features): costs, shape, means over blocks, then every block's."""
        rows = []
        further = self._further([evaluation.genotype for evaluation in evaluations])
        for evaluation, known in zip(evaluations, further, strict=True):
            row = [np.log(evaluation.macs), np.log(evaluation.params), *known]
            for candidates in self._space.shape:
                place = candidates[0].place
                own = [gene for gene in evaluation.genotype.shape if gene.place == place]
                row += _shape_features(own[0] if own else None, candidates)
            row += _mean_features(evaluation.genotype.blocks)
            for kernels, gene in zip(self._kernels, evaluation.genotype.blocks, strict=True):
                row += [float(kernel in gene.kernels) for kernel in kernels]
                row += [0.0, 0.0] if gene.is_skip else [gene.expansion, gene.width]
            rows.append(row)
        return np.array(rows, dtype=np.float64)


def _mean_features(blocks: Sequence[BlockGene]) -> list[float]:
    """Return how many blocks there are, and the means of what they are."""
    active = [
        [
            len(gene.kernels),
            max(kernel.time for kernel in gene.kernels),
            max(kernel.frequency for kernel in gene.kernels),
            gene.expansion,
            gene.width,
        ]
        for gene in blocks
        if not gene.is_skip
    ]
    return [float(len(active)), *np.mean(active or [[0.0] * 5], axis=0).tolist()]


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


def _trend_of(columns: int) -> Any:
    """Return a kernel that is linear in the first columns."""
    from sklearn.gaussian_process.kernels import DotProduct

    class Trend(DotProduct):
        def __init__(self, columns: int) -> None:
            super().__init__(sigma_0=0.0, sigma_0_bounds="fixed")
            self.columns = columns

        def __call__(self, x: Any, y: Any = None, eval_gradient: bool = False) -> Any:
            others = None if y is None else y[:, : self.columns]
            return super().__call__(x[:, : self.columns], others, eval_gradient)

        def diag(self, x: Any) -> Any:
            return super().diag(x[:, : self.columns])

    return Trend(columns)


@dataclass(frozen=True)
class Predicted:
    """What one opinion, or several, expect of networks.

    Networks are compared by those opinions that have seen neither. A prediction for which one
    network alone is left out leans away from its score, as the mean of all others does: where
    nothing can be known, such predictions order backwards.

    Attributes
    ----------
    values : (opinions, networks)
    unseen : (opinions, networks) bool
    """

    values: NDArray[np.float64]
    unseen: NDArray[np.bool_]

    @classmethod
    def of(cls, values: Sequence[float]) -> "Predicted":
        """Return what is known without any training, such as costs."""
        only = np.asarray(values, dtype=np.float64)[None]
        return cls(only, np.ones_like(only, dtype=np.bool_))

    def __neg__(self) -> "Predicted":
        return Predicted(-self.values, self.unseen)

    @property
    def differences(self) -> NDArray[np.float64]:
        """How much more is expected of each network than of each other, (networks, networks)."""
        pairs = self.unseen[:, :, None] & self.unseen[:, None]
        all_pairs = self.values[:, :, None] - self.values[:, None]
        return (all_pairs * pairs).sum(0) / np.maximum(pairs.sum(0), 1)


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
        On pairs of networks that it has not seen.
    supernet : Predictor or None
        Scores with shared weights alone, where the surrogate knows them.
    macs, params : Predictor
        Cost alone: what anything that steers a search has to beat.
    pays : bool
    searched_on : bool
        Whether the search goes on although it does not pay (`search.stop_sign`).
    """

    format_name: ClassVar[str] = "asc-nas/verdict/1"
    remedy: ClassVar[str] = "delete it: 'asc-nas search' makes it again"

    networks: int
    score: str
    surrogate: Predictor
    supernet: Predictor | None = None
    macs: Predictor
    params: Predictor
    pays: bool
    searched_on: bool = False

    @property
    def ends(self) -> bool:
        """Whether the search ends with it, and hand-made networks are taken."""
        return not (self.pays or self.searched_on)

    @property
    def sentence(self) -> str:
        """What it means, for people."""
        own, cost = self.surrogate, max((self.macs, self.params), key=lambda p: p.overall.tau)
        shared = "" if self.supernet is None else f", {self.supernet.overall.tau:.2f} for supernets"
        figures = (
            f"Kendall's tau with {self.networks} trainings {own.overall.tau:.2f} for the "
            f"surrogate{shared}, {cost.overall.tau:.2f} for cost alone; at equal cost "
            f"{own.in_bands.tau:.2f} ({own.in_bands.low:.2f} to {own.in_bands.high:.2f})"
        )
        if self.supernet is not None:
            alike = self.supernet.in_bands
            figures += f", supernets {alike.tau:.2f} ({alike.low:.2f} to {alike.high:.2f})"
        if self.pays:
            sure = any(one.in_bands.low > 0 for one in (own, self.supernet) if one is not None)
            return f"The search {'can' if sure else 'may'} tell networks apart: {figures}."
        found = f"Nothing shows that searching this space beats choosing by size: {figures}. The "
        if self.searched_on:
            return found + "search goes on, as search.stop_sign is off."
        return found + (
            "search ends; hand-made networks are taken, at the best width, if the space has any. "
            "Another run searches all the same with search.stop_sign=false, and takes these "
            "trainings with rank.folder."
        )


def verdict(
    space: SearchSpace,
    judged: Sequence[Evaluation],
    score: Objective,
    rng: np.random.Generator,
    shared: Evaluate | None = None,
) -> Verdict:
    """Hold what the surrogate expects of networks left out, and cost alone, against trainings.

    Any surrogate knows that larger networks are better. It pays where it, or what it asks, orders
    networks of equal MACs (`WORTH`).

    Parameters
    ----------
    shared : judges with shared weights, whose scores the surrogate knows
        They alone are held against the trainings, too.
    """
    sign = 1.0 if score.sense == "max" else -1.0
    truth = [sign * getattr(e, score.name) for e in judged]
    macs = [e.macs for e in judged]
    further = scored_by(shared, score.name)
    own = predictor(expected(space, judged, score, further), truth, macs, rng)
    supernet = None
    if shared is not None:
        scores = [sign * getattr(e, score.name) for e in shared([e.genotype for e in judged])]
        supernet = predictor(Predicted.of(scores), truth, macs, rng)
    by_macs, by_params = (
        predictor(Predicted.of([getattr(e, name) for e in judged]), truth, macs, rng)
        for name in ("macs", "params")
    )
    steer = [own.in_bands, *([] if supernet is None else [supernet.in_bands])]
    pays = any(one.tau >= WORTH for one in steer)
    return Verdict(
        networks=len(judged),
        score=score.name,
        surrogate=own,
        supernet=supernet,
        macs=by_macs,
        params=by_params,
        pays=bool(pays),
    )


def expected(
    space: SearchSpace,
    judged: Sequence[Evaluation],
    score: Objective,
    further: Further = nothing_further,
) -> Predicted:
    """Return how good surrogates of others take each network for, more being better.

    Networks are divided into parts, and every two parts are left out of one surrogate: so each pair
    of networks is unseen by one at least.
    """
    count = len(judged)
    if count < FEWEST:
        return Predicted.of([0.0] * count)
    parts = np.array_split(stream(0, "left out").permutation(count), min(PARTS, count))
    values, unseen = [], []
    for left_out in combinations(parts, 2):
        unseen.append(np.isin(np.arange(count), np.concatenate(left_out)))
        seen = [e for e, out in zip(judged, unseen[-1], strict=True) if not out]
        values.append(Surrogate(space, seen, score.name, further).predict(judged)[0])
    found = Predicted(np.array(values), np.array(unseen))
    return found if score.sense == "max" else -found


def predictor(
    predicted: Predicted, truth: Sequence[float], macs: Sequence[float], rng: np.random.Generator
) -> Predictor:
    """Hold predictions against the truth, more being better in both, over all and at equal cost.

    Parameters
    ----------
    truth, macs : one per network
    """
    overall, in_bands = pairs_of(predicted, truth, macs)
    return Predictor(
        overall=agreement_of_pairs(*overall, rng), in_bands=agreement_of_pairs(*in_bands, rng)
    )


Pairs = tuple[NDArray[np.float64], NDArray[np.float64]]
"""How much more is expected of each network than of each other, and how much better it is."""


def pairs_of(
    predicted: Predicted, truth: Sequence[float], macs: Sequence[float]
) -> tuple[Pairs, Pairs]:
    """Return all pairs, and those at equal cost alone, the others being 0.

    At equal cost are pairs within a band of cost, less what cost explains in the band.

    Parameters
    ----------
    truth, macs : one per network
    """
    known, bands = Predicted.of(truth), np.array_split(np.argsort(macs, kind="stable"), BANDS)
    alike = np.zeros((len(truth), len(truth)), dtype=np.bool_)
    for band in bands:
        alike[np.ix_(band, band)] = True
    own, true = (
        replace(one, values=one.values - _by_cost(one.values, macs, bands)).differences * alike
        for one in (predicted, known)
    )
    return (predicted.differences, known.differences), (own, true)


def _by_cost(
    values: NDArray[np.float64], macs: Sequence[float], bands: Sequence[NDArray[np.int64]]
) -> NDArray[np.float64]:
    """Return what cost explains of values (n, networks): a straight line in log MACs per band."""
    cost, explained = np.log(np.asarray(macs, dtype=float)), np.empty_like(values)
    for band in bands:
        x = cost[band] - cost[band].mean()
        slopes = values[:, band] @ x / (x @ x) if x.any() else np.zeros(len(values))
        explained[:, band] = values[:, band].mean(1, keepdims=True) + slopes[:, None] * x
    return explained
