"""The folds of a cross-validation and the summary of its results."""

from pathlib import Path

import pytest

from asc_nas.core.errors import AscNasError, UsageError
from asc_nas.data.manifest import Clip, Manifest
from asc_nas.evaluation.result import Result
from asc_nas.run.crossval import official_folds
from asc_nas.run.crossval_summary import row_of, summary


def manifest(*folds):
    clips = [Clip(f"{number}.wav", "rain", fold) for number, fold in enumerate(folds)]
    return Manifest("set", Path(), ("rain",), tuple(clips))


def row(network, fold, seed, accuracy, macs=5):
    result = Result(
        network="own name",
        genotype="skip",
        accuracy=accuracy,
        macro_f1=accuracy / 2,
        log_loss=1.0,
        per_class={},
        confusion=[],
        labels=[],
        macs=macs,
        params=7,
        data="set",
        trained_on=["train"],
        test_clips=80,
        seed=seed,
        epochs=[],
    )
    return row_of(result, fold, network)


def test_folds_are_in_the_order_of_their_numbers_and_clips_outside_count_for_nothing():
    assert official_folds(manifest("10", "", "2", "1", "2")) == ("1", "2", "10")


def test_folds_that_are_wanted_keep_the_order_of_the_set():
    assert official_folds(manifest("1", "2", "3"), ["3", "1"]) == ("1", "3")
    with pytest.raises(UsageError, match=r"set: no fold '4'\. Folds: 1, 2, 3"):
        official_folds(manifest("1", "2", "3"), ["4"])


@pytest.mark.parametrize(
    ("folds", "said"),
    [
        (("", ""), "has no folds"),
        (("1", "1"), "has no folds"),
        (("train", "test", ""), "has one published split into train and test"),
    ],
)
def test_a_set_without_folds_is_refused(folds, said):
    with pytest.raises(AscNasError, match=said):
        official_folds(manifest(*folds))


def test_the_mean_and_the_spread_are_of_all_folds_and_seeds_and_each_fold_has_its_mean():
    rows = [row("a", "1", 0, 0.8), row("b", "1", 0, 0.5), row("a", "1", 1, 0.9)]
    rows += [row("a", "2", 0, 0.5), row("a", "2", 1, 0.6)]
    a, b = summary(rows)
    assert (a.network, a.trainings) == ("a", 4)
    assert a.accuracy.mean == pytest.approx(0.7)
    assert a.accuracy.std == pytest.approx((0.1 / 3) ** 0.5)  # n - 1
    assert a.macro_f1.mean == pytest.approx(0.35)
    by_fold = {fold: scores["accuracy"] for fold, scores in a.folds.items()}
    assert by_fold == pytest.approx({"1": 0.85, "2": 0.55})
    assert b.accuracy.to_json() == {"mean": 0.5, "std": None}  # one training has no spread


def test_the_costs_of_a_network_that_each_fold_has_its_own_of_are_a_range():
    (entry,) = summary([row("searched", "1", 0, 0.8, macs=9), row("searched", "2", 0, 0.8, macs=4)])
    assert entry.macs.to_json() == {"min": 4, "max": 9}
    assert entry.params.to_json() == {"min": 7, "max": 7}
