import json
import os

import numpy as np
import pytest
from edited import document

from asc_nas.audio.logmel import FrontEnd
from asc_nas.core.errors import AscNasError
from asc_nas.data.examples import Examples
from asc_nas.data.feature_store import CHECKSUMS, DONE, FEATURES, INDEX, FeatureStore, Index
from asc_nas.data.manifest import Clip, Manifest
from data_prep.feature_writer import FeatureWriter, create_arrays

FRONT_END = FrontEnd(
    sample_rate=8000, n_mels=8, win_length=256, hop_length=128, n_fft=256, seconds=0.25
)
CHANNELS = (1, 2, 1)


def features_of(number):
    shape = (CHANNELS[number], FRONT_END.n_mels, FRONT_END.frames)
    return np.random.default_rng(number).standard_normal(shape).astype(np.float16)


@pytest.fixture
def folder(tmp_path):
    """A complete store of the clips a, b and c, of which c could not be read."""
    values = FRONT_END.model_dump(), FRONT_END.fingerprint, "source", ("a", "b", "c"), CHANNELS
    index = Index(*values, failed={"c": "cut off"}, complete=True)
    create_arrays(tmp_path / "store", index, FRONT_END)
    with FeatureWriter(tmp_path / "store", index) as writer:
        writer.add(1, features_of(1))
        writer.add(0, features_of(0))
    return tmp_path / "store"


def change_index(folder, **values):
    index = document(folder / INDEX) | values
    (folder / INDEX).write_text(json.dumps(index))


def test_a_clips_examples_are_its_channels_in_consecutive_rows(folder):
    store = FeatureStore.open(folder, FRONT_END)
    assert store.features.shape == (4, FRONT_END.n_mels, FRONT_END.frames)
    assert store.features.dtype == np.float16
    assert store.rows("b") == [1, 2]
    for number, key in enumerate("ab"):
        np.testing.assert_array_equal(store.features[store.rows(key)], features_of(number))


def test_features_cannot_be_changed_through_the_store(folder):
    with pytest.raises(ValueError, match="read-only"):
        FeatureStore.open(folder, FRONT_END).features[0] = 0


def test_a_clip_that_could_not_be_read_is_listed_and_left_out(folder):
    store = FeatureStore.open(folder, FRONT_END)
    assert store.keys == ("a", "b")
    assert store.failed == {"c": "cut off"}
    with pytest.raises(AscNasError, match=r"clip c \(cut off"):
        store.rows("c")


def test_an_unknown_clip_is_an_error(folder):
    with pytest.raises(AscNasError, match=r"clip d \(it was not in the manifest"):
        FeatureStore.open(folder, FRONT_END).rows("d")


def test_the_files_are_plain_numpy(folder):
    assert np.load(folder / DONE).tolist() == [1, 1, 0]
    assert np.load(folder / FEATURES).shape[0] == 4


def test_other_settings_are_refused_with_both_values(folder):
    other = FRONT_END.model_copy(update={"n_mels": 16, "fmin": 50.0})
    with pytest.raises(AscNasError, match=r"fmin 0\.0 instead of 50\.0, n_mels 8 instead of 16"):
        FeatureStore.open(folder, other)


def test_features_of_an_older_transform_are_refused(folder):
    change_index(folder, fingerprint="0" * 16)
    with pytest.raises(AscNasError, match="an older version of the log-mel transform"):
        FeatureStore.open(folder, FRONT_END)


def test_a_missing_store_is_an_error(tmp_path):
    with pytest.raises(AscNasError, match="no features here"):
        FeatureStore.open(tmp_path, FRONT_END)


def test_an_interrupted_store_is_refused(folder):
    change_index(folder, complete=False)
    with pytest.raises(AscNasError, match=r"interrupted; run .* again to go on"):
        FeatureStore.open(folder, FRONT_END)


def test_a_cut_off_array_is_noticed(folder):
    content = (folder / FEATURES).read_bytes()
    (folder / FEATURES).write_bytes(content[:-10])
    with pytest.raises(AscNasError, match="damaged"):
        FeatureStore.open(folder, FRONT_END)


def test_an_index_without_its_keys_is_noticed(folder):
    index = document(folder / INDEX)
    del index["keys"]
    (folder / INDEX).write_text(json.dumps(index))
    with pytest.raises(AscNasError, match="damaged"):
        FeatureStore.open(folder, FRONT_END)


def test_too_small_a_disk_is_noticed_before_the_work(tmp_path, monkeypatch):
    usage = type("Usage", (), {"free": 10})
    monkeypatch.setattr("data_prep.feature_writer.shutil.disk_usage", lambda _: usage)
    index = Index(FRONT_END.model_dump(), FRONT_END.fingerprint, "source", ("a",), (1,))
    with pytest.raises(AscNasError, match="choose a folder on another disk"):
        create_arrays(tmp_path / "store", index, FRONT_END)


@pytest.mark.parametrize("name", [FEATURES, CHECKSUMS])
def test_a_flipped_bit_is_noticed_when_its_example_is_read(folder, name):
    array = np.load(folder / name)
    array.view(np.uint8).reshape(len(array), -1)[2, 0] ^= 4
    np.save(folder / name, array)
    pairs = zip("abc", CHANNELS, strict=True)
    clips = tuple(Clip(key, "x", channels=n, role="train") for key, n in pairs)
    manifest = Manifest("toy", folder, ("x",), clips)
    examples = Examples.load(manifest, FeatureStore.open(folder, FRONT_END), ["train"])
    with pytest.raises(AscNasError, match="the feature store is damaged"):
        examples.batch(np.arange(len(examples)))


@pytest.mark.parametrize("name", [FEATURES, CHECKSUMS])
@pytest.mark.parametrize("size", [0, 5, 100, 140])
def test_a_file_that_was_cut_off_or_emptied_is_noticed(folder, name, size):
    os.truncate(folder / name, size)
    with pytest.raises(AscNasError, match="the feature store is damaged"):
        FeatureStore.open(folder, FRONT_END)


@pytest.mark.parametrize("name", [FEATURES, CHECKSUMS, DONE])
@pytest.mark.parametrize("size", [0, 5, 100])
def test_extraction_does_not_go_on_with_a_file_that_was_cut_off(folder, name, size):
    os.truncate(folder / name, size)
    with pytest.raises(AscNasError, match="the feature store is damaged"):
        FeatureWriter(folder, Index.read(folder))


def test_a_store_from_before_there_were_checksums_is_read_and_gone_on_with(folder):
    (folder / CHECKSUMS).unlink()
    with FeatureWriter(folder, Index.read(folder)) as writer:
        writer.add(0, features_of(0))
    assert FeatureStore.open(folder, FRONT_END).check is None
