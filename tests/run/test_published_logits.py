"""Logits that others publish: a tensor with a row for every row of a list."""

import zipfile
from contextlib import suppress

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from asc_nas.core.errors import AscNasError
from asc_nas.run.published_logits import read_published

LABELS = ("tram", "bus", "park")
SORTED = ("bus", "park", "tram")


@pytest.fixture
def table(tmp_path):
    rows = ["filename\tscene_label", *(f"audio/{number}.wav\tbus" for number in range(5))]
    (tmp_path / "meta.csv").write_text("\n".join(rows) + "\n")
    return tmp_path / "meta.csv"


def logits(rows=5, columns=3):
    return torch.arange(rows * columns, dtype=torch.float32).reshape(rows, columns) / 7


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_a_tensor_of_torch_is_read_as_torch_reads_it(dtype, table):
    file = table.with_name("ensemble_logits.pt")
    torch.save(logits().to(dtype), file)
    found = read_published(file, table, LABELS)
    assert found.keys == tuple(f"audio/{number}.wav" for number in range(5))
    assert found.labels == SORTED
    assert np.array_equal(found.logits, torch.load(file, weights_only=True).float().numpy())


def test_an_array_of_numpy_is_read(table):
    file = table.with_name("logits.npy")
    np.save(file, logits().numpy())
    assert np.array_equal(read_published(file, table, LABELS).logits, logits().numpy())


@pytest.mark.parametrize(
    ("saved", "said"),
    [
        (logits().bfloat16(), "its numbers are not float16, float32 or float64"),
        (logits().long(), "its numbers are not float16, float32 or float64"),
        (logits(3, 5).T, "not one tensor of the shape \\(5, 3\\) alone"),
        (logits(6), "not one tensor of the shape \\(5, 3\\) alone"),
        (logits(7)[2:], "not one tensor of the shape \\(5, 3\\) alone"),
        ({"a": logits(), "b": logits()}, "not one tensor of the shape \\(5, 3\\) alone"),
        (logits() * float("nan"), "holds logits that are not finite"),
    ],
)
def test_what_is_another_tensor_is_told(saved, said, table):
    file = table.with_name("ensemble_logits.pt")
    torch.save(saved, file)
    with pytest.raises(AscNasError, match=said):
        read_published(file, table, LABELS)


def test_other_rows_missing_files_and_pickles_are_told(table, tmp_path):
    file = tmp_path / "logits.npy"
    np.save(file, logits(4).numpy())
    with pytest.raises(
        AscNasError, match=r"shape \(4, 3\), but .*meta\.csv has 5 rows and the set 3"
    ):
        read_published(file, table, LABELS)
    np.save(file, np.array([{"a": 1}]), allow_pickle=True)
    with pytest.raises(AscNasError, match="not readable as a tensor"):
        read_published(file, table, LABELS)
    with pytest.raises(AscNasError, match=r"nowhere\.pt: no such file of logits"):
        read_published(tmp_path / "nowhere.pt", table, LABELS)


@pytest.mark.parametrize(
    ("saved", "said"),
    [
        (np.full((5, 3), "loud"), "its numbers are not floating point"),
        (np.zeros((5, 3), "V8"), "its numbers are not floating point"),
        (np.ones((5, 3), complex), "its numbers are not floating point"),
        (np.full((5, 3), 1e300), "holds logits that are not finite"),
    ],
)
def test_an_array_of_something_else_is_told(saved, said, table):
    np.save(table.with_name("logits.npy"), saved)
    with pytest.raises(AscNasError, match=said):
        read_published(table.with_name("logits.npy"), table, LABELS)


def test_several_arrays_that_are_called_one_are_told(table):
    with table.with_name("logits.npy").open("wb") as file:
        np.savez(file, logits=logits().numpy())
    with pytest.raises(AscNasError, match="not readable as a tensor of logits"):
        read_published(table.with_name("logits.npy"), table, LABELS)


def test_a_pickle_is_not_carried_out(table, tmp_path):
    """What it names would write a file."""

    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "written"), "w"))

    torch.save(Evil(), tmp_path / "evil.pt")
    with pytest.raises(AscNasError, match="not readable as a tensor"):
        read_published(tmp_path / "evil.pt", table, LABELS)
    assert not (tmp_path / "written").exists()


@given(cut=st.integers(0, 2000), changed=st.integers(0, 2000), byte=st.integers(0, 255))
def test_a_damaged_file_gives_an_error_of_ours_or_sound_logits(
    tmp_path_factory, cut, changed, byte
):
    folder = tmp_path_factory.mktemp("damaged")
    (folder / "meta.csv").write_text("".join(f"audio/{number}.wav\tbus\n" for number in range(5)))
    torch.save(logits(), folder / "a.pt")
    data = bytearray((folder / "a.pt").read_bytes())
    data[changed % len(data)] = byte
    (folder / "a.pt").write_bytes(data[: len(data) - cut % 50])
    with suppress(AscNasError):
        found = read_published(folder / "a.pt", folder / "meta.csv", LABELS)
        assert np.isfinite(found.logits).all()


def test_archives_of_something_else_are_told(table, tmp_path):
    with zipfile.ZipFile(tmp_path / "a.pt", "w") as archive:
        archive.writestr("a/readme", "nothing")
    with pytest.raises(AscNasError, match="not readable as a tensor of logits"):
        read_published(tmp_path / "a.pt", table, LABELS)


def test_numbers_of_another_order_of_bytes_are_told(table, tmp_path):
    torch.save(logits(), tmp_path / "little.pt")
    with (
        zipfile.ZipFile(tmp_path / "little.pt") as little,
        zipfile.ZipFile(tmp_path / "big.pt", "w") as big,
    ):
        for name in little.namelist():
            big.writestr(name, b"big" if name.endswith("byteorder") else little.read(name))
    with pytest.raises(AscNasError, match="its numbers begin with their highest byte"):
        read_published(tmp_path / "big.pt", table, LABELS)
