"""Strategies by ask and tell: the course of NSGA-II is pymoo's own, settings go to one strategy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymoo.algorithms.moo.nsga2 import NSGA2
from pymoo.core.problem import Problem
from pymoo.operators.survival.rank_and_crowding import RankAndCrowding
from toy import HEARD, SEARCHES

from asc_nas.core.errors import UsageError
from asc_nas.cost.counts import count
from asc_nas.search.config import SearchConfig
from asc_nas.search.limits import Limits
from asc_nas.search.objectives import DEFAULT_OBJECTIVES, Evaluation, to_minimise
from asc_nas.search.strategies import STRATEGIES, StrategySettings, new_strategy, search_with
from asc_nas.search.strategies.crowding import WeightedCrowding
from asc_nas.search.strategies.operators import FeasibleSampling, ResetMutation, UniformCrossover
from asc_nas.space.genotype import Genotype
from asc_nas.space.netspec import resolve
from asc_nas.space.search_space import SearchSpace, SpaceConfig
from asc_nas.space.skeleton import skeleton_from

SKELETON = skeleton_from("cp_mobile")
SPACE = SearchSpace.build(SpaceConfig(skip=True), SKELETON)


def cost_of(genotype):
    return count(resolve(genotype, SKELETON, HEARD.size, 9), HEARD)


def judge(genotype):
    f1 = float(np.sin(SPACE.encode(genotype) * np.arange(1, 7)).sum() / 12 + 0.5)
    cost = cost_of(genotype)
    return Evaluation(genotype, f1, f1, 1 - f1, cost.macs, cost.params)


def judge_all(genotypes):
    return [judge(genotype) for genotype in genotypes]


class WholeProblem(Problem):
    """The search as pymoo runs it by itself; remembers what it judged, generation by generation."""

    def __init__(self, limits):
        self.limits, self.judged = limits, []
        bounds = len(limits.excess(cost_of(SPACE.largest())))
        upper = np.array(SPACE.sizes) - 1
        super().__init__(len(SPACE), 2, n_ieq_constr=bounds, xl=0, xu=upper, vtype=int)

    def _evaluate(self, x, out, *args, **kwargs):
        genotypes = [SPACE.decode(vector) for vector in x]
        meets = [self.limits.met_by(cost_of(genotype)) for genotype in genotypes]
        self.judged.append(judge_all(g for g, ok in zip(genotypes, meets, strict=True) if ok))
        out["F"] = np.full((len(x), 2), 1e30)
        out["F"][meets] = to_minimise(self.judged[-1], DEFAULT_OBJECTIVES)
        if self.n_ieq_constr:
            out["G"] = np.array([list(self.limits.excess(cost_of(g)).values()) for g in genotypes])


@settings(max_examples=15)
@given(st.integers(0, 1000), st.sampled_from([None, 3_900_000, 6_000_000]), st.booleans())
def test_nsga2_takes_the_course_that_pymoo_takes_by_itself(seed, max_macs, often):
    limits, mutation = Limits(max_macs=max_macs), 0.5 if often else None
    problem = WholeProblem(limits)
    algorithm = NSGA2(
        pop_size=8,
        sampling=FeasibleSampling(SPACE, limits, cost_of),
        crossover=UniformCrossover(prob=0.9),
        mutation=ResetMutation(SPACE, mutation),
        survival=RankAndCrowding(crowding_func=WeightedCrowding([1, 1])),
        eliminate_duplicates=True,
    )
    algorithm.setup(problem, termination=("n_gen", 5), seed=seed)
    while algorithm.has_next():
        algorithm.next()
    settings_ = {"name": "nsga2", "mutation": mutation}
    config = SearchConfig(population=8, generations=5, strategy=settings_, limits=limits)
    strategy = new_strategy(config, SPACE, cost_of, seed)
    assert search_with(strategy, judge_all) == [judged for judged in problem.judged if judged]
    assert strategy.population == [SPACE.decode(vector) for vector in algorithm.pop.get("X")]


@pytest.mark.parametrize("name", SEARCHES)
def test_a_search_ends_when_all_genotypes_of_the_space_are_judged(name):
    tiny = SPACE.restrict(lambda block, gene: gene in SPACE.candidates[block][: 1 + (block < 2)])
    assert tiny.count == 4
    config = SearchConfig(population=4, generations=50, strategy=name)
    (found,) = search_with(new_strategy(config, tiny, cost_of, 0), judge_all)
    assert len({evaluation.genotype for evaluation in found}) == 4


def test_hand_made_networks_are_judged_once_and_nothing_else_is():
    small, dear = "t3e2w1 f3e2w1", "t7e3w1 f7e3w1"
    own = [Genotype.parse(" ".join([pair] * 3)) for pair in (small, dear, "s3e9w1 s3e9w1")]
    limits = Limits(max_macs=cost_of(own[1]).macs - 1)
    config = SearchConfig(population=5, generations=9, strategy="hand_made", limits=limits)
    rounds = search_with(new_strategy(config, SPACE, cost_of, 0, own), judge_all)
    assert config.rounds == 1
    assert [[e.genotype for e in found] for found in rounds] == [own[:1]]
    free = SearchConfig(strategy="hand_made")
    (found,) = search_with(new_strategy(free, SPACE, cost_of, 0, own), judge_all)
    assert [e.genotype for e in found] == own[:2]


@pytest.mark.parametrize("own", [[], [Genotype.parse(" ".join(["s3e9w1"] * 6))]])
def test_without_a_hand_made_network_in_the_space_there_is_nothing_to_judge(own):
    config = SearchConfig(strategy="hand_made")
    with pytest.raises(UsageError, match=r"no network of 'baselines' is in the space.*another"):
        new_strategy(config, SPACE, cost_of, 0, own)


def test_rounds_are_told_as_they_end():
    told = []
    config = SearchConfig(population=5, generations=3, strategy="random")
    strategy = new_strategy(config, SPACE, cost_of, 0)
    rounds = search_with(strategy, judge_all, lambda number, found: told.append((number, found)))
    assert told == list(enumerate(rounds, start=1))
    assert [len(found) for found in rounds] == [5, 5, 5]


@pytest.mark.parametrize(
    "same",
    [
        {},
        {"mutation": None},
        {"strategy": "nsga2"},
        {"strategy": {"mutation": None}},
        {"strategy": {"name": "nsga2", "mutation": None}, "mutation": None},
    ],
)
def test_the_default_strategy_is_nsga2_however_it_is_written(same):
    assert SearchConfig.parse(same, "old or new") == SearchConfig()


@pytest.mark.parametrize(
    "values", [{}, {"strategy": "random"}, {"strategy": {"mutation": 0.2}}, {"mutation": 0.2}]
)
def test_settings_that_were_written_are_read_as_the_same(values):
    config = SearchConfig.parse(values, "test")
    assert SearchConfig.parse(config.model_dump(mode="json"), "config.yaml") == config
    assert getattr(config.strategy, "mutation", None) == (0.2 if "0.2" in str(values) else None)


def test_mutation_at_its_old_place_changes_a_run_of_today():
    values = SearchConfig().model_dump(mode="json") | {"mutation": 0.2}
    assert SearchConfig.parse(values, "test").strategy.mutation == 0.2


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"strategy": "nsga"}, "unknown search strategy 'nsga'. Did you mean 'nsga2'?"),
        ({"strategy": {"mutaton": 0.2}}, "unknown key 'mutaton'. Did you mean 'mutation'?"),
        ({"strategy": "random", "mutation": 0.2}, "search.strategy: unknown key 'mutation'"),
        ({"strategy": {"mutation": 2}}, "search.strategy: 'mutation': "),
        ({"strategy": {"name": [1]}}, "unknown search strategy"),
        ({"strategy": 3}, "'strategy': give a search strategy by its name"),
        ({"strategy": 3, "mutation": 0.2}, "give a search strategy by its name"),
    ],
)
def test_wrong_settings_of_a_strategy_are_refused(values, message):
    with pytest.raises(UsageError) as error:
        SearchConfig.parse(values, "x.yaml")
    assert str(error.value).startswith("x.yaml: ")
    assert message in str(error.value)


def test_every_strategy_has_settings_of_its_own_by_name():
    for name in STRATEGIES:
        made = SearchConfig(strategy=name).strategy
        assert type(made) is STRATEGIES[name]
        assert issubclass(STRATEGIES[name], StrategySettings)
