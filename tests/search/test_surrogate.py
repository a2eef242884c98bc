"""Search by a surrogate, its verdict on whether searching pays, and hand-made networks in it."""

from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError
from toy import HEARD, SEARCHES

from asc_nas.cost.counts import count
from asc_nas.search import verdict as verdict_module
from asc_nas.search.config import SearchConfig
from asc_nas.search.evaluator import CachedEvaluator
from asc_nas.search.limits import Limits
from asc_nas.search.objectives import DEFAULT_OBJECTIVES, Evaluation, Objective
from asc_nas.search.pareto import hypervolume, pareto_set
from asc_nas.search.ranking import Agreement, sample_over_cost
from asc_nas.search.strategies import new_strategy, search_with
from asc_nas.search.surrogate import Surrogate, scored_by
from asc_nas.search.verdict import Predicted, Predictor, expected, predictor, verdict
from asc_nas.space.genotype import Genotype
from asc_nas.space.netspec import resolve
from asc_nas.space.search_space import SearchSpace, SpaceConfig
from asc_nas.space.skeleton import skeleton_from

SKELETON = skeleton_from("cp_mobile")
SPACE = SearchSpace.build(SpaceConfig(widths=(0.5, 1.0)), SKELETON)
F1 = DEFAULT_OBJECTIVES[0]
HAND_MADE = Genotype.parse(" ".join(["t5e2w1", "f5e2w1"] * 3))


def cost_of(genotype):
    return count(resolve(genotype, SKELETON, HEARD.size, 9), HEARD)


def judged_by(rule, genotypes):
    evaluations = []
    for genotype in genotypes:
        cost, f1 = cost_of(genotype), rule(genotype)
        evaluations.append(Evaluation(genotype, f1, f1, 1 - f1, cost.macs, cost.params))
    return evaluations


def by_genes(genotype):
    """Large kernels pay in early blocks, width in late ones: additive, and not a matter of cost."""
    taps = [max(k.frequency, k.time) for gene in genotype for k in gene.kernels]
    widths = [gene.width for gene in genotype]
    return 0.3 + 0.02 * sum(taps[:3]) - 0.01 * sum(taps[3:]) + 0.05 * sum(widths[3:])


def by_size(genotype):
    return float(0.05 * np.log(cost_of(genotype).macs))


def searched(strategy, rule, seed=0, rounds=5, shared=None, **settings):
    config = SearchConfig(population=6, generations=rounds, strategy=strategy, **settings)
    evaluate = CachedEvaluator(lambda genotypes: judged_by(rule, genotypes))
    found = search_with(new_strategy(config, SPACE, cost_of, seed, [HAND_MADE], shared), evaluate)
    return [evaluation for generation in found for evaluation in generation]


def volume(evaluations):
    nadir = {"macro_f1": 0.0, "macs": float(cost_of(SPACE.largest()).macs)}
    front = pareto_set(evaluations, DEFAULT_OBJECTIVES)
    return hypervolume(front, DEFAULT_OBJECTIVES, {"macro_f1": 1.0, "macs": 0.0}, nadir)


def test_predictions_find_an_additive_rule_in_a_few_dozen_networks():
    rng = np.random.default_rng(0)
    seen = judged_by(by_genes, [SPACE.sample(rng) for _ in range(40)])
    unseen = judged_by(by_genes, [SPACE.sample(rng) for _ in range(40)])
    mean, spread = Surrogate(SPACE, seen, "macro_f1").predict(unseen)
    truth = np.array([e.macro_f1 for e in unseen])
    assert np.corrcoef(mean, truth)[0, 1] > 0.95
    assert (spread > 0).all()


def test_what_counts_wherever_it_stands_is_found_in_fewer():
    def by_count(genotype):
        along_time = sum(k.time > 1 for gene in genotype for k in gene.kernels)
        return 0.3 + 0.03 * along_time + float(rng.normal(0, 0.01))

    rng = np.random.default_rng(0)
    space = SearchSpace.build(
        SpaceConfig(kernels=(("t3", "t5", "f3", "f5"),), widths=(0.5, 1.0)), SKELETON
    )
    seen = judged_by(by_count, [space.sample(rng) for _ in range(20)])
    unseen = judged_by(by_count, [space.sample(rng) for _ in range(40)])
    model = Surrogate(space, seen, "macro_f1")
    mean, spread = model.predict(unseen)
    assert np.corrcoef(mean, [e.macro_f1 for e in unseen])[0, 1] > 0.8
    assert model.predict(seen)[1].mean() < spread.mean()  # surer of what was seen


