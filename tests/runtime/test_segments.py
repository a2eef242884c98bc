from itertools import pairwise

import numpy as np
import pytest

from asc_nas.runtime.segments import UNKNOWN, Segmenter
from asc_nas.runtime.timeline import Step, TimelineConfig

LABELS = ("a", "b", "c")


def segments(text, merge=None, min_confidence=0.0, sure=0.8):
    """Return (start, end, label) of segments made of one-second steps, one per letter."""
    return [(s.start, s.end, s.label) for s in made(text, merge, min_confidence, sure)]


def made(text, merge=None, min_confidence=0.0, sure=0.8):
    segmenter = Segmenter(LABELS, TimelineConfig(merge=merge, min_confidence=min_confidence))
    found = []
    for second, letter in enumerate(text):
        posterior = np.full(3, (1 - sure) / 2)
        posterior["abc".index(letter.lower())] = sure if letter.islower() else 0.4
        found += segmenter.push(Step(second, second + 1, posterior))
    return found + segmenter.finish()


def test_without_merging_every_step_is_a_segment():
    assert segments("aab") == [(0, 1, "a"), (1, 2, "a"), (2, 3, "b")]


@pytest.mark.parametrize("text", ["", "a", "aabbba", "abcabc"])
def test_merging_joins_neighbours_of_one_label_and_loses_no_time(text):
    found = segments(text, merge=0)
    assert "".join(label * round(end - start) for start, end, label in found) == text
    assert all(one[2] != other[2] for one, other in pairwise(found))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("aaabaa", [(0, 6, "a")]),  # a short one between
        ("aaabbbb", [(0, 3, "a"), (3, 7, "b")]),
        ("aaabcbbb", [(0, 5, "a"), (5, 8, "b")]),  # several short ones go to the one before
        ("abbb", [(0, 4, "b")]),  # at the beginning there is none before
        ("abcbaccc", [(0, 8, "c")]),
        ("aaab", [(0, 4, "a")]),
        ("ab", [(0, 2, "a")]),  # none holds for long enough
        ("abb", [(0, 3, "b")]),
        ("abbacc", [(0, 6, "a")]),  # a tie goes to the first label
    ],
)
def test_a_label_that_does_not_hold_takes_that_of_the_segment_before(text, expected):
    assert segments(text, merge=3) == expected


def test_a_segment_is_final_as_soon_as_another_label_has_held():
    segmenter = Segmenter(LABELS, TimelineConfig(merge=2))
    steps = [Step(i, i + 1, np.eye(3)["abc".index(x)]) for i, x in enumerate("aaabcbb")]
    counts = [len(segmenter.push(step)) for step in steps]
    assert counts == [0, 0, 0, 0, 0, 0, 1]


def test_the_probability_of_a_segment_is_the_mean_of_its_label_over_its_time():
    (segment,) = made("aaba", merge=2)
    assert segment.probability == pytest.approx((0.8 * 3 + 0.1) / 4)


def test_below_the_confidence_the_label_is_unknown_and_unknown_stretches_merge():
    found = made("aABBbb", merge=0, min_confidence=0.5)
    assert [(s.start, s.end, s.label) for s in found] == [(0, 1, "a"), (1, 4, UNKNOWN), (4, 6, "b")]
    assert found[1].probability < 0.5
    assert segments("aA", min_confidence=0.5) == [(0, 1, "a"), (1, 2, UNKNOWN)]
    assert segments("AB", min_confidence=0.5, merge=5) == [(0, 2, UNKNOWN)]
