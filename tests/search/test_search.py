"""NSGA-II on a space whose best trade-offs are known, and the parts it is made of."""

import itertools
import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymoo.core.problem import Problem
from pymoo.operators.crossover.ux import UniformCrossover
from toy import HEARD, SEARCHES

from asc_nas.core.errors import AscNasError, UsageError
from asc_nas.cost.counts import count
from asc_nas.search.config import SearchConfig
from asc_nas.search.evaluator import CachedEvaluator
from asc_nas.search.feasibility import require_feasible
from asc_nas.search.history import read_history, write_history
from asc_nas.search.limits import Limits
from asc_nas.search.objectives import DEFAULT_OBJECTIVES, Evaluation, Objective, to_minimise
from asc_nas.search.pareto import ParetoSet, choose, hypervolume, pareto_set, preferred
from asc_nas.search.strategies import new_strategy, search_with
from asc_nas.search.strategies.operators import FeasibleSampling, ResetMutation
from asc_nas.space.netspec import resolve
from asc_nas.space.search_space import SearchSpace, SpaceConfig
from asc_nas.space.skeleton import skeleton_from

SKELETON = skeleton_from("cp_mobile")
SPACE = SearchSpace.build(SpaceConfig(skip=True), SKELETON)


def cost_of(genotype):
    return count(resolve(genotype, SKELETON, HEARD.size, 9), HEARD)


def toy_evaluate(genotypes):
    """Judge by a known rule: large kernels and expansions are good, in some blocks more."""
    evaluations = []
    for genotype in genotypes:
        vector = SPACE.encode(genotype)
        f1 = float(np.sin(vector * np.arange(1, 7)).sum() / 12 + 0.5)
        cost = cost_of(genotype)
        evaluations.append(Evaluation(genotype, f1, f1, 1 - f1, cost.macs, cost.params))
    return evaluations


def search(seed=0, evaluate=None, **settings_):
    config = SearchConfig(**({"population": 12, "generations": 6} | settings_))
    strategy = new_strategy(config, SPACE, cost_of, seed)
    return search_with(strategy, evaluate or CachedEvaluator(toy_evaluate))


def made_up(f1, macs, text="t3e2w1"):
    genotype = type(SPACE.largest()).parse(text)
    return Evaluation(genotype, f1, f1, 0.0, macs, 1)


@pytest.mark.parametrize("strategy", SEARCHES)
def test_the_same_seed_takes_the_same_course_whatever_the_global_state(strategy):
    np.random.seed(1)
    first = search(seed=3, strategy=strategy, generations=3)
    np.random.seed(2)
    assert search(seed=3, strategy=strategy, generations=3) == first
    assert search(seed=4, strategy=strategy, generations=3) != first


@pytest.mark.parametrize("strategy", SEARCHES)
def test_a_search_over_remembered_evaluations_takes_the_same_course_and_asks_only_what_is_new(
    strategy,
):
    whole = search(generations=4, strategy=strategy)
    part = search(generations=2, strategy=strategy)
    asked = []

    def counting(genotypes):
        asked.extend(genotypes)
        return toy_evaluate(genotypes)

    known = [evaluation for generation in part for evaluation in generation]
    evaluate = CachedEvaluator(counting, known)
    resumed = search(generations=4, evaluate=evaluate, strategy=strategy)
    assert resumed == whole
    assert not {e.genotype for e in known} & set(asked)
    assert {e.genotype for e in known} | set(asked) == {
        e.genotype for generation in whole for e in generation
    }


def test_no_genotype_is_evaluated_twice_and_offspring_are_new():
    asked = []

    def counting(genotypes):
        asked.extend(genotypes)
        return toy_evaluate(genotypes)

    generations = search(evaluate=CachedEvaluator(counting))
    assert len(asked) == len(set(asked))
    assert len({e.genotype for e in generations[0]}) == 12


def test_nsga2_beats_random_search_at_the_same_number_of_evaluations():
    ideal, nadir = {"macro_f1": 1, "macs": 0}, {"macro_f1": 0, "macs": 60e6}
    gains = []
    for seed in range(5):
        found = {e for generation in search(seed=seed, generations=15) for e in generation}
        (control,) = search(seed=seed, strategy="random", population=len(found), generations=1)
        assert len(set(control)) == len(found)
        volumes = [hypervolume(list(e), DEFAULT_OBJECTIVES, ideal, nadir) for e in (found, control)]
        gains.append(volumes[0] - volumes[1])
    assert np.mean(gains) > 0.01