def test_the_noise_of_a_judgement_is_not_taken_for_doubt_about_the_network():
    rng = np.random.default_rng(0)
    genotypes = [SPACE.sample(rng) for _ in range(40)]
    seen = judged_by(lambda _: 0.5 + float(rng.normal(0, 0.1)), genotypes)
    assert Surrogate(SPACE, seen, "macro_f1").predict(seen)[1].mean() < 0.05


def test_every_pair_is_expected_by_a_model_that_has_seen_neither():
    rng = np.random.default_rng(0)
    judged = judged_by(by_genes, [SPACE.sample(rng) for _ in range(18)])
    found = expected(SPACE, judged, F1)
    assert (found.unseen[:, :, None] & found.unseen[:, None]).any(0).all()
    for values, unseen in zip(found.values[:2], found.unseen[:2], strict=True):
        assert unseen.sum() == 6
        changed = [
            replace(e, macro_f1=0.0) if u else e for e, u in zip(judged, unseen, strict=True)
        ]
        seen = [e for e, u in zip(changed, unseen, strict=True) if not u]
        assert values == pytest.approx(Surrogate(SPACE, seen, "macro_f1").predict(changed)[0])
    lower = expected(SPACE, judged, Objective(name="macro_f1", sense="min"))
    assert (lower.values == -found.values).all()


def test_of_a_handful_of_networks_nothing_is_expected():
    judged = judged_by(by_genes, [SPACE.sample(np.random.default_rng(0)) for _ in range(3)])
    assert not expected(SPACE, judged, F1).values.any()
    assert not verdict(SPACE, judged, F1, np.random.default_rng(0)).pays


def test_networks_are_compared_by_those_who_have_seen_neither():
    values = np.array([[1.0, 2.0, 4.0], [9.0, 2.0, 0.0], [0.0, 5.0, 1.0]])
    unseen = np.array([[True, True, False], [True, False, True], [True, True, False]])
    found = Predicted(values, unseen).differences
    assert found.tolist() == [[0, -3, 9], [3, 0, 0], [-9, 0, 0]]
    assert Predicted.of([3.0, 1.0]).differences.tolist() == [[0, 2], [-2, 0]]


def test_at_equal_cost_only_networks_of_a_band_are_compared_and_cost_says_nothing():
    macs = np.exp(np.arange(9.0)).tolist()  # three bands of three
    bend = np.tile([1.0, -2.0, 1.0], 3)
    truth = (np.arange(9) + bend * np.repeat([1, 2, 3], 3)).tolist()
    rng = np.random.default_rng(0)
    alike = predictor(Predicted.of((bend * np.repeat([3, 2, 1], 3)).tolist()), truth, macs, rng)
    assert alike.in_bands.tau == pytest.approx(1)  # across bands the order is another
    assert alike.overall.tau < 0.5
    assert predictor(Predicted.of((-bend).tolist()), truth, macs, rng).in_bands.tau < -0.99


def test_size_is_not_forgotten_among_many_genes():
    """In one network of six a gene that says nothing goes with size by chance."""
    space = SearchSpace.build(SpaceConfig(widths=(0.5, 0.75, 1.0)), SKELETON)
    rng, own, by_cost = np.random.default_rng(0), [], []
    for _ in range(6):
        genotypes = sample_over_cost(space, cost_of, 24, rng)
        seen = judged_by(lambda g: by_size(g) + float(rng.normal(0, 0.01)), genotypes)
        truth, macs = [e.macro_f1 for e in seen], [e.macs for e in seen]
        for taus, one in (own, expected(space, seen, F1)), (by_cost, Predicted.of(macs)):
            taus.append(predictor(one, truth, macs, np.random.default_rng(0)).overall.tau)
    assert np.mean(own) > np.mean(by_cost) - 0.02


@pytest.mark.slow
def test_where_nothing_can_be_known_networks_left_out_are_not_ordered_backwards():
    """As they would be by predictions of each that are made without it alone."""
    genotypes = sample_over_cost(SPACE, cost_of, 20, np.random.default_rng(0))
    noise = dict(zip(genotypes, np.random.default_rng(1).normal(0, 0.05, 20), strict=True))
    pairs, alone = [], []
    for sign in 1, -1:
        seen = judged_by(lambda g: by_size(g) + float(sign * noise[g]), genotypes)  # noqa: B023
        truth, macs = [e.macro_f1 for e in seen], [e.macs for e in seen]
        left_out = [
            float(Surrogate(SPACE, [o for o in seen if o != e], "macro_f1").predict([e])[0][0])
            for e in seen
        ]
        for taus, one in (pairs, expected(SPACE, seen, F1)), (alone, Predicted.of(left_out)):
            taus.append(predictor(one, truth, macs, np.random.default_rng(0)).in_bands.tau)
    assert np.mean(alone) < -0.3
    assert abs(np.mean(pairs)) < 0.2


