"""Confidence intervals of scores: groups of clips, not clips, are drawn with replacement.

Clips of one recording session or place are alike; to draw them one by one would pretend that there
are more independent observations than there are (cluster bootstrap: Davison and Hinkley, *Bootstrap
Methods and their Application*, 1997, section 3.8).
"""

from collections.abc import Iterator, Sequence
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, FiniteFloat

from asc_nas.core.documents import Count, Part
from asc_nas.core.randomness import stream
from asc_nas.evaluation.scores import Decisions, partial_macro_f1

DRAWS = 1000
PERCENTILES = (2.5, 97.5)
_CELLS = 2_000_000  # of the matrix of weights (draws, groups) that is in memory at a time

Interval = Annotated[tuple[FiniteFloat, FiniteFloat], Field(strict=False)]
"""(low, high); a list in JSON."""


class Intervals(Part):
    """95 % intervals, each (low, high).

    Attributes
    ----------
    groups : int
        How many groups there were to draw from.
    accuracy, macro_f1 : 0 to 1
    log_loss : nats; None where only decisions are known
    """

    groups: Count
    accuracy: Interval
    macro_f1: Interval
    log_loss: Interval | None = None


def bootstrap(
    decisions: Decisions, groups: Sequence[str], *, seed: int = 0, draws: int = DRAWS
) -> Intervals | None:
    """Return the percentile intervals of accuracy, macro-F1 and log loss.

    Every draw takes as many groups as there are, with replacement, and scores their clips; the
    intervals are the percentiles 2.5 and 97.5 over the draws. A class without clips in a draw is
    left out of its macro-F1.

    Parameters
    ----------
    groups : sequence of str, one per clip
    seed
        Draws come from the stream ``"bootstrap"`` of this seed.

    Returns
    -------
    Intervals, or None if all clips are of one group: then nothing can be said.
    """
    names, members = np.unique(np.asarray(groups), return_inverse=True)
    if len(names) < 2:
        return None
    counts = _counts_by_group(decisions, members, len(names))
    rng = stream(seed, "bootstrap")
    parts = [weights @ counts for weights in _weights(rng, len(names), draws)]
    totals = np.concatenate(parts)
    classes = len(decisions.labels)
    hits, present, decided = (totals[:, i * classes : (i + 1) * classes] for i in range(3))
    clips = present.sum(1)
    macro_f1 = partial_macro_f1(hits, present, decided, decisions.confusion().sum(1))
    return Intervals(
        groups=len(names),
        accuracy=_interval(hits.sum(1) / clips),
        macro_f1=_interval(macro_f1),
        log_loss=None if decisions.losses is None else _interval(totals[:, -1] / clips),
    )


def mean_interval(
    values: Sequence[float], groups: Sequence[str], *, draws: int = 2 * DRAWS
) -> tuple[float, float] | None:
    """Return the interval of a mean over clips, such as of differences, as `bootstrap` draws them.

    Parameters
    ----------
    values, groups : one per clip

    Returns
    -------
    (low, high), or None if all clips are of one group.
    """
    names, members = np.unique(np.asarray(groups), return_inverse=True)
    if len(names) < 2:
        return None
    sums = np.column_stack([np.bincount(members, weights=values), np.bincount(members)])
    drawn = _weights(stream(0, "paired"), len(names), draws)
    totals = np.concatenate([weights @ sums for weights in drawn])
    return _interval(totals[:, 0] / totals[:, 1])


def _counts_by_group(
    decisions: Decisions, members: NDArray[np.int64], groups: int
) -> NDArray[np.float64]:
    """Return hits, present and decided clips of each class and the loss: (groups, 3 classes + 1).

    They are what accuracy and F1 need of each group's confusion counts.
    """
    classes = len(decisions.labels)
    hit = decisions.decided == decisions.targets
    columns = [
        np.bincount(where * classes + of, minlength=groups * classes).reshape(groups, classes)
        for where, of in (
            (members[hit], decisions.targets[hit]),
            (members, decisions.targets),
            (members, decisions.decided),
        )
    ]
    losses = np.zeros(len(decisions)) if decisions.losses is None else decisions.losses
    loss = np.bincount(members, weights=losses, minlength=groups)
    return np.column_stack([*columns, loss]).astype(np.float64)


def _weights(rng: np.random.Generator, groups: int, draws: int) -> Iterator[NDArray[np.float64]]:
    """Yield how often each group was drawn, (some draws, groups), until there were `draws`."""
    step = max(1, _CELLS // groups)
    for first in range(0, draws, step):
        rows = [
            np.bincount(rng.integers(groups, size=groups), minlength=groups)
            for _ in range(min(step, draws - first))
        ]
        yield np.array(rows, dtype=np.float64)


def _interval(values: NDArray[np.float64]) -> tuple[float, float]:
    low, high = np.percentile(values, PERCENTILES)
    return float(low), float(high)