@pytest.mark.parametrize("strategy", SEARCHES)
def test_limits_are_constraints_and_what_breaks_them_is_not_judged(strategy):
    limit = 6_000_000
    asked = []

    def counting(genotypes):
        asked.extend(genotypes)
        return toy_evaluate(genotypes)

    limits = Limits(max_macs=limit)
    search(evaluate=CachedEvaluator(counting), limits=limits, strategy=strategy)
    assert asked
    assert all(cost_of(genotype).macs <= limit for genotype in asked)


def test_an_impossible_limit_is_found_before_the_search():
    with pytest.raises(UsageError, match=r"max_macs_per_second.*smallest"):
        require_feasible(SPACE, cost_of, Limits(max_macs_per_second=1000))
    with pytest.raises(UsageError, match="max_param_bytes"):
        require_feasible(SPACE, cost_of, Limits(max_macs=10**9, max_param_bytes=2000))


@settings(max_examples=10)
@given(st.floats(0.0, 1.0))
def test_a_feasible_limit_is_recognised(share):
    costs = sorted(
        cost_of(SPACE.decode(v)).macs
        for v in itertools.product(*([0, size - 1] for size in SPACE.sizes))
    )
    limit = int(costs[0] + share * (costs[-1] - costs[0]))
    found = require_feasible(SPACE, cost_of, Limits(max_macs=limit))
    assert cost_of(found).macs <= limit


def test_limits_count_bytes_in_the_numeric_type_used():
    cost = cost_of(SPACE.largest())
    assert not Limits(max_param_bytes=cost.params * 2).met_by(cost)
    assert Limits(max_param_bytes=cost.params * 2, bytes_per_param=2).met_by(cost)
    assert Limits().met_by(cost)


def test_signs_of_objectives_are_applied_once():
    evaluations = [made_up(0.5, 10), made_up(0.7, 20)]
    objectives = [Objective(name="macro_f1", sense="max"), Objective(name="macs", sense="min")]
    assert to_minimise(evaluations, objectives).tolist() == [[-0.5, 10], [-0.7, 20]]
    turned = [Objective(name="macro_f1", sense="min"), Objective(name="macs", sense="max")]
    assert to_minimise(evaluations, turned).tolist() == [[0.5, -10], [0.7, -20]]


def test_a_misspelt_objective_gets_the_closest_name():
    with pytest.raises(UsageError, match="Did you mean 'macs'"):
        SearchConfig.parse({"objectives": [{"name": "mac", "sense": "min"}] * 2}, "config.yaml")


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=30))
def test_pareto_set_equals_the_definition(points):
    evaluations = [made_up(f1 / 5, macs) for f1, macs in points]
    members = pareto_set(evaluations, DEFAULT_OBJECTIVES)

    def dominated(e):
        return any(
            other.macro_f1 >= e.macro_f1
            and other.macs <= e.macs
            and (other.macro_f1, other.macs) != (e.macro_f1, e.macs)
            for other in evaluations
        )

    expected = {(e.macro_f1, e.macs) for e in evaluations if not dominated(e)}
    assert {(m.macro_f1, m.macs) for m in members} == expected
    assert len(members) == len(expected)
    assert [m.macs for m in members] == sorted(m.macs for m in members)


def test_hypervolume_by_hand():
    # Two rectangles of the unit box: 0.5 x 0.8 and (0.9 - 0.5) x 0.4.
    members = [made_up(0.5, 20), made_up(0.9, 60)]
    ideal, nadir = {"macro_f1": 1, "macs": 0}, {"macro_f1": 0, "macs": 100}
    assert hypervolume(members, DEFAULT_OBJECTIVES, ideal, nadir) == pytest.approx(0.4 + 0.16)


def test_chosen_members_are_spread_and_include_both_ends():
    members = [made_up(i / 10, i) for i in range(9)]
    assert choose(members, DEFAULT_OBJECTIVES, 3) == [0, 4, 8]
    assert choose(members[:2], DEFAULT_OBJECTIVES, 4) == [0, 1]
    assert choose(members, DEFAULT_OBJECTIVES, 1) == [8]


def test_the_preferred_member_is_best_in_the_first_score_of_the_objectives():
    members = [
        replace(made_up(0.8, 10), accuracy=0.7, log_loss=0.9),
        replace(made_up(0.9, 20), accuracy=0.8, log_loss=0.8),
        replace(made_up(0.7, 30), accuracy=0.9, log_loss=0.7),
    ]
    macs = Objective(name="macs", sense="min")
    loss, accuracy = (
        Objective(name="log_loss", sense="min"),
        Objective(name="accuracy", sense="max"),
    )
    assert preferred(members, DEFAULT_OBJECTIVES) == 1
    assert preferred(members, [macs]) == 1
    assert preferred(members, [macs, loss]) == preferred(members, [accuracy, loss]) == 2
    equal = [made_up(0.5, 10), made_up(0.9, 20), made_up(0.9, 30)]
    assert preferred(equal, DEFAULT_OBJECTIVES) == 1
    unknown = [SimpleNamespace(log_loss=None), SimpleNamespace(), *members]
    assert preferred(unknown, [loss]) == 4


