"""Files of what teachers say, and what students make of them."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from asc_nas.core.errors import AscNasError
from asc_nas.data.logits import ClipScores, mean_probabilities

KEYS, LABELS = ("a.wav", "b.wav@2.5", "ç.wav"), ("low", "high")
VALUES = np.array([[1, 2], [3, -4], [0, 0]], np.float32)


def test_a_file_comes_back(tmp_path):
    path = tmp_path / "t.npz"
    ClipScores(KEYS, LABELS, VALUES, frozenset(KEYS[:1])).write(path)
    found = ClipScores.read(path)
    assert (found.keys, found.labels, found.trained_on) == (KEYS, LABELS, {"a.wav"})
    assert np.array_equal(found.logits, VALUES)
    assert [file.name for file in tmp_path.iterdir()] == ["t.npz"]


def test_clips_and_labels_come_in_the_order_that_is_asked_for():
    found = ClipScores(KEYS, LABELS, VALUES).of(KEYS[::-1], ("high", "low"), "t.npz")
    assert np.array_equal(found, VALUES[::-1, ::-1])


def test_what_does_not_fit_is_told():
    scores = ClipScores(KEYS, LABELS, VALUES, frozenset(KEYS))
    with pytest.raises(AscNasError, match=r"1 of 2 clips are missing, the first is 'x\.wav'"):
        scores.of(("a.wav", "x.wav"), LABELS, "t.npz")
    with pytest.raises(AscNasError, match=r"other labels \('high' is not common"):
        scores.of(KEYS, ("low", "middle"), "t.npz")
    with pytest.raises(AscNasError, match="trained on 1 of the 2 test clips"):
        scores.require_unheard(["a.wav", "y.wav"], "t.npz")
    scores.require_unheard(["y.wav"], "t.npz")


def broken(**changes):
    arrays = {"format": "asc-nas/logits/1", "keys": KEYS, "labels": LABELS, "logits": VALUES}
    return {k: np.array(v) for k, v in (arrays | changes).items() if v is not None}


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        (broken(logits=None), "it has no array 'logits'"),
        (broken(format="other"), "its format is not"),
        (broken(keys=KEYS[:2]), r"2 clips and 2 labels, but logits of the shape \(3, 2\)"),
        (broken(keys=("a", "a", "b")), "names a clip twice"),
        (broken(logits=np.full((3, 2), np.nan)), "not finite"),
        (broken(embeddings=np.zeros((2, 3))), r"3 clips, and embeddings of the shape \(2, 3\)"),
        (broken(embeddings=np.zeros((3, 3)), dims=[1, 1]), r"and the lengths \(1, 1\)"),
        (broken(embeddings=np.zeros((3, 1)), dims=[2, -1]), r"and the lengths \(2, -1\)"),
        (broken(embeddings=np.zeros(3)), r"of the shape \(3,\) and the lengths \(\)"),
        (broken(embeddings=np.full((3, 1), np.inf)), "holds embeddings that are not finite"),
        (broken(logits=VALUES * 1j), "its values are complex64, and real numbers are needed"),
        (broken(logits=VALUES > 0), "its values are bool"),
        (broken(embeddings=np.full((3, 1), "1")), "its values are <U1"),
        (broken(logits=np.array([[object()] * 2] * 3)), "not readable as logits"),
    ],
)
def test_a_file_that_is_none_is_one_sentence(tmp_path, arrays, told):
    path = tmp_path / "t.npz"
    np.savez(path, **arrays)
    with pytest.raises(AscNasError, match=told):
        ClipScores.read(path)


def test_embeddings_come_back_each_models_of_length_one(tmp_path):
    path = tmp_path / "t.npz"
    embeddings = np.array([[3, 4, 2], [0, 5, -1], [0, 0, 7]], np.float32)
    ClipScores(KEYS, LABELS, VALUES, embeddings=embeddings, dims=(2, 1)).write(path)
    found = ClipScores.read(path)
    assert (found.dims, found.trained_on) == ((2, 1), frozenset())
    expected = [[0, 0, 1], [0.6, 0.8, 1]]
    assert np.allclose(found.embeddings_of(("ç.wav", "a.wav"), path), expected)
    with pytest.raises(AscNasError, match="1 of 1 clips are missing"):
        found.embeddings_of(("x.wav",), path)
    with pytest.raises(AscNasError, match=r"t\.npz: holds no embeddings"):
        ClipScores(KEYS, LABELS, VALUES).embeddings_of(KEYS, path)
    huge = ClipScores(KEYS, LABELS, VALUES, embeddings=embeddings * 1e37, dims=(2, 1))
    assert np.allclose(huge.embeddings_of(("ç.wav", "a.wav"), path), expected)
    np.savez(path, **broken(embeddings=embeddings))
    assert ClipScores.read(path).dims == (3,)


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04" + bytes(100)])
def test_a_damaged_file_is_one_sentence(tmp_path, content):
    (tmp_path / "t.npz").write_bytes(content)
    with pytest.raises(AscNasError, match="write it again"):
        ClipScores.read(tmp_path / "t.npz")
    with pytest.raises(AscNasError, match="'asc-nas teach' writes one"):
        ClipScores.read(tmp_path / "missing.npz")


@given(st.integers(0, 2**32 - 1), st.floats(0.25, 8))
def test_teachers_are_averaged_as_torch_averages_log_probabilities(seed, temperature):
    rng = np.random.default_rng(seed)
    logits = [rng.normal(0, 5, (4, 3)).astype(np.float32) for _ in range(3)]
    each = torch.stack([torch.from_numpy(one).double().log_softmax(1) for one in logits])
    expected = (each.mean(0) / temperature).softmax(1)
    found = mean_probabilities(logits, temperature)
    assert np.allclose(found, expected.numpy(), atol=1e-6)
