"""Metrics against scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from asc_nas.core.errors import AscNasError
from asc_nas.evaluation.intervals import bootstrap
from asc_nas.evaluation.scores import Decisions, score

LABELS = ("a", "b", "c", "d")


@given(st.integers(0, 2**32), st.integers(1, 60))
def test_scores_equal_scikit_learn(seed, clips):
    rng = np.random.default_rng(seed)
    posteriors = rng.dirichlet(np.ones(4), clips)
    targets = rng.integers(0, 4, clips)
    decided = posteriors.argmax(1)
    found = score(posteriors, targets, LABELS)
    labels = range(4)
    f1 = metrics.f1_score(targets, decided, labels=labels, average=None, zero_division=np.nan)
    assert found.accuracy == pytest.approx(metrics.accuracy_score(targets, decided))
    assert found.macro_f1 == pytest.approx(metrics.f1_score(targets, decided, average="macro"))
    own = [np.nan if value is None else value for value in found.per_class.values()]
    assert own == pytest.approx(f1.tolist(), nan_ok=True)
    assert found.log_loss == pytest.approx(metrics.log_loss(targets, posteriors, labels=labels))
    matrix = metrics.confusion_matrix(targets, decided, labels=labels)
    assert np.array_equal(found.confusion, matrix)


def test_a_class_that_the_clips_lack_has_no_f1_and_does_not_pull_the_mean_down():
    right = np.eye(3)[[0, 1, 0, 1]]
    found = score(right, np.array([0, 1, 0, 1]), LABELS[:3])
    assert (found.accuracy, found.macro_f1) == (1.0, 1.0)
    assert found.per_class == {"a": 1.0, "b": 1.0, "c": None}
    wrong = np.eye(3)[[0, 1, 0, 2]]  # decided for what is not there: an F1 of 0
    found = score(wrong, np.array([0, 1, 0, 1]), LABELS[:3])
    assert found.per_class == {"a": 1.0, "b": pytest.approx(2 / 3), "c": 0.0}
    assert found.macro_f1 == pytest.approx(5 / 9)


def test_the_interval_of_a_faultless_test_without_a_class_is_one():
    decisions = Decisions.of_posteriors(np.eye(3)[[0, 1] * 5], np.array([0, 1] * 5), LABELS[:3])
    found = bootstrap(decisions, [f"group {i}" for i in range(10)])
    assert found.macro_f1 == (1.0, 1.0)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_answers_that_are_no_numbers_are_not_scored(bad):
    with pytest.raises(AscNasError, match="training has diverged"):
        score(np.array([[bad, 0.5]]), np.array([0]), ("a", "b"))
