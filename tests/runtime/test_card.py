import json
from pathlib import Path

import pytest
from edited import document

from asc_nas.audio.logmel import FrontEnd
from asc_nas.core.errors import AscNasError, UsageError
from asc_nas.runtime.card import CardData, ModelCard

FRONTEND = FrontEnd(
    sample_rate=8000, n_mels=16, win_length=256, hop_length=128, n_fft=256, seconds=1.0
)
VALUES = {
    "name": "tiny",
    "labels": ("street", "café", "park"),
    "frontend": FRONTEND,
    "genotype": "t5e2w1 f3e2w1",
    "macs": 1000,
    "params": 50,
    "bytes": 4000,
    "sha256": "0123456789abcdef" * 4,
    "results": {"accuracy": 0.9, "macro_f1": 0.88, "per_class": {"park": 1.0}},
    "data": CardData(name="made up", licence="CC0", train_folds=("1", "2"), test_folds=("3",)),
}


def written(tmp_path: Path, **changes: object) -> Path:
    path = tmp_path / "tiny.json"
    ModelCard.parse(VALUES, "test").write(path)
    values = document(path) | changes
    path.write_text(json.dumps({k: v for k, v in values.items() if v is not None}))
    return path


def test_a_card_reads_back_as_it_was_written(tmp_path):
    card = ModelCard.parse(VALUES, "test")
    card.write(tmp_path / "tiny.json")
    assert ModelCard.read(tmp_path / "tiny.json") == card
    assert card.labels == ("street", "café", "park")


def test_a_card_from_before_calibration_reads_as_uncalibrated(tmp_path):
    assert ModelCard.read(written(tmp_path, temperature=None)).temperature == 1
    assert ModelCard.read(written(tmp_path, temperature=0.7)).temperature == 0.7
    with pytest.raises(AscNasError, match="'temperature'"):
        ModelCard.read(written(tmp_path, temperature=0))


def test_a_card_from_before_ram_was_counted_knows_none(tmp_path):
    old = ModelCard.read(written(tmp_path, ram_bytes=None, float_ram_bytes=None))
    assert (old.ram_bytes, old.float_ram_bytes) == (None, None)
    assert ModelCard.read(written(tmp_path, ram_bytes=34_200)).ram_bytes == 34_200
    with pytest.raises(AscNasError, match="'ram_bytes'"):
        ModelCard.read(written(tmp_path, ram_bytes=-1))


def test_the_file_has_the_documented_keys(tmp_path):
    values = json.loads(written(tmp_path).read_text())
    documented = [
        "labels",
        "frontend",
        "genotype",
        "macs",
        "params",
        "bytes",
        "results",
        "data",
        "sha256",
        "format",
    ]
    assert set(documented) <= set(values)
    assert values["format"] == "asc-nas/card/1"
    assert {"name", "licence", "train_folds", "test_folds"} <= set(values["data"])
    assert set(FrontEnd.model_fields) == set(values["frontend"])
    assert values["created_with"].startswith("asc-nas ")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": "asc-nas/card/2"}, "written by a newer asc-nas"),
        ({"format": "asc-nas/pareto/1"}, "not the card"),
        ({"format": None}, "not the card"),
        ({"labels": None}, "'labels' is missing"),
        ({"frontend": {"sample_rate": 8000}}, "'frontend.n_mels' is missing"),
        ({"labels": []}, "'labels'"),
        ({"labels": ["park", "park"]}, "a label stands twice"),
        ({"sha256": "abc"}, "'sha256'"),
        ({"name": "../tiny"}, "'name'"),
        ({"lables": []}, "Did you mean 'labels'"),
    ],
)
def test_a_file_that_is_not_a_sound_card_is_one_clear_error(tmp_path, changes, message):
    path = written(tmp_path, **changes)
    with pytest.raises(AscNasError, match=message) as caught:
        ModelCard.read(path)
    assert str(path) in str(caught.value)
    assert not isinstance(caught.value, UsageError)


@pytest.mark.parametrize("content", [b"", b"[1, 2]", b"{", b"\xff\xfe\x00", b'"text"'])
def test_a_file_that_is_no_json_object_is_one_clear_error(tmp_path, content):
    path = tmp_path / "tiny.json"
    path.write_bytes(content)
    with pytest.raises(AscNasError, match=r"tiny\.json"):
        ModelCard.read(path)


def test_a_missing_card_is_named(tmp_path):
    with pytest.raises(AscNasError, match=r"gone\.json: no such file"):
        ModelCard.read(tmp_path / "gone.json")


def test_a_model_of_another_log_mel_transform_is_refused(tmp_path):
    with pytest.raises(AscNasError, match="another version of the log-mel transform"):
        ModelCard.read(written(tmp_path, frontend_fingerprint="0" * 16))
