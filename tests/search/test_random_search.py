"""Random search draws uniformly among the networks that meet the limits, however rare they are."""

from collections import Counter
from functools import cache
from itertools import islice

import numpy as np
import pytest

from asc_nas.core.errors import UsageError
from asc_nas.cost.counts import Cost
from asc_nas.search import feasibility
from asc_nas.search.config import SearchConfig
from asc_nas.search.feasibility import distinct_draws, feasible_draws
from asc_nas.search.limits import Limits
from asc_nas.search.strategies import new_strategy
from asc_nas.space.search_space import SearchSpace, SpaceConfig
from asc_nas.space.skeleton import skeleton_from

SPACE = SearchSpace.build(SpaceConfig(skip=True), skeleton_from("cp_mobile"))
RARE = Limits(max_macs=2)
"""Of `cost_of`: met by 28 of the space's networks (1 + 6 + 6 + 15), of all but every 100,000th."""


@cache
def cost_of(genotype):
    return Cost(macs=int(SPACE.encode(genotype).sum()), params=1, seconds=1, ram_bytes=1)


def asked(limits, candidates=20, rounds=2):
    config = SearchConfig(
        strategy="random", limits=limits, population=candidates, generations=rounds
    )
    strategy = new_strategy(config, SPACE, cost_of, seed=0)
    return [genotype for _ in range(rounds) for genotype in strategy.ask()]


def test_what_meets_the_limits_once_in_thousands_is_found_and_all_of_it():
    few = asked(RARE, candidates=10)
    assert len(set(few)) == 20
    everything = asked(RARE)
    assert len(everything) == len(set(everything)) == 28
    assert all(cost_of(genotype).macs <= 2 for genotype in everything)


def test_what_is_known_is_not_drawn(monkeypatch):
    monkeypatch.setattr(feasibility, "REPEATED", 200)
    everything, rng = asked(RARE), np.random.default_rng(0)
    left = list(distinct_draws(SPACE, cost_of, RARE, rng, known=everything[:20]))
    assert len(left) == 8
    assert set(left) == set(everything[20:])


@pytest.mark.parametrize("tries", [0, 10**9])
def test_networks_that_meet_the_limits_are_drawn_equally_often(tries, monkeypatch):
    monkeypatch.setattr(feasibility, "TRIES", tries)
    limits = RARE if tries == 0 else Limits(max_macs=10)
    draws = islice(feasible_draws(SPACE, cost_of, limits, np.random.default_rng(0)), 1400)
    seen = Counter(cost_of(genotype).macs for genotype in draws)
    if tries:
        ways = np.array([1.0])
        for size in SPACE.sizes:  # of the sum, by enumeration
            ways = np.convolve(ways, np.ones(size))
        ways = ways[:11]
    else:
        ways = np.array([1, 6, 21])
    expected = 1400 * ways / ways.sum()
    found = np.array([seen[macs] for macs in range(len(ways))])
    assert found.sum() == 1400
    assert (abs(found - expected) <= 4 * np.sqrt(expected) + 1).all()


def test_where_nothing_meets_the_limits_that_is_told():
    dear = Cost(macs=3, params=1, seconds=1, ram_bytes=1)
    draws = feasible_draws(SPACE, lambda genotype: dear, RARE, np.random.default_rng(0))
    with pytest.raises(UsageError, match="max_macs: no genotype of this space comes below"):
        next(draws)