def test_a_single_network_is_the_one_with_the_lowest_log_loss_where_that_is_searched_for():
    """Not the dearest: a third objective lets a dear one of a worse score stay on the front."""
    objectives = [Objective(name=name, sense="min") for name in ("log_loss", "macs", "latency_ms")]
    members = [
        replace(made_up(0.9, 10), log_loss=0.8, latency_ms=3.0),
        replace(made_up(0.6, 20), log_loss=0.5, latency_ms=2.0),
        replace(made_up(0.9, 30), log_loss=0.6, latency_ms=1.0),
    ]
    assert pareto_set(members, objectives) == members
    assert choose(members, objectives, 1) == [1]


def test_pareto_set_is_written_sorted_and_numbered_and_read_again(tmp_path):
    members = pareto_set([made_up(0.9, 60), made_up(0.5, 20)], DEFAULT_OBJECTIVES)
    ParetoSet.of(members).write(tmp_path / "pareto.json")
    document = json.loads((tmp_path / "pareto.json").read_text())
    assert [(row["id"], row["macs"]) for row in document["members"]] == [(0, 20), (1, 60)]
    names = ("id", "genotype", "macro_f1", "log_loss", "macs", "params", "ram_bytes", "latency_ms")
    assert tuple(document["members"][0]) == names
    again = ParetoSet.read(tmp_path / "pareto.json").members
    assert again == ParetoSet.of(members).members
    assert preferred(again, DEFAULT_OBJECTIVES) == 1


class TestOperators:
    problem = Problem(n_var=6, xl=0, xu=np.array(SPACE.sizes) - 1, vtype=int)

    def test_a_mutated_gene_changes_to_any_other_candidate(self):
        x = np.tile([2, 0, 1, 3, 4, 5], (4000, 1))
        mutation = ResetMutation(SPACE, prob_var=1.0)
        found = mutation._do(self.problem, x, random_state=np.random.default_rng(0))
        for block, size in enumerate(SPACE.sizes):
            values, counts = np.unique(found[:, block], return_counts=True)
            assert values.tolist() == [i for i in range(size) if i != x[0, block]]
            assert counts.min() > 0.7 * 4000 / (size - 1)

    def test_the_default_rate_is_one_gene_in_the_mean(self):
        x = np.zeros((4000, 6), dtype=int)
        found = ResetMutation(SPACE)._do(self.problem, x, random_state=np.random.default_rng(0))
        assert (found != x).sum(1).mean() == pytest.approx(1, abs=0.1)

    def test_uniform_crossover_swaps_genes_in_place(self):
        parents = np.stack([np.zeros((500, 6)), np.ones((500, 6))])
        found = UniformCrossover()._do(None, parents, random_state=np.random.default_rng(0))
        assert (found.sum(0) == 1).all()  # a gene goes to exactly one child, at its own block
        assert found[0].mean(0) == pytest.approx(np.full(6, 0.5), abs=0.1)

    def test_sampling_gives_distinct_feasible_genotypes(self):
        limits = Limits(max_macs=6_000_000)
        x = FeasibleSampling(SPACE, limits, cost_of)._do(
            self.problem, 20, random_state=np.random.default_rng(0)
        )
        assert len({tuple(v) for v in x}) == 20
        assert all(limits.met_by(cost_of(SPACE.decode(v))) for v in x)


def test_history_round_trips_exactly_and_belongs_to_one_supernet(tmp_path):
    path, scope = tmp_path / "history.parquet", {"supernet": "a", "split": "b"}
    generations = search(generations=2)
    write_history(path, generations, scope)
    assert read_history(path, scope) == [e for g in generations for e in g]
    assert read_history(path, scope | {"supernet": "c"}) == []
    assert read_history(tmp_path / "none", scope) == []
    path.write_bytes(b"PAR1 not really")
    with pytest.raises(AscNasError, match="not a list of what was judged"):
        read_history(path, scope)


def test_a_network_that_only_its_size_speaks_for_is_not_chosen():
    """Of worse score and no lower cost: on the front only because parameters are maximised."""
    objectives = (*DEFAULT_OBJECTIVES, Objective(name="params", sense="max"))
    good = [replace(made_up(0.5 + i / 10, 10 * i + 10), params=10) for i in range(3)]
    bloated = [replace(made_up(0.1, 10 * i + 11), params=1000 + i) for i in range(3)]
    members = pareto_set([*good, *bloated], objectives)
    assert {m.params for m in members} > {10}
    assert [members[i] for i in choose(members, objectives, 3)] == good
