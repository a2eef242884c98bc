"""Crowding distance with a weight per objective: the weighted NSGA-II of MoGA."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from pymoo.operators.survival.rank_and_crowding.metrics import CrowdingDiversity


def crowding_distance(values: np.ndarray, weights: Sequence[float]) -> np.ndarray:
    """Return the weighted crowding distance of every point of one front.

    The distance between a point's two neighbours along an objective, as a share of the front's
    extent, counts as much as the objective weighs (MoGA, Chu et al., arXiv 1908.01314).
    Only the weights' ratios matter; with equal ones it is the distance of Deb et al. (2002). The
    ends of every objective are infinitely far.

    Parameters
    ----------
    values : (points, objectives)
    weights : one per objective, above 0

    Returns
    -------
    (points,)
    """
    shares = np.array(weights, dtype=np.float64) / max(weights)
    gaps = np.zeros(values.shape)
    for objective, column in enumerate(values.T):
        order = np.argsort(column, kind="stable")
        ordered = column[order]
        extent = ordered[-1] - ordered[0]
        if extent > 0:
            steps = np.diff(ordered, prepend=-np.inf, append=np.inf) / extent
            gaps[order, objective] = steps[:-1] + steps[1:]
    return np.sum(gaps * shares, axis=1) / np.sum(shares)


class WeightedCrowding(CrowdingDiversity):
    """`crowding_distance` as pymoo's survival takes it; one or two points are infinitely far."""

    def __init__(self, weights: Sequence[float]) -> None:
        self.weights = weights

    def _do(self, F: np.ndarray, **kwargs: Any) -> np.ndarray:  # noqa: N803
        if len(F) <= 2:
            return np.full(len(F), np.inf)
        return crowding_distance(F, self.weights)
