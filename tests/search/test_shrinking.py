"""Shrinking: the worst candidates go, step by step, and never the ones that the limits need."""

import itertools
import json
import math
from collections import Counter

import numpy as np
import pytest
from toy import HEARD

from asc_nas.core.errors import AscNasError, UsageError
from asc_nas.cost.counts import count
from asc_nas.run.config import RunConfig
from asc_nas.search.feasibility import require_feasible
from asc_nas.search.limits import Limits
from asc_nas.search.objectives import Evaluation
from asc_nas.search.shrinking import ShrinkingConfig, ShrinkingSchedule, judge, target_size
from asc_nas.search.shrinking_log import read_events, remaining, write_events
from asc_nas.space.netspec import resolve
from asc_nas.space.search_space import SearchSpace, SpaceConfig
from asc_nas.space.skeleton import skeleton_from

SKELETON = skeleton_from("cp_mobile")
SPACE = SearchSpace.build(
    SpaceConfig(kernels=(("t3", "f3", "s5"),), max_paths=2, expansions=(1.5, 3), skip=True),
    SKELETON,
)
CONFIG = ShrinkingConfig(at=(4, 6, 9), keep=3, samples=60, cost_aware=False)


def cost_of(genotype):
    return count(resolve(genotype, SKELETON, HEARD.size, 9), HEARD)


def loss_of(gene):
    """Return what a gene adds to a known loss: t3 is good, s5 is bad."""
    if gene.is_skip:
        return 2.0
    texts = [str(kernel) for kernel in gene.kernels]
    return 0.5 * ("s5" in texts) - 0.7 * ("t3" in texts) - 0.1 * gene.expansion


def evaluation(genotype, loss):
    cost = cost_of(genotype)
    return Evaluation(genotype, -loss, 0.5, loss, cost.macs, cost.params)


class KnownLoss:
    """Judges by `loss_of` (or by what MACs alone buy), and remembers what it was asked."""

    def __init__(self, per_macs=0.0):
        self.per_macs = per_macs
        self.asked = []

    def __call__(self, genotypes):
        self.asked.append(tuple(genotypes))
        return [
            evaluation(g, sum(map(loss_of, g)) + self.per_macs * math.log(cost_of(g).macs))
            for g in genotypes
        ]


def schedule(config=CONFIG, evaluate=None, limits=None, **options):
    return ShrinkingSchedule(
        SPACE, config, evaluate or KnownLoss(), cost_of, limits or Limits(), seed=0, **options
    )


def test_the_space_only_ever_shrinks_and_ends_at_the_set_size():
    space_at = schedule()
    spaces = [space_at(epoch) for epoch in range(12)]
    assert spaces[0] == spaces[3] == SPACE
    for before, after in itertools.pairwise(spaces):
        for larger, smaller in zip(before.candidates, after.candidates, strict=True):
            assert set(smaller) <= set(larger)
            assert list(smaller) == [gene for gene in larger if gene in smaller]
    changes = [epoch for epoch in range(1, 12) if spaces[epoch] != spaces[epoch - 1]]
    assert changes == [4, 6, 9]
    assert spaces[-1].sizes == (3,) * len(SPACE)
    assert [event.epoch for event in space_at.events] == [4, 6, 9]


def test_sizes_fall_geometrically_and_small_blocks_keep_theirs():
    assert [target_size(27, 1, done, 3) for done in range(4)] == [27, 9, 3, 1]
    assert [target_size(13, 3, done, 2) for done in range(3)] == [13, 6, 3]
    assert [target_size(3, 6, done, 2) for done in range(3)] == [3, 3, 3]


def test_the_worst_go_and_the_best_stay():
    space_at = schedule(CONFIG.model_copy(update={"samples": 600}))
    left = space_at(9)
    for gene in itertools.chain(*left.candidates):
        assert "t3" in str(gene)
        assert "s5" not in str(gene)
    for event in space_at.events:
        for block in range(len(SPACE)):
            ranked = sorted(
                (v for v in event.candidates if v.block == block), key=lambda verdict: verdict.rank
            )
            assert [v.rank for v in ranked] == list(range(1, len(ranked) + 1))
            assert [v.score for v in ranked] == sorted(v.score for v in ranked)
            assert [v.kept for v in ranked] == sorted((v.kept for v in ranked), reverse=True)


def test_macro_f1_is_to_be_high_where_log_loss_is_to_be_low():
    by_f1 = schedule(CONFIG.model_copy(update={"measure": "macro_f1"}))
    assert by_f1(9) == schedule()(9)  # the toy's macro-F1 is the negative loss
    assert by_f1.events[0].candidates[0].score == -schedule_events()[0].candidates[0].score


def schedule_events():
    space_at = schedule()
    space_at(9)
    return space_at.events


