"""Intervals against a plain loop with scikit-learn, and what drawing groups means."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from asc_nas.core.randomness import stream
from asc_nas.evaluation import intervals as module
from asc_nas.evaluation.intervals import bootstrap, mean_interval
from asc_nas.evaluation.scores import Decisions

LABELS = ("a", "b", "c")


def random_case(seed, clips=40, groups=9, absent=()):
    """Give posteriors, targets and group names; classes in `absent` have no clip."""
    rng = np.random.default_rng(seed)
    posteriors = rng.dirichlet(np.ones(len(LABELS)), clips)
    present = [i for i in range(len(LABELS)) if i not in absent]
    names = [f"g{i}" for i in rng.integers(groups, size=clips)]
    return posteriors, rng.choice(present, clips), names


def plain_loop(posteriors, targets, names, seed, draws):
    """Give the intervals, one draw at a time, from the drawn clips themselves."""
    groups = sorted(set(names))
    members = {group: [i for i, name in enumerate(names) if name == group] for group in groups}
    rng = stream(seed, "bootstrap")
    rows = []
    for _ in range(draws):
        drawn = rng.integers(len(groups), size=len(groups))
        clips = [i for number in drawn for i in members[groups[number]]]
        true, p = targets[clips], posteriors[clips]
        counted = [c for c in range(len(LABELS)) if c in true or c not in targets]
        f1 = metrics.f1_score(true, p.argmax(1), labels=counted, average="macro", zero_division=0)
        loss = metrics.log_loss(true, p, labels=range(len(LABELS)))
        rows.append((metrics.accuracy_score(true, p.argmax(1)), f1, loss))
    return np.percentile(rows, (2.5, 97.5), axis=0).T


@settings(max_examples=15)
@given(st.integers(0, 2**32), st.sampled_from([(), (1,)]))
def test_intervals_equal_a_plain_loop_over_drawn_groups(seed, absent):
    posteriors, targets, names = random_case(seed, absent=absent)
    decisions = Decisions.of_posteriors(posteriors, targets, LABELS)
    found = bootstrap(decisions, names, seed=3, draws=20)
    expected = plain_loop(posteriors, targets, names, 3, 20)
    assert found.groups == len(set(names))
    for interval, wanted in zip(
        (found.accuracy, found.macro_f1, found.log_loss), expected, strict=True
    ):
        assert interval == pytest.approx(wanted)


def test_the_same_seed_gives_the_same_intervals_and_another_seed_others():
    posteriors, targets, names = random_case(0)
    decisions = Decisions.of_posteriors(posteriors, targets, LABELS)
    assert bootstrap(decisions, names) == bootstrap(decisions, names, seed=0)
    assert bootstrap(decisions, names) != bootstrap(decisions, names, seed=1)


def test_memory_is_bounded_without_a_change_of_the_result(monkeypatch):
    posteriors, targets, names = random_case(1)
    decisions = Decisions.of_posteriors(posteriors, targets, LABELS)
    whole = bootstrap(decisions, names)
    monkeypatch.setattr(module, "_CELLS", 70)
    assert bootstrap(decisions, names) == whole


def test_the_interval_contains_the_score_and_is_about_as_wide_as_theory_says():
    rng = np.random.default_rng(0)
    targets = rng.integers(3, size=600)
    decided = np.where(rng.random(600) < 0.8, targets, (targets + 1) % 3)
    decisions = Decisions(decided, targets, None, LABELS)
    found = bootstrap(decisions, [str(i) for i in range(600)])
    accuracy = (decided == targets).mean()
    half = 1.96 * np.sqrt(accuracy * (1 - accuracy) / 600)
    assert found.accuracy == pytest.approx((accuracy - half, accuracy + half), abs=0.006)
    assert found.log_loss is None


def test_clips_of_one_group_do_not_count_as_independent():
    rng = np.random.default_rng(0)
    right = rng.random(60) < 0.7
    targets = np.zeros(600, dtype=np.int64)
    decided = np.repeat(np.where(right, 0, 1), 10)  # ten clips of a group fare alike
    decisions = Decisions(decided, targets, None, LABELS)
    by_clip = bootstrap(decisions, [str(i) for i in range(600)]).accuracy
    by_group = bootstrap(decisions, [str(i // 10) for i in range(600)]).accuracy
    ratio = (by_group[1] - by_group[0]) / (by_clip[1] - by_clip[0])
    assert ratio == pytest.approx(np.sqrt(10), rel=0.15)


def test_a_class_that_a_draw_misses_does_not_pull_down_a_faultless_classifier():
    targets = np.array([0, 1, 2])
    found = bootstrap(Decisions(targets, targets, None, LABELS), ["x", "y", "z"])
    assert found.macro_f1 == (1.0, 1.0)


def test_one_group_has_no_interval():
    targets = np.array([0, 1, 2])
    assert bootstrap(Decisions(targets, targets, None, LABELS), ["x"] * 3) is None


def test_the_interval_of_a_mean_equals_a_plain_loop_over_drawn_groups():
    rng = np.random.default_rng(0)
    values = rng.choice([-1.0, -0.5, 0.0, 1.0], 40).tolist()
    names = [f"g{i}" for i in rng.integers(7, size=40)]
    groups, draws = sorted(set(names)), stream(0, "paired")
    means = []
    for _ in range(50):
        drawn = draws.integers(len(groups), size=len(groups))
        own = [v for i in drawn for v, name in zip(values, names, strict=True) if name == groups[i]]
        means.append(np.mean(own))
    found = mean_interval(values, names, draws=50)
    assert found == pytest.approx(np.percentile(means, (2.5, 97.5)))
    assert mean_interval(values, ["one"] * 40) is None
