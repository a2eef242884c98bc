"""The result of one training holds together."""

import pytest
from pydantic import ValidationError

from asc_nas.evaluation.result import Result

OF_THREE = {
    "network": "1", "genotype": "t3e2w1", "accuracy": 2 / 3, "macro_f1": 0.5, "log_loss": 0.3,
    "per_class": {"a": 0.5, "b": 0.5}, "confusion": [[1, 1], [0, 1]], "labels": ["a", "b"],
    "macs": 1_000, "params": 100, "data": "made up", "trained_on": ["train"], "test_clips": 3,
    "seed": 0, "epochs": [{"epoch": 1, "loss": 1.0}],
}  # fmt: skip


@pytest.mark.parametrize("decided", [[0, 1], [0, 1, 1, 1], [0, 1, 2]])
def test_what_was_decided_is_a_label_for_each_clip(decided):
    with pytest.raises(ValidationError, match="'decided' has"):
        Result(**OF_THREE, decided=decided)
    assert Result(**OF_THREE, decided=[0, 1, 1]).decided == [0, 1, 1]


def test_a_result_of_an_earlier_version_tells_nothing_of_single_clips():
    assert Result(**OF_THREE).decided is None


def test_a_row_is_one_value_per_column():
    row = Result(**OF_THREE, decided=[0, 1, 1]).row()
    assert "decided" not in row
    assert {type(value) for name, value in row.items() if name != "trained_on"} <= {
        *(int, float, str, type(None))
    }
