"""Whether what steers a search is worth more than counting.

Of most small spaces cost alone orders networks well (Yang et al., arXiv 1912.12522): a search pays
only where something predicts better than that, above all among networks of equal cost.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from asc_nas.core.documents import Document, Part
from asc_nas.core.randomness import stream
from asc_nas.search.evaluator import Evaluate
from asc_nas.search.objectives import Evaluation, Objective
from asc_nas.search.ranking import Agreement, agreement_of_pairs
from asc_nas.search.surrogate import Further, Surrogate, nothing_further, scored_by
from asc_nas.space.search_space import SearchSpace

BANDS = 3
"""Bands of equal cost in which predictions are held against the truth."""

PARTS = 6
"""Parts of the judged networks, two of which at a time are left out to see how well others predict
them."""

FEWEST = 4
"""Networks of which something can be predicted by others."""

WORTH = 0.2
"""Kendall's tau at equal cost from which a search goes on: between what chance gives, 0.1 on
average (lines through few scores lean, too), and 0.4, which is useful. Of scores that are chance
alone nearly a third of all draws of twenty networks go on. That the interval lies above 0 is too
much to ask: searches of ESC-50 that would have ended so found better networks than those made by
hand (docs/results/small_search.md)."""


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
