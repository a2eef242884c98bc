"""How well supernet scores order architectures, compared with training each one alone."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.stats import kendalltau

from asc_nas.core.errors import UsageError
from asc_nas.cost.counts import Cost
from asc_nas.space.genotype import Genotype
from asc_nas.space.search_space import SearchSpace


@dataclass(frozen=True)
class Agreement:
    """Kendall's tau-b between two scores of the same architectures.

    Attributes
    ----------
    tau : float
        1 where both order alike, 0 for chance, NaN if a score is constant.
    low, high : float
        Bounds of the 95 % bootstrap interval, architectures drawn with replacement.
    """

    tau: float
    low: float
    high: float


def agreement(
    first: Sequence[float], second: Sequence[float], rng: np.random.Generator, draws: int = 2000
) -> Agreement:
    """Return Kendall's tau-b of two scores, each (architectures,), with its interval."""
    a, b = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    tau = float(kendalltau(a, b).statistic)
    drawn = rng.integers(0, len(a), (draws, len(a)))
    taus = np.array([kendalltau(a[rows], b[rows]).statistic for rows in drawn])
    taus = taus[~np.isnan(taus)]
    if not len(taus):
        return Agreement(tau, float("nan"), float("nan"))
    low, high = np.quantile(taus, (0.025, 0.975))
    return Agreement(tau, float(low), float(high))


def sample_over_cost(
    space: SearchSpace, cost_of: Callable[[Genotype], Cost], count: int, rng: np.random.Generator
) -> list[Genotype]:
    """Draw `count` different genotypes spread evenly over the space's whole range of MACs.

    Uniform draws crowd around the middle of the range. Here each draw leans towards cheap or dear
    candidates by a random amount, and one genotype is taken from each of `count` equal parts of the
    range that is reached (a second one where a part is empty).

    Raises
    ------
    UsageError
        If the space has fewer than `count` genotypes.
    """
    if space.count < count:
        raise UsageError(f"the space has {space.count} genotypes, fewer than the {count} to rank.")
    by_cost = [_by_cost(space, cost_of, block) for block in range(len(space))]
    pool: dict[Genotype, int] = {}
    for _ in range(100):
        for _ in range(20 * count):
            genotype = _leaning_draw(by_cost, rng.uniform(-1, 1), space, rng)
            pool.setdefault(genotype, cost_of(genotype).macs)
        if len(pool) >= count:
            break
    genotypes = list(pool)
    macs = np.array([pool[genotype] for genotype in genotypes], dtype=float)
    edges = np.linspace(macs.min(), macs.max(), count + 1)
    part = np.clip(np.searchsorted(edges, macs, side="right") - 1, 0, count - 1)
    order = rng.permutation(len(genotypes))
    # Of every part first one genotype, then (where others are empty) a second one, and so on.
    turn = np.zeros(len(genotypes), dtype=int)
    seen = np.zeros(count, dtype=int)
    for i in order:
        turn[i] = seen[part[i]]
        seen[part[i]] += 1
    chosen = sorted(order, key=lambda i: turn[i])[:count]
    return sorted((genotypes[i] for i in chosen), key=lambda g: (pool[g], str(g)))


def _by_cost(
    space: SearchSpace, cost_of: Callable[[Genotype], Cost], block: int
) -> tuple[int, ...]:
    """Return the positions of a block's candidates by what each adds to the largest network."""
    genes = list(space.largest().blocks)

    def macs(position: int) -> int:
        trial = [*genes]
        trial[block] = space.candidates[block][position]
        return cost_of(Genotype(tuple(trial))).macs

    return tuple(sorted(range(space.sizes[block]), key=macs))


def _leaning_draw(
    by_cost: Sequence[tuple[int, ...]], lean: float, space: SearchSpace, rng: np.random.Generator
) -> Genotype:
    """Draw a genotype; `lean` from -1 (cheapest of several draws per block) to 1 (dearest)."""
    vector = []
    for ranked in by_cost:
        draws = rng.integers(0, len(ranked), 1 + rng.binomial(4, abs(lean)))
        vector.append(ranked[int(draws.max() if lean > 0 else draws.min())])
    return space.decode(vector)


def regret(scores: Sequence[float], truth: Sequence[float]) -> float:
    """Return how much worse than the best the truth of the architecture with the top score is."""
    return float(np.max(truth) - np.asarray(truth)[int(np.argmax(scores))])


def ranking_table(
    rows: Sequence[dict[str, Any]], predictors: dict[str, int], rng: np.random.Generator
) -> list[dict[str, Any]]:
    """Compare every predictor with the stand-alone macro-F1 and with the stand-alone log loss.

    Macro-F1 is what a search is after. Log loss tells the same networks apart with less noise: it
    changes with every clip, not only with those that change sides.

    Parameters
    ----------
    rows : one mapping per architecture with the predictors, ``standalone_macro_f1`` and
        ``standalone_log_loss``
    predictors : name of a column of `rows` to its sign: 1 where more is better, -1 where less is

    Returns
    -------
    list of dict
        Per predictor its name, tau with its interval for either truth (keys ``macro_f1`` and
        ``log_loss``), and ``regret`` in macro-F1.
    """
    macro_f1 = [row["standalone_macro_f1"] for row in rows]
    log_loss = [-row["standalone_log_loss"] for row in rows]
    table = []
    for name, sign in predictors.items():
        scores = [sign * row[name] for row in rows]
        table.append(
            {
                "predictor": name,
                "macro_f1": asdict(agreement(scores, macro_f1, rng)),
                "log_loss": asdict(agreement(scores, log_loss, rng)),
                "regret": regret(scores, macro_f1),
            }
        )
    return table
