"""Metrics against scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from asc_nas.evaluation.scores import score

LABELS = ("a", "b", "c", "d")


@given(st.integers(0, 2**32), st.integers(1, 60))
def test_scores_equal_scikit_learn(seed, clips):
    rng = np.random.default_rng(seed)
    posteriors = rng.dirichlet(np.ones(4), clips)
    targets = rng.integers(0, 4, clips)
    decided = posteriors.argmax(1)
    found = score(posteriors, targets, LABELS)
    labels = range(4)
    f1 = metrics.f1_score(targets, decided, labels=labels, average=None, zero_division=0)
    assert found.accuracy == pytest.approx(metrics.accuracy_score(targets, decided))
    assert found.macro_f1 == pytest.approx(f1.mean())
    assert list(found.per_class.values()) == pytest.approx(f1.tolist())
    assert found.log_loss == pytest.approx(metrics.log_loss(targets, posteriors, labels=labels))
    matrix = metrics.confusion_matrix(targets, decided, labels=labels)
    assert np.array_equal(found.confusion, matrix)