def test_every_candidate_is_in_equally_many_judged_networks():
    evaluate = KnownLoss()
    space_at = schedule(evaluate=evaluate)
    space_at(9)
    assert len(evaluate.asked) == 3
    for genotypes, event in zip(evaluate.asked, space_at.events, strict=True):
        assert len(genotypes) == 60
        for block in range(len(SPACE)):
            drawn = Counter(str(g.blocks[block]) for g in genotypes)
            said = {v.candidate: v.samples for v in event.candidates if v.block == block}
            assert drawn == said
            assert max(said.values()) - min(said.values()) <= 1


def test_a_score_is_the_mean_over_the_networks_that_hold_the_candidate():
    genotypes = [SPACE.decode([i % size for size in SPACE.sizes]) for i in range(26)]
    rng = np.random.default_rng(0)
    evaluations = [evaluation(g, float(rng.normal())) for g in genotypes]
    verdicts = judge(SPACE, evaluations, SPACE.sizes, CONFIG)
    for verdict in verdicts:
        held = [
            e.log_loss
            for e in evaluations
            if str(e.genotype.blocks[verdict.block]) == verdict.candidate
        ]
        assert verdict.score == pytest.approx(np.mean(held))
        assert verdict.samples == len(held)


def test_cost_aware_shrinking_does_not_turn_off_what_is_merely_cheap():
    """Where MACs buy most of the loss, the plain mean keeps the dear; the residual does not."""
    config = CONFIG.model_copy(update={"samples": 200})
    plain = schedule(config, KnownLoss(per_macs=-20))(9)
    aware = schedule(config.model_copy(update={"cost_aware": True}), KnownLoss(per_macs=-20))(9)

    def expansions(space):
        return np.mean([gene.expansion for genes in space.candidates for gene in genes])

    assert expansions(plain) > expansions(aware)
    kernels = [str(k) for genes in aware.candidates for gene in genes for k in gene.kernels]
    assert kernels.count("t3") > kernels.count("s5")  # what is good at its cost


def test_a_genotype_that_meets_the_limits_is_never_turned_off():
    cheapest = min(cost_of(SPACE.decode([i] * len(SPACE))).macs for i in range(min(SPACE.sizes)))
    limits = Limits(max_macs=cheapest)
    with pytest.raises(UsageError):
        require_feasible(schedule()(9), cost_of, limits)  # else the test would show nothing
    space_at = schedule(limits=limits)
    left = space_at(9)
    assert require_feasible(left, cost_of, limits) in left
    assert left.sizes == (3,) * len(SPACE)
    protected = [v for event in space_at.events for v in event.candidates if v.protected]
    assert all(verdict.kept for verdict in protected)
    assert not any(v.protected for event in schedule_events() for v in event.candidates)


def test_events_in_the_log_are_used_and_not_held_again(tmp_path):
    def on_event(events):
        write_events(tmp_path / "shrinking.json", CONFIG, events)

    first = schedule(on_event=on_event)
    spaces = [first(epoch) for epoch in range(8)]
    evaluate = KnownLoss()
    again = schedule(evaluate=evaluate, events=read_events(tmp_path / "shrinking.json"))
    assert [again(epoch) for epoch in range(8)] == spaces
    assert evaluate.asked == []
    assert again(9) == first(9)
    assert len(evaluate.asked) == 1


def test_the_log_says_what_went_when_and_why(tmp_path):
    events = schedule_events()
    write_events(tmp_path / "shrinking.json", CONFIG, events)
    assert read_events(tmp_path / "shrinking.json") == events
    written = json.loads((tmp_path / "shrinking.json").read_text())
    assert list(written) == ["format", *ShrinkingConfig.model_fields, "events", "checksum"]
    assert remaining(SPACE, events).count == events[-1].genotypes_after == 3**6
    assert events[0].genotypes_before == SPACE.count
    assert [e.sizes_after for e in events[:2]] == [e.sizes_before for e in events[1:]]
    assert str(events[2]).endswith("to 18 candidates, 10^4.2 to 10^2.9 genotypes.")
    assert read_events(tmp_path / "none.json") == []
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(AscNasError, match=r"other\.json"):
        read_events(tmp_path / "other.json")


@pytest.mark.parametrize(
    ("shrinking", "supernet", "message"),
    [
        ({"at": [10]}, {"epochs": 10}, "not before the end"),
        ({"at": [3, 8]}, {"broadening_epochs": 4, "epochs": 10}, "begin at 4"),
        ({"at": [3], "samples": 5}, {}, "shrinking.samples"),
        ({"at": [5, 3]}, {}, "rising order"),
        ({"at": [0]}, {}, "shrinking.at"),
        ({"at": []}, {}, "shrinking.at"),
        ({"at": [3], "keep": 0}, {}, "shrinking.keep"),
        ({"at": [3], "keeps": 2}, {}, "Did you mean 'keep'"),
        ({"at": [3], "measure": "macs"}, {}, "shrinking.measure"),
    ],
)
def test_settings_that_cannot_work_are_refused_at_once(shrinking, supernet, message):
    with pytest.raises(UsageError, match="the config: ") as error:
        RunConfig.parse(
            {"name": "x", "data": {"dataset": "synthetic"}}
            | {"shrinking": shrinking, "supernet": supernet},
            "the config",
        )
    assert message in str(error.value)
