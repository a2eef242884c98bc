import json

import numpy as np
import pytest
from sklearn import metrics

from asc_nas.evaluation.parts import by_device, by_seen, score_clips
from asc_nas.evaluation.scores import Decisions, score

LABELS = ("bus", "park", "tram")
DEVICES = ["a", "a", "a", "s4", "s4", "", "b"]
TARGETS = np.array([0, 1, 2, 0, 1, 2, 0])
DECIDED = np.array([0, 1, 1, 0, 0, 2, 0])
LOSSES = np.array([0.1, 0.2, 0.9, 0.3, 1.0, 0.1, 0.05])
DECISIONS = Decisions(DECIDED, TARGETS, LOSSES, LABELS)


def test_each_device_has_its_own_scores_and_number_of_clips():
    parts = by_device(DECISIONS, DEVICES, {"a", "b"})
    assert [(part.name, part.seen, part.clips) for part in parts] == [
        ("a", True, 3),
        ("b", True, 1),
        ("s4", False, 2),
    ]
    for part in parts:
        mask = np.array([device == part.name for device in DEVICES])
        true, decided = TARGETS[mask], DECIDED[mask]
        f1 = metrics.f1_score(true, decided, labels=sorted(set(true)), average="macro")
        assert part.macro_f1 == pytest.approx(f1)
        assert part.accuracy == pytest.approx((true == decided).mean())
        assert part.log_loss == pytest.approx(LOSSES[mask].mean())


def test_seen_and_unseen_devices_are_pooled_and_unknown_ones_left_out():
    seen, unseen = by_seen(DECISIONS, DEVICES, {"a", "b", "c"})
    assert (seen.name, seen.seen, seen.clips, seen.accuracy) == ("seen", True, 4, 0.75)
    assert (unseen.name, unseen.seen, unseen.clips, unseen.accuracy) == ("unseen", False, 2, 0.5)


def test_there_is_no_unseen_part_where_training_heard_every_device():
    assert [part.name for part in by_seen(DECISIONS, DEVICES, {"a", "b", "s4"})] == ["seen"]


def test_one_device_that_recorded_everything_scores_what_the_whole_set_scores():
    rng = np.random.default_rng(0)
    posteriors, targets = rng.dirichlet(np.ones(3), 30), rng.integers(0, 2, 30)  # never a tram
    decisions = Decisions.of_posteriors(posteriors, targets, LABELS)
    (part,) = by_device(decisions, ["a"] * 30, None)
    whole = score(posteriors, targets, LABELS)
    assert part.seen is None
    assert (part.accuracy, part.macro_f1, part.log_loss) == pytest.approx(
        (whole.accuracy, whole.macro_f1, whole.log_loss)
    )


def test_an_evaluation_is_plain_json_without_nan():
    decisions = Decisions(DECIDED, TARGETS, None, LABELS)
    groups = [str(i) for i in range(7)]
    found = score_clips(decisions, groups, DEVICES, {"a"}).to_json()
    json.dumps(found, allow_nan=False)
    assert found["log_loss"] is None
    assert found["intervals"]["groups"] == 7
    assert found["clips"] == 7
    assert found["clips_per_class"] == {"bus": 3, "park": 2, "tram": 2}
    assert [part["name"] for part in found["seen_and_unseen"]] == ["seen", "unseen"]
    assert all(part["log_loss"] is None for part in found["devices"])


def test_without_training_clips_nothing_is_said_about_seen_devices():
    found = score_clips(DECISIONS, ["x"] * 7, DEVICES, None)
    assert found.seen_and_unseen == ()
    assert {part.seen for part in found.devices} == {None}
    assert found.to_json()["intervals"] is None