def test_the_first_networks_are_hand_made_near_these_and_of_random_search():
    first = [e.genotype for e in searched({"name": "surrogate", "first": 21}, by_genes, rounds=1)]
    drawn = [e.genotype for e in searched({"name": "random"}, by_genes, rounds=2)]
    near, uniform = first[1:11], first[11:]
    assert first[0] == HAND_MADE
    assert uniform == [g for g in drawn if g not in first[:11]][:10]
    assert len(set(first)) == 21

    def shared(genotypes):
        pairs = [zip(genotype, HAND_MADE, strict=True) for genotype in genotypes]
        return np.mean([a == b for pair in pairs for a, b in pair])

    assert shared(near) > 0.4 > 0.2 > shared(uniform)
    macs = [[cost_of(genotype).macs for genotype in genotypes] for genotypes in (near, uniform)]
    assert np.std(macs[0]) > np.std(macs[1])


ASKING = {"name": "surrogate", "first": 20, "supernet": True}


def test_networks_that_the_supernet_favours_are_among_the_first():
    shared = CachedEvaluator(lambda genotypes: judged_by(by_genes, genotypes))
    first = [
        e.genotype for e in searched(ASKING, by_size, rounds=1, shared=shared, judge="training")
    ]
    front = {e.genotype for e in pareto_set(shared.known.values(), DEFAULT_OBJECTIVES)}
    assert len(front & set(first)) >= 5
    assert first[0] == HAND_MADE
    assert len(set(first)) == len(first) <= 20
    alone = {e.genotype for e in searched({**ASKING, "supernet": False}, by_size, rounds=1)}
    assert len(front & alone) < 5


def test_what_the_supernet_says_of_networks_is_known_to_the_model():
    """A score that no feature can tell: drawn for each network, and known to the supernet."""
    rng = np.random.default_rng(0)
    genotypes = list(dict.fromkeys(SPACE.sample(rng) for _ in range(60)))
    drawn = dict(zip(genotypes, rng.random(len(genotypes)), strict=True))
    networks = judged_by(drawn.__getitem__, genotypes)
    truth = [e.macro_f1 for e in networks[30:]]

    def predicted(shared):
        model = Surrogate(SPACE, networks[:30], "macro_f1", scored_by(shared, "macro_f1"))
        return model.predict(networks[30:])[0]

    assert (
        np.corrcoef(predicted(lambda asked: judged_by(drawn.__getitem__, asked)), truth)[0, 1] > 0.9
    )
    assert abs(np.corrcoef(predicted(None), truth)[0, 1]) < 0.6


def test_no_supernet_is_asked_for_more_networks_than_the_strategy_says():
    asked = []

    def shared(genotypes):
        asked.extend(genotypes)
        return judged_by(by_genes, genotypes)

    one = CachedEvaluator(shared)
    searched(ASKING, by_size, rounds=1, shared=one, judge="training")
    settings = SearchConfig(strategy=ASKING, judge="training")
    assert 0 < len(asked) <= settings.strategy.asks
    assert settings.trains_supernet
    assert not SearchConfig(strategy="surrogate", judge="training").trains_supernet
    assert SearchConfig().trains_supernet


