"""Whether any genotype of a space meets the limits, asked before hours are spent; drawing those."""

from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import islice

import numpy as np

from asc_nas.core.errors import UsageError
from asc_nas.cost.counts import Cost
from asc_nas.search.limits import Limits
from asc_nas.space.genotype import Genotype
from asc_nas.space.search_space import SearchSpace

TRIES = 1000
"""Draws in a row that break the limits, after which those that meet them count as rare."""
STEPS = 30
"""Steps of the walk between two draws, per gene."""
REPEATED = 1000
"""Draws in a row of what was drawn before, after which the space seems exhausted."""


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


def feasible_draws(
    space: SearchSpace,
    cost_of: Callable[[Genotype], Cost],
    limits: Limits,
    rng: np.random.Generator,
) -> Iterator[Genotype]:
    """Yield genotypes without end, drawn uniformly among those that meet `limits`.

    Where these are rare they are met on a walk: one gene at a time is drawn anew, which stands if
    the limits are met (Metropolis et al., J. Chemical Physics 21, 1953).

    Raises
    ------
    UsageError
        If there is none.
    """
    failed = 0
    while failed < TRIES:
        genotype = space.sample(rng)
        failed += 1
        if limits.met_by(cost_of(genotype)):
            failed = 0
            yield genotype
    vector = space.encode(require_feasible(space, cost_of, limits))
    while True:
        for _ in range(STEPS * len(space)):
            trial, gene = vector.copy(), int(rng.integers(len(space)))
            trial[gene] = rng.integers(space.sizes[gene])
            if limits.met_by(cost_of(space.decode(trial))):
                vector = trial
        yield space.decode(vector)


def distinct_draws(
    space: SearchSpace,
    cost_of: Callable[[Genotype], Cost],
    limits: Limits,
    rng: np.random.Generator,
    known: Collection[Genotype] = (),
) -> Iterator[Genotype]:
    """Yield `feasible_draws` once each, until the space seems exhausted.

    Parameters
    ----------
    known : not to be drawn either
    """
    draws, drawn = feasible_draws(space, cost_of, limits, rng), set(known)
    while len(drawn) < space.count:
        new = next((g for g in islice(draws, REPEATED) if g not in drawn), None)
        if new is None:
            return
        drawn.add(new)
        yield new


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
