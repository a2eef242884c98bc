"""Kendall's tau with its interval, and the sample of architectures it is measured on."""

import itertools
import json
from functools import partial

import numpy as np
import pytest
from scipy.stats import kendalltau
from toy import HEARD

from asc_nas.core.errors import UsageError
from asc_nas.cost.counts import count
from asc_nas.search import ranking
from asc_nas.search.ranking import (
    PREDICTORS,
    RankedNetwork,
    Ranking,
    StandaloneScores,
    agreement,
    ranking_table,
    regret,
    sample_over_cost,
)
from asc_nas.space.genotype import Genotype
from asc_nas.space.netspec import resolve
from asc_nas.space.search_space import SearchSpace, SpaceConfig
from asc_nas.space.skeleton import skeleton_from

SKELETON = skeleton_from("cp_mobile")
SPACE = SearchSpace.build(
    SpaceConfig(kernels=(("t3", "t5", "f3", "f5"),), max_paths=2, skip=True), SKELETON
)


def cost_of(genotype):
    return count(resolve(genotype, SKELETON, HEARD.size, 9), HEARD)


def tau_by_pairs(a, b):
    """Kendall's tau without ties, pair by pair."""
    pairs = list(itertools.combinations(range(len(a)), 2))
    signs = [np.sign((a[i] - a[j]) * (b[i] - b[j])) for i, j in pairs]
    return sum(signs) / len(pairs)


def test_tau_counts_concordant_and_discordant_pairs():
    rng = np.random.default_rng(0)
    a = rng.normal(size=30)
    b = a + rng.normal(size=30)
    found = agreement(a, b, np.random.default_rng(1))
    assert found.tau == pytest.approx(tau_by_pairs(a, b))
    assert found.low < found.tau < found.high
    assert agreement(a, -b, rng).tau == pytest.approx(-found.tau)


def test_ties_count_as_in_scipy():
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 6, 40), rng.integers(0, 9, 40)
    found = agreement(a, b, np.random.default_rng(1), draws=50)
    drawn = np.random.default_rng(1).integers(0, 40, (50, 40))
    taus = [kendalltau(a[rows], b[rows]).statistic for rows in drawn]
    assert found.tau == pytest.approx(kendalltau(a, b).statistic)
    assert (found.low, found.high) == pytest.approx(np.quantile(taus, (0.025, 0.975)))


def test_the_interval_narrows_with_more_architectures():
    def width(n):
        rng = np.random.default_rng(0)
        a = rng.normal(size=n)
        found = agreement(a, a + rng.normal(size=n), rng, draws=500)
        return found.high - found.low

    assert width(200) < width(20) / 2


def test_a_constant_score_has_no_tau():
    found = agreement([1.0] * 8, range(8), np.random.default_rng(0), draws=50)
    assert np.isnan(found.tau)
    assert np.isnan(found.low)


def test_the_sample_covers_the_whole_range_of_cost_evenly():
    drawn = sample_over_cost(SPACE, cost_of, 32, np.random.default_rng(0))
    assert len(set(drawn)) == 32
    assert all(genotype in SPACE for genotype in drawn)
    macs = np.array([cost_of(genotype).macs for genotype in drawn])
    rng = np.random.default_rng(1)
    uniform = np.array([cost_of(SPACE.sample(rng)).macs for _ in range(2000)])
    assert macs.min() < np.quantile(uniform, 0.01)
    assert macs.max() > np.quantile(uniform, 0.99)
    gaps = np.diff(np.sort(macs))
    assert gaps.max() < 3 * (macs.max() - macs.min()) / 32


def test_a_sample_near_networks_has_about_half_of_their_choices():
    near = [Genotype.parse(" ".join(["t5e2w1", "f5e2w1"] * 3))]

    def shared(genotypes):
        return np.mean(
            [np.mean([a == b for a, b in zip(g, near[0], strict=True)]) for g in genotypes]
        )

    rng = np.random.default_rng(0)
    drawn = sample_over_cost(SPACE, cost_of, 32, rng, near=near)
    assert len(set(drawn)) == 32
    assert all(genotype in SPACE for genotype in drawn)
    assert shared(sample_over_cost(SPACE, cost_of, 32, rng)) < 0.2
    assert 0.3 < shared(drawn) < 0.7


def test_the_sample_depends_on_the_generator_alone():
    drawn = [sample_over_cost(SPACE, cost_of, 12, np.random.default_rng(s)) for s in (3, 3, 4)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_more_networks_than_the_space_has_are_refused():
    tiny = SPACE.restrict(lambda block, gene: str(gene) in ("t3e2w1", "f3e2w1"))
    assert tiny.count == 64
    with pytest.raises(UsageError, match="64"):
        sample_over_cost(tiny, cost_of, 65, np.random.default_rng(0))
    assert len(sample_over_cost(tiny, cost_of, 64, np.random.default_rng(0))) == 64


def test_regret_is_the_loss_of_trusting_the_top_score():
    assert regret([0.1, 0.9, 0.5], [0.7, 0.6, 0.8]) == pytest.approx(0.2)
    assert regret([0.1, 0.2, 0.9], [0.7, 0.6, 0.8]) == 0


def ranked(macro_f1, log_loss, repeats=1):
    alone = StandaloneScores(macro_f1=macro_f1, log_loss=log_loss)
    return RankedNetwork(
        genotype="t3e2w1",
        macs=1,
        params=1,
        macro_f1=macro_f1,
        log_loss=1 - macro_f1,
        macro_f1_as_trained=macro_f1,
        log_loss_as_trained=1.0,
        standalone=[alone] * repeats,
        standalone_macro_f1=macro_f1,
        standalone_log_loss=log_loss,
    )


def test_the_sign_of_a_predictor_says_which_way_is_better():
    networks = [ranked(v, -v) for v in (0.2, 0.5, 0.9)]
    table = ranking_table(networks, {"macro_f1": 1, "log_loss": -1}, np.random.default_rng(0))
    assert [row.macro_f1.tau for row in table] == [1.0, 1.0]
    assert [row.log_loss.tau for row in table] == [1.0, 1.0]
    assert [row.regret for row in table] == [0.0, 0.0]


def test_the_two_truths_are_kept_apart():
    """The macro-F1 of stand-alone training orders these one way, its log loss the other."""
    networks = [ranked(v, v) for v in (0.2, 0.5, 0.9)]
    (row,) = ranking_table(networks, {"macro_f1": 1}, np.random.default_rng(0))
    assert row.macro_f1.tau == 1.0
    assert row.log_loss.tau == -1.0


def test_a_ranking_is_read_as_it_was_written_and_two_seeds_are_compared(tmp_path, monkeypatch):
    monkeypatch.setattr(ranking, "agreement", partial(agreement, draws=20))
    rng, path = np.random.default_rng(0), tmp_path / "rank.json"
    one, two = (
        Ranking.of("made up", [ranked(v, v, n) for v in (0.2, 0.5, 0.9)], rng) for n in (1, 2)
    )
    assert one.between_seeds is None
    assert two.between_seeds.macro_f1.tau == 1.0
    two.write(path)
    assert Ranking.read(path).networks == two.networks
    keys = ["format", "data", "repeats", "agreement", "between_seeds", "networks"]
    keys.append("checksum")
    assert list(json.loads(path.read_text())) == keys
    assert [row.predictor for row in two.agreement] == list(PREDICTORS)
