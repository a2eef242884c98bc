"""Weighted crowding distance, and the objectives' weights and signs in the search."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymoo.algorithms.moo.nsga2 import NSGA2
from pymoo.operators.survival.rank_and_crowding.metrics import get_crowding_function

from asc_nas.cost.counts import Cost
from asc_nas.search.config import SearchConfig
from asc_nas.search.objectives import Evaluation, Objective
from asc_nas.search.strategies import new_strategy, search_with
from asc_nas.search.strategies import nsga2 as nsga2_module
from asc_nas.search.strategies.crowding import WeightedCrowding, crowding_distance
from asc_nas.space.search_space import SearchSpace, SpaceConfig
from asc_nas.space.skeleton import skeleton_from

fronts = st.integers(1, 3).flatmap(
    lambda objectives: st.lists(
        st.lists(
            st.one_of(st.integers(0, 3), st.floats(-1e6, 1e6)),
            min_size=objectives,
            max_size=objectives,
        ),
        min_size=1,
        max_size=12,
    )
)


@given(fronts, st.floats(0.1, 10))
def test_equal_weights_give_pymoos_crowding_distance_exactly(front, weight):
    values = np.array(front, dtype=float)
    expected = get_crowding_function("cd").do(values)
    found = WeightedCrowding([weight] * values.shape[1]).do(values)
    np.testing.assert_array_equal(found, expected)


def test_weighted_distance_by_hand():
    # Extents 10 and 4: the inner points have gaps 0.5 and 0.8, and 0.75 and 1.0.
    values = np.array([[0, 4], [2, 3], [5, 1], [10, 0]])
    first, second = 3, 1  # mean weight 2
    found = crowding_distance(values, [first, second])
    inner = [(1.5 * 0.5 + 0.5 * 0.75) / 2, (1.5 * 0.8 + 0.5 * 0.75) / 2]
    assert found.tolist() == pytest.approx([np.inf, *inner, np.inf])


def test_only_ratios_of_weights_matter():
    values = np.random.default_rng(0).random((9, 3))
    np.testing.assert_allclose(
        crowding_distance(values, [2, 2, 1]), crowding_distance(values, [0.4, 0.4, 0.2])
    )


def test_an_objective_with_one_value_adds_nothing():
    values = np.array([[0.0, 7], [1, 7], [3, 7]])
    assert crowding_distance(values, [1, 5]).tolist() == pytest.approx([np.inf, 1 / 6, np.inf])


def test_the_search_uses_the_weights_in_the_order_of_the_objectives(monkeypatch):
    captured = {}

    class Captured(NSGA2):
        def __init__(self, **kwargs):
            captured.update(kwargs)
            super().__init__(**kwargs)

    monkeypatch.setattr(nsga2_module, "NSGA2", Captured)
    run_search(OBJECTIVES, generations=1)
    assert captured["survival"].crowding_func.weights == [2, 3, 1]


SKELETON = skeleton_from("cp_mobile")
SPACE = SearchSpace.build(SpaceConfig(), SKELETON)
OBJECTIVES = (
    Objective(name="macro_f1", sense="max", weight=2),
    Objective(name="latency_ms", sense="min", weight=3),
    Objective(name="params", sense="max", weight=1),
)


def toy_evaluate(genotypes):
    """F1 rises with the first two genes, latency with the middle two, parameters with the last."""
    found = []
    for genotype in genotypes:
        v = SPACE.encode(genotype) / 5
        f1, latency, params = (float(v[i] + v[i + 1]) for i in (0, 2, 4))
        found.append(Evaluation(genotype, f1, f1, 0.0, 1, int(params * 1000), latency))
    return found


def run_search(objectives, seed=0, generations=25, population=16):
    config = SearchConfig(population=population, generations=generations, objectives=objectives)
    strategy = new_strategy(config, SPACE, lambda genotype: Cost(1, 1, 1.0, 1, 1.0), seed)
    last = search_with(strategy, toy_evaluate)[-3:]
    return [evaluation for found in last for evaluation in found]


@pytest.mark.parametrize("turned", range(3))
def test_each_objective_is_followed_in_its_own_sense(turned):
    """The three do not compete here, so the end of the search has them all at their best."""
    objectives = list(OBJECTIVES)
    sense = {"max": "min", "min": "max"}[objectives[turned].sense]
    objectives[turned] = objectives[turned].model_copy(update={"sense": sense})
    found = run_search(objectives)
    for objective, middle in zip(objectives, (1, 1, 1000), strict=True):
        mean = np.mean([getattr(evaluation, objective.name) for evaluation in found])
        assert mean > middle * 1.3 if objective.sense == "max" else mean < middle * 0.7


def test_a_weight_shifts_which_of_a_crowded_front_survive():
    """Of two clusters, one spread in the first objective and one in the second, that with the
    heavier objective keeps more points."""
    from pymoo.core.population import Population
    from pymoo.core.problem import Problem
    from pymoo.operators.survival.rank_and_crowding import RankAndCrowding

    x = np.linspace(0, 0.5, 20)
    flat, steep = np.stack([x, 1 - 0.2 * x], 1), np.stack([0.5 + 0.2 * x, 0.9 - 1.8 * x], 1)
    values = np.concatenate([flat, steep])

    def kept_on_the_flat_part(weights):
        survival = RankAndCrowding(crowding_func=WeightedCrowding(weights))
        problem = Problem(n_var=1, n_obj=2)
        pop = Population.new(F=values, X=np.zeros((len(values), 1)))
        kept = survival.do(problem, pop, n_survive=20, random_state=np.random.default_rng(0)).get(
            "F"
        )
        return int((kept[:, 0] < 0.5).sum())

    assert kept_on_the_flat_part([9, 1]) > kept_on_the_flat_part([1, 9]) + 5