def test_a_supernet_that_judges_is_not_asked_besides():
    with pytest.raises(ValidationError, match="judges already"):
        SearchConfig(strategy=ASKING)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_it_finds_a_better_front_than_random_search_with_as_many_judgements(seed):
    own = searched({"name": "surrogate", "first": 20}, by_genes, seed)
    control = searched("random", by_genes, seed, rounds=len(own) // 6 + 1)[: len(own)]
    assert len(control) == len(own)
    assert volume(own) > volume(control)


def test_a_round_may_be_for_the_best_score_or_for_the_whole_front():
    """The rule of size: the best score is that of the largest, the front begins at the smallest."""
    first = len(searched({"name": "surrogate", "first": 20}, by_size, rounds=1))

    def asked(best):
        strategy = {"name": "surrogate", "first": 20, "best": best, "enough": 1e-4}
        found = searched(strategy, by_size, rounds=2)
        known = max(e.macro_f1 for e in found[:first])
        return found[first:], sum(e.macro_f1 > known for e in found[first:])

    for_score, better = asked(best=1.0)
    assert better == len(for_score) > 0
    for_front, better = asked(best=0.0)
    assert better < len(for_front)
    assert len({e.genotype for e in for_score}) == len(for_score)


def test_the_search_ends_when_nothing_more_is_promised():
    found = searched({"name": "surrogate", "first": 20, "enough": 0.5}, by_genes)
    assert len(found) <= 21  # the first round alone


@pytest.mark.parametrize("strategy", ["nsga2", "surrogate"])
def test_hand_made_networks_are_judged_first_so_the_front_is_never_worse(strategy):
    found = searched(strategy, by_genes)
    (own,) = [e for e in found if e.genotype == HAND_MADE]
    assert found.index(own) < 25
    front = pareto_set(found, DEFAULT_OBJECTIVES)
    assert any(e.macro_f1 >= own.macro_f1 and e.macs <= own.macs for e in front)


@pytest.mark.parametrize("strategy", SEARCHES)
def test_hand_made_networks_that_break_a_limit_are_not_judged(strategy):
    macs = cost_of(HAND_MADE).macs
    found = searched(strategy, by_genes, limits=Limits(max_macs=macs - 1))
    assert found
    assert all(e.macs < macs for e in found)


def test_a_limit_that_hardly_any_network_meets_still_finds_one():
    smallest = min(cost_of(SPACE.decode([c] * 6)).macs for c in range(SPACE.sizes[0]))
    found = searched("nsga2", by_genes, limits=Limits(max_macs=smallest))
    assert {e.macs for e in found} == {smallest}


@pytest.mark.slow
def test_a_rule_of_genes_pays_and_a_rule_of_size_does_not():
    genotypes = sample_over_cost(SPACE, cost_of, 30, np.random.default_rng(0))
    rng = np.random.default_rng(1)
    pays = verdict(SPACE, judged_by(by_genes, genotypes), F1, rng)
    assert pays.pays
    assert not pays.ends
    assert pays.surrogate.in_bands.tau > 0.6
    noise = np.random.default_rng(2).normal(0, 1e-3, len(genotypes))
    sized = [
        e.__class__(e.genotype, e.macro_f1 + n, e.accuracy, e.log_loss, e.macs, e.params)
        for e, n in zip(judged_by(by_size, genotypes), noise, strict=True)
    ]
    not_worth_it = verdict(SPACE, sized, F1, rng)
    assert not not_worth_it.pays
    assert not_worth_it.macs.overall.tau > 0.9
    assert not_worth_it.ends
    assert "Nothing shows" in not_worth_it.sentence
    assert "search.stop_sign=false" in not_worth_it.sentence
    searched_on = not_worth_it.model_copy(update={"searched_on": True})
    assert not searched_on.ends
    assert searched_on.sentence.endswith("The search goes on, as search.stop_sign is off.")


@pytest.mark.slow
def test_a_supernet_that_knows_what_the_surrogate_cannot_makes_the_search_pay():
    genotypes = sample_over_cost(SPACE, cost_of, 30, np.random.default_rng(0))
    drawn = dict(zip(genotypes, np.random.default_rng(1).random(30), strict=True))
    judged = judged_by(drawn.__getitem__, genotypes)

    def known(genotypes):
        return judged_by(drawn.__getitem__, genotypes)

    def unknown(genotypes):
        return judged_by(by_size, genotypes)

    rng = np.random.default_rng(2)
    found = verdict(SPACE, judged, F1, rng, known)
    assert found.pays
    assert found.supernet.overall.tau == found.supernet.in_bands.tau == pytest.approx(1)
    assert found.surrogate.in_bands.tau > 0.6
    assert "supernets 1.00" in found.sentence
    not_known = verdict(SPACE, judged, F1, rng, unknown)
    assert abs(not_known.supernet.overall.tau) < 0.3
    assert "supernets" not in verdict(SPACE, judged, F1, rng).sentence


@pytest.mark.parametrize(
    ("tau", "low", "pays", "told"),
    [(0.3, 0.1, True, "can tell"), (0.3, -0.1, True, "may tell"), (0.15, 0.1, False, "Nothing")],
)
def test_a_search_goes_on_where_it_is_likelier_to_be_useful_than_chance(
    tau, low, pays, told, monkeypatch
):
    agreement = Agreement(tau=tau, low=low, high=0.9)
    found = Predictor(overall=agreement, in_bands=agreement)
    monkeypatch.setattr(verdict_module, "predictor", lambda *arguments: found)
    judged = judged_by(by_genes, [SPACE.sample(np.random.default_rng(0)) for _ in range(3)])
    said = verdict(SPACE, judged, F1, np.random.default_rng(0))
    assert said.pays is pays
    assert told in said.sentence
