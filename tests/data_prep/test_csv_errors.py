"""A table that is no CSV: the error has its file and the line where the bad row begins."""

import csv

import pytest
import trees

from asc_nas.core.errors import AscNasError
from data_prep.datasets import read_dataset
from data_prep.datasets.tables import csv_rows, rows_of
from data_prep.own_data import look

LONG = "x" * (csv.field_size_limit() + 1)


@pytest.fixture
def folder(tmp_path):
    for name in ("a.wav", "b.wav", "c.wav"):
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ('a.wav,car\nb.wav,"rain\nc.wav,car\n', "line 3: not readable as CSV.*quotation"),
        (f"a.wav,car\nb.wav,rain\nc.wav,{LONG}\n", "line 4: not readable as CSV .field larger"),
        ('"a.wav"x,car\n', "line 2: not readable as CSV"),
        ('a.wav,"car\n1"\nb.wav,"rain\n', "line 4: not readable as CSV"),
    ],
)
@pytest.mark.parametrize("read", [lambda path: read_dataset("csv", path), look])
def test_a_list_of_clips(folder, rows, told, read):
    table = folder / "clips.csv"
    table.write_text(f"path,label\n{rows}")
    with pytest.raises(AscNasError, match=rf"clips\.csv, {told}"):
        read(table)


def test_init_finds_the_error_of_a_list_in_a_folder(folder):
    (folder / "clips.csv").write_text('path,label\na.wav,car\nb.wav,"rain\n')
    with pytest.raises(AscNasError, match=r"clips\.csv, line 3: not readable as CSV"):
        look(folder)


def test_a_list_in_another_encoding_is_no_list_that_is_passed_over(folder):
    (folder / "clips.csv").write_bytes(b"path,label\na.wav,car\nb.wav,caf\xe9\n")
    with pytest.raises(AscNasError, match=r"clips\.csv, line 3: not UTF-8 text"):
        look(folder)


def test_a_header_that_is_too_long_is_no_list(folder):
    (folder / "other.csv").write_text(f"{LONG}\n")
    with pytest.raises(AscNasError, match="no audio in class folders"):
        look(folder)


def test_the_table_of_a_published_set(tmp_path):
    table = tmp_path / "meta.csv"
    table.write_text('file,fold\na.wav,1\nb.wav,"2\nc.wav,1\n')
    with pytest.raises(AscNasError, match=r"meta\.csv, line 3: not readable as CSV"):
        list(csv_rows(table, ["file", "fold"]))


@pytest.mark.parametrize(("name", "meta"), [("esc50", "esc50.csv"), ("urbansound8k", "Urban")])
def test_every_published_set_with_a_table(tmp_path, name, meta):
    make = getattr(trees, name, None)
    if make is None:
        pytest.skip(f"there is no tree of {name}")
    make(tmp_path)
    (table,) = tmp_path.rglob(f"*{meta}*.csv" if meta == "Urban" else meta)
    lines = table.read_text().splitlines()
    table.write_text("\n".join([*lines[:2], '"' + lines[2], *lines[3:]]) + "\n")
    with pytest.raises(AscNasError, match=rf"{table.name}, line 3: not readable as CSV"):
        read_dataset(name, tmp_path)


def test_rows_have_the_line_that_they_begin_in(tmp_path):
    text = ["a,b\n", '"1\n', '2",3\n', "\n", "4,5\n"]
    assert list(rows_of(tmp_path, text)) == [(1, ["a", "b"]), (2, ["1\n2", "3"]), (5, ["4", "5"])]
