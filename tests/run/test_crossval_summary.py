"""The folds of a cross-validation and the summary of its results."""

import json
import math
from pathlib import Path

import pytest

from asc_nas.cli.output.network_tables import print_crossval, print_results
from asc_nas.core.errors import AscNasError, UsageError
from asc_nas.data.manifest import Clip, Manifest
from asc_nas.evaluation.result import Result, Results
from asc_nas.run.crossval import official_folds
from asc_nas.run.crossval_summary import Crossval, row_of, summary


def manifest(*folds):
    clips = [Clip(f"{number}.wav", "rain", fold) for number, fold in enumerate(folds)]
    return Manifest("set", Path(), ("rain",), tuple(clips))


def row(network, fold, seed, accuracy, macs=5, **changes):
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
    ).model_copy(update=changes)
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


def test_a_fold_that_lacks_a_class_or_clips_is_said(tmp_path, capsys):
    lacking = {"labels": ["car", "rain"], "confusion": [[4, 0], [0, 0]], "per_class": {},
               "test_clips": 4, "test_clips_left_out": 2}  # fmt: skip
    rows = [row("net", "1", 0, 0.5), row("net", "2", 0, 1.0, **lacking)]
    document = Crossval(data="set", summary=summary(rows), results=rows)
    document.write(tmp_path / "crossval.json")
    assert Crossval.read(tmp_path / "crossval.json") == document
    assert (rows[1].absent, rows[1].test_clips_left_out) == (["rain"], 2)
    print_crossval(document)
    told = capsys.readouterr().out
    assert "note: fold 2: 4 test clips (2 more could not be read and are left out)" in told
    assert "note: fold 2: no test clips of rain: " in told
    assert "fold 1:" not in told


def test_a_log_loss_that_is_not_known_is_null_in_the_file(tmp_path):
    rows = [row("net", "1", 0, 0.5, log_loss=float("nan")), row("net", "2", 0, 0.6)]
    Crossval(data="set", summary=summary(rows), results=rows).write(tmp_path / "c.json")

    def refuse(constant):
        raise AssertionError(constant)

    values = json.loads((tmp_path / "c.json").read_text(), parse_constant=refuse)
    assert values["results"][0]["log_loss"] is None
    assert values["summary"][0]["log_loss"] == {"mean": None, "std": None}
    assert math.isnan(Crossval.read(tmp_path / "c.json").results[0].log_loss)


def test_ram_is_summed_up_where_every_training_knows_it(tmp_path):
    rows = [row("net", "1", 0, 0.5), row("net", "2", 0, 0.6)]
    (old,) = summary(rows)
    assert old.ram_bytes is None
    known = [rows[0].model_copy(update={"ram_bytes": n}) for n in (10, 20)]
    (new,) = summary(known)
    assert (new.ram_bytes.min, new.ram_bytes.max) == (10, 20)
    (mixed,) = summary([rows[0], known[0]])
    assert mixed.ram_bytes is None


def test_the_table_of_results_says_which_clips_were_scored(capsys):
    known = {"labels": ["car", "rain"], "confusion": [[4, 0], [0, 0]],
             "per_class": {"car": 1.0, "rain": None}}  # fmt: skip
    result = Result(
        network="net", genotype="skip", accuracy=1.0, macro_f1=1.0, macs=5, params=7, data="set",
        trained_on=["train"], test_clips=4, test_clips_left_out=2, seed=0, epochs=[], **known,
    )  # fmt: skip
    print_results(Results([result]))
    told = capsys.readouterr().out
    assert "tested once on 4 test clips (2 more could not be read and are left out) of set" in told
    assert "note: no test clips of rain: such a class has no F1" in told
    assert "macro-F1 is the mean over the classes that have one" in told


@pytest.mark.parametrize(
    ("confusion", "interval", "guesses"),
    [
        ([[6, 0], [2, 0]], None, True),  # nothing but the first
        ([[6, 0], [1, 1]], None, False),
        ([[6, 0], [1, 1]], (0.7, 1.0), True),  # it may be as good: 0.75 is within
        ([[6, 0], [0, 2]], (0.8, 1.0), False),
    ],
)
def test_a_network_that_may_be_guessing_is_told(confusion, interval, guesses, capsys):
    right = confusion[0][0] + confusion[1][1]
    scores = {"accuracy": right / 8, "macro_f1": 0.5, "log_loss": 0.5}
    intervals = interval and {"groups": 8, **dict.fromkeys(scores, interval)}
    result = Result(
        network="net", genotype="skip", **scores, macs=5, params=7, data="set", seed=3,
        trained_on=["train"], test_clips=8, epochs=[], labels=["car", "rain"], confusion=confusion,
        per_class={"car": 1.0, "rain": 0.0}, intervals=intervals,
    )  # fmt: skip
    print_results(Results([result]))
    told = capsys.readouterr().out
    assert (
        "always giving their most frequent label may be as good as net, seed 3." in told
    ) == guesses
