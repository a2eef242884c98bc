"""Strict fairness: every candidate of every block exactly once per step."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asc_nas.audio.logmel import PRESETS
from asc_nas.core.errors import UsageError
from asc_nas.space.search_space import SearchSpace, SpaceConfig
from asc_nas.space.skeleton import skeleton_from
from asc_nas.training.path_samplers import SAMPLERS, StrictFairSampler, UniformSampler

SKELETON = skeleton_from("cp_mobile")
SPACE = SearchSpace.build(SpaceConfig(), SKELETON)
UNEQUAL = SearchSpace.build(SpaceConfig(skip=True), SKELETON)


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32), number=st.integers(0, 10_000))
def test_every_candidate_of_every_block_exactly_once_per_step(seed, number):
    genotypes = StrictFairSampler(SPACE, seed).step(number)
    assert len(genotypes) == 6
    for block, candidates in enumerate(SPACE.candidates):
        assert Counter(g.blocks[block] for g in genotypes) == Counter(candidates)


@pytest.mark.parametrize("steps", [1, 2, 5, 13])
def test_blocks_with_fewer_candidates_stay_within_one_update(steps):
    sampler = StrictFairSampler(UNEQUAL, 3)
    assert set(UNEQUAL.sizes) == {6, 7}
    genotypes = [g for number in range(steps) for g in sampler.step(number)]
    for block, candidates in enumerate(UNEQUAL.candidates):
        counts = Counter(g.blocks[block] for g in genotypes)
        updates = [counts[gene] for gene in candidates]
        assert max(updates) - min(updates) <= (0 if len(candidates) == 7 else 1)


def test_the_flattened_list_is_permuted_not_its_factors():
    # Shuffling 3 kernels and 2 expansions apart and taking their product reaches 12 of 720 orders.
    sampler = StrictFairSampler(SPACE, 0)
    orders = {tuple(g.blocks[0] for g in sampler.step(number)) for number in range(400)}
    assert len(orders) > 200


def test_blocks_are_permuted_independently():
    sampler = StrictFairSampler(SPACE, 0)
    pairs = Counter(
        (str(g.blocks[0]), str(g.blocks[2])) for n in range(600) for g in sampler.step(n)
    )
    assert len(pairs) == 36
    assert min(pairs.values()) > 60  # 100 expected of each


@pytest.mark.parametrize("name", list(SAMPLERS))
def test_a_step_depends_on_its_number_alone(name):
    sampler = SAMPLERS[name](UNEQUAL, 5)
    late = sampler.step(7)
    assert SAMPLERS[name](UNEQUAL, 5).step(7) == late
    assert SAMPLERS[name](UNEQUAL, 6).step(7) != late
    assert sampler.step(8) != late


def test_uniform_sampling_has_as_many_passes_but_no_balance():
    genotypes = UniformSampler(SPACE, 0).step(0)
    assert len(genotypes) == 6
    assert any(
        Counter(g.blocks[b] for g in genotypes) != Counter(SPACE.candidates[b]) for b in range(6)
    )


def test_an_unknown_sampler_gets_the_closest_name():
    with pytest.raises(UsageError, match="Did you mean 'strict_fair'"):
        SAMPLERS["strictfair"]


@pytest.mark.parametrize("passes", [1, 4, 6, 9])
def test_with_a_set_number_of_passes_decks_span_steps(passes):
    sampler = StrictFairSampler(UNEQUAL, 3, passes)
    drawn = []
    for number in range(25):
        genotypes = sampler.step(number)
        assert len(genotypes) == passes
        drawn += genotypes
        for block, candidates in enumerate(UNEQUAL.candidates):
            counts = Counter(g.blocks[block] for g in drawn)
            updates = [counts[gene] for gene in candidates]
            assert max(updates) - min(updates) <= 1


def test_samplers_of_the_same_number_of_passes_have_equal_budgets():
    for name in SAMPLERS:
        assert len(SAMPLERS[name](UNEQUAL, 0, 5).step(3)) == 5


HEARING = SearchSpace.build(
    SpaceConfig(
        channels=((8, 16), (16, 32), (24, 40)), frontends=({}, {"n_mels": 40}, {"n_mels": 80})
    ),
    skeleton_from("cp_mobile"),
    PRESETS["esc10"],
)


@pytest.mark.parametrize("name", list(SAMPLERS))
def test_all_networks_of_a_step_hear_the_same_and_every_input_comes_in_turn(name):
    sampler = SAMPLERS[name](HEARING, 0)
    steps = [sampler.step(number) for number in range(12)]
    heard = [{genotype.genes[0] for genotype in genotypes} for genotypes in steps]
    assert all(len(inputs) == 1 for inputs in heard)
    for first in range(0, 12, 3):
        assert set().union(*heard[first : first + 3]) == set(HEARING.candidates[0])


def test_channels_are_dealt_as_fairly_as_kernels():
    sampler = SAMPLERS["strict_fair"](HEARING, 0)
    assert sampler.passes == max(HEARING.sizes[1:])
    for number in range(6):
        genotypes = sampler.step(number)
        for choice in range(1, len(HEARING)):
            drawn = Counter(genotype.genes[choice] for genotype in genotypes)
            assert max(drawn.values()) - min(drawn.values()) <= 1
            assert set(drawn) == set(HEARING.candidates[choice])
