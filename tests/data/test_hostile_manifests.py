"""Manifests made with intent, as whole Parquet files: one sentence that names the file or clip."""

import json
import math

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from asc_nas.core.errors import AscNasError
from asc_nas.data.manifest import Clip, Manifest
from data_prep.results.ground_truth import read_truth

HEADER = {"format": "asc-nas/manifest/1", "name": "made", "root": "/x", "labels": ["a", "b"],
          "licence": "none", "published_folds": False}  # fmt: skip
ROW = {"path": "1.wav", "label": "a", "fold": "", "group": "", "device": "", "channels": 1,
       "start": 0.0, "duration": 0.0, "role": ""}  # fmt: skip


def written(path, row=(), header=()):
    table = pa.Table.from_pylist([ROW | dict(row)])
    stamp = {"asc_nas": json.dumps(HEADER | dict(header))}
    pq.write_table(table.replace_schema_metadata(stamp), path)
    return path


def test_what_is_right_is_read(tmp_path):
    assert Manifest.read(written(tmp_path / "m.parquet")).clips == (Clip("1.wav", "a"),)


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"start": math.nan}, "the start nan s"),
        ({"start": 1e308}, r"the start 1e\+308 s"),
        ({"start": -1.0}, "the start -1 s"),
        ({"duration": math.inf}, "the duration inf s"),
        ({"channels": 10**15}, "1000000000000000 channels"),
        ({"channels": 0}, "0 channels"),
        ({"channels": None}, "None stands where int is expected"),
        ({"start": "0"}, "'0' stands where float is expected"),
        ({"duration": "1"}, "'1' stands where float is expected"),
        ({"path": 3}, "3 stands where str is expected"),
        ({"label": None}, "None stands where str is expected"),
        ({"device": "\x1b[2J"}, r"the device '\\x1b\[2J'"),
        ({"fold": "x" * 201}, "the fold 'xxx"),
        ({"surprise": 1}, "surprise"),
    ],
    ids=lambda value: str(value)[:30] if isinstance(value, dict) else "",
)
def test_a_cell_that_means_nothing_is_one_sentence(tmp_path, row, told):
    with pytest.raises(AscNasError, match=told) as error:
        Manifest.read(written(tmp_path / "m.parquet", row=row))
    assert str(error.value).startswith((f"{tmp_path / 'm.parquet'}: ", "made: "))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "header",
    [{"labels": "ab"}, {"labels": ["a", 1]}, {"labels": None}, {"name": ["a"]}, {"licence": 1},
     {"root": 1}, {"published_folds": "no"}, {"name": None}],
)  # fmt: skip
def test_a_header_that_means_nothing_is_one_sentence(tmp_path, header):
    with pytest.raises(AscNasError, match=r"m\.parquet: not as asc-nas writes it"):
        Manifest.read(written(tmp_path / "m.parquet", header=header))


@pytest.mark.parametrize("column", ["scene_label", "source_label"])
def test_a_published_list_cannot_steer_the_terminal(tmp_path, column):
    row = {"filename": "1.wav", "scene_label": "a", "source_label": "m"} | {column: "\x1b[2J"}
    path = tmp_path / "truth.csv"
    path.write_text("\t".join(row) + "\n" + "\t".join(row.values()) + "\n")
    with pytest.raises(AscNasError, match=r"truth\.csv, line 2: the (label|device) '\\x1b\[2J'"):
        read_truth(path, "test")
