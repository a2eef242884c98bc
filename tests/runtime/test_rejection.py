"""What is none of the labels, and what is silent, alone and among sounds."""

import json
from dataclasses import asdict

import numpy as np
import pytest
from toy_classifier import LABELS, RATE, tones, toy_card, toy_classifier

from asc_nas.core.errors import UsageError
from asc_nas.evaluation.rejection import fit_rejection
from asc_nas.runtime.card import ModelCard
from asc_nas.runtime.listen import Listener
from asc_nas.runtime.segments import NONE, SILENT
from asc_nas.runtime.stream import SceneStream
from asc_nas.runtime.timeline import TimelineConfig

SURE = tones("low")
UNSURE = np.concatenate([SURE[:, :2000], tones("high")[:, :2000]], 1)  # half of each
LIMIT = 0.55
"""Between the largest probabilities of the two."""
QUIET = SURE * 1e-4


@pytest.fixture
def toy():
    return toy_classifier(temperature=0.25, reject_below=LIMIT)


def labels_of(answer):
    return [segment.label for segment in answer.segments]


def test_an_unsure_answer_is_none_of_the_labels_unless_that_is_switched_off(toy):
    assert toy.classify(SURE, RATE).label == "low"
    answer = toy.classify(UNSURE, RATE)
    assert (answer.label, answer.probability, labels_of(answer)) == (NONE, 1.0, [NONE])
    plain = toy.classify(UNSURE, RATE, config=TimelineConfig(reject=False))
    assert plain.label in LABELS
    assert plain.probability < LIMIT


def test_windows_are_rejected_one_by_one_and_the_most_of_the_time_decides(toy):
    answer = toy.classify(np.concatenate([SURE, UNSURE, UNSURE], 1), RATE)
    assert labels_of(answer) == ["low", NONE, NONE]
    assert answer.label == NONE
    assert answer.probability == pytest.approx(2 / 3)
    assert sum(answer.scores.values()) == pytest.approx(1)
    # Two scenes in turns are no stranger to the model than each of them is.
    both = toy.classify(np.concatenate([SURE, tones("high")], 1), RATE)
    assert both.label in ("low", "high")
    assert max(both.scores.values()) < LIMIT


def test_what_is_below_the_level_is_silent(toy):
    for wave in (QUIET, np.zeros_like(SURE), np.full_like(SURE, 0.5)):
        answer = toy.classify(wave, RATE)
        assert (answer.label, answer.probability, labels_of(answer)) == (SILENT, 1.0, [SILENT])
    assert toy.classify(QUIET, RATE, config=TimelineConfig(silence=-120)).label != SILENT
    assert toy.classify(SURE, RATE, config=TimelineConfig(silence=-10)).label == SILENT
    assert labels_of(toy.classify(np.concatenate([SURE, QUIET], 1), RATE)) == ["low", SILENT]


def test_one_channel_above_the_level_is_enough(toy):
    assert toy.classify(np.concatenate([SURE, np.zeros_like(SURE)]), RATE).label == "low"


def test_a_stream_and_a_listener_answer_as_the_file_does(toy):
    wave = np.concatenate([SURE, UNSURE, QUIET, QUIET], 1)
    config = TimelineConfig(merge=0)
    expected = toy.classify(wave, RATE, config=config)
    listener = Listener(toy, RATE, config)
    segments = [*listener.feed(wave).segments, *listener.finish().segments]
    assert listener.answer("", segments) == expected
    stream = SceneStream(toy, RATE, config)
    found = [*stream.feed(wave).segments, *stream.finish().segments]
    assert [asdict(s) for s in found] == [asdict(s) for s in expected.segments]
    assert [s.label for s in found] == ["low", NONE, SILENT]


def test_a_class_of_other_sounds_is_the_same_answer():
    toy = toy_classifier()
    toy.card = toy.card.model_copy(update={"labels": (NONE, "middle", "high")})
    answer = toy.classify(SURE, RATE)
    assert answer.label == NONE
    assert list(answer.scores) == [NONE, "middle", "high", SILENT]


def test_an_earlier_card_rejects_nothing(tmp_path):
    path = tmp_path / "toy.json"
    toy_card(reject_below=LIMIT).write(path)
    assert ModelCard.read(path).reject_below == LIMIT
    values = json.loads(path.read_text())
    del values["reject_below"]
    values.pop("checksum", None)
    path.write_text(json.dumps(values))
    assert ModelCard.read(path).reject_below == 0


def test_five_per_cent_of_the_right_answers_are_below_the_limit():
    largest = np.linspace(0.51, 1, 100)
    posteriors = np.stack([largest, 1 - largest], 1)
    targets = np.zeros(100, np.int64)
    limit = fit_rejection(posteriors, targets)
    assert (largest < limit).sum() in (4, 5)
    targets[:50] = 1  # those are wrong, and say nothing of the right ones
    assert fit_rejection(posteriors, targets) > largest[50]
    assert fit_rejection(posteriors, 2 + targets) == 0


def test_only_some_labels_are_looked_for(toy):
    wave = np.concatenate([SURE, UNSURE], 1)
    plain = toy.classify(wave, RATE, config=TimelineConfig(reject=False))
    only = TimelineConfig(reject=False, only=("middle", "high"))
    found = toy.classify(wave, RATE, config=only)
    assert found.label == NONE
    assert found.scores["low"] == 0
    assert found.scores["middle"] == pytest.approx(plain.scores["middle"])
    assert found.scores[NONE] == pytest.approx(plain.scores["low"])
    everything = TimelineConfig(reject=False, only=toy.card.labels)
    assert toy.classify(wave, RATE, config=everything) == plain


def test_a_class_of_other_sounds_takes_what_is_not_looked_for():
    toy = toy_classifier()
    toy.card = toy.card.model_copy(update={"labels": ("low", NONE, "high")})
    plain = toy.classify(SURE, RATE).scores
    for only in (("high",), ("high", NONE)):
        found = toy.classify(SURE, RATE, config=TimelineConfig(only=only))
        assert found.scores[NONE] == pytest.approx(plain["low"] + plain[NONE])
        assert sum(found.scores.values()) == pytest.approx(1)


def test_a_label_that_the_model_has_not_is_an_error(toy):
    with pytest.raises(UsageError, match=r"no label 'hihg'. Did you mean 'high'\?"):
        toy.classify(SURE, RATE, config=TimelineConfig(only=("hihg",)))
