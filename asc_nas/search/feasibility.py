"""Whether any genotype of a space meets the limits, asked before hours are spent."""

from collections.abc import Callable, Sequence

import numpy as np

from asc_nas.core.errors import UsageError
from asc_nas.cost.counts import Cost
from asc_nas.search.limits import Limits
from asc_nas.space.genotype import Genotype
from asc_nas.space.search_space import SearchSpace


def require_feasible(
    space: SearchSpace, cost_of: Callable[[Genotype], Cost], limits: Limits
) -> Genotype:
    """Return a genotype that meets `limits`, found by coordinate descent on the excess.

    Raises
    ------
    UsageError
        If there is none: names the bound, its value, and the smallest value in the space.
    """

    def excess(vector: np.ndarray) -> float:
        values = limits.excess(cost_of(space.decode(vector))).values()
        return max(values, default=0.0)

    def descend(vector: np.ndarray) -> tuple[float, np.ndarray]:
        best, before = excess(vector), np.inf
        while best < before and best > 0:
            before = best
            for block, size in enumerate(space.sizes):
                for choice in range(size):
                    trial = vector.copy()
                    trial[block] = choice
                    value = excess(trial)
                    if value < best:
                        best, vector = value, trial
        return best, vector

    rng = np.random.default_rng(0)
    starts = [np.zeros(len(space), dtype=np.int64)]
    starts += [space.encode(space.sample(rng)) for _ in range(4)]
    best, vector = min((descend(start) for start in starts), key=lambda found: found[0])
    genotype = space.decode(vector)
    if best > 0:
        raise unmet(
            "genotype of this space",
            [genotype],
            cost_of,
            limits,
            "Raise the limit, or give the space smaller expansions, widths or skip.",
        )
    return genotype


def unmet(
    what: str,
    genotypes: Sequence[Genotype],
    cost_of: Callable[[Genotype], Cost],
    limits: Limits,
    remedy: str,
) -> UsageError:
    """Return the error that says which limit none of `genotypes` meets, and the nearest's value.

    Parameters
    ----------
    what : what they are, in the singular
    remedy : the sentence that says what to do
    """
    excess = [(limits.excess(cost_of(genotype)), genotype) for genotype in genotypes]
    missed, nearest = min(excess, key=lambda pair: max(pair[0].values()))
    name = max(missed, key=lambda key: missed[key])
    bound = getattr(limits, name)
    return UsageError(
        f"search.limits.{name}: no {what} comes below {bound:g}; the smallest found ({nearest}) "
        f"has {_text(bound * (1 + missed[name]))}. {remedy}"
    )


def _text(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
