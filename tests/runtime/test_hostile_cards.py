"""Cards made with intent: refused by what they say, before anything is made of it."""

import json
from contextlib import suppress

import pytest
from edited import document
from toy_classifier import write_toy_model
from typer.testing import CliRunner

from asc_nas.audio.logmel import FrontEnd
from asc_nas.cli.main import app
from asc_nas.core.errors import AscNasError, UsageError
from asc_nas.runtime.card import ModelCard


def deep(levels):
    return json.loads('{"a": ' * levels + "1" + "}" * levels)


FRONTENDS = [
    ({"seconds": 1e9}, "'frontend.seconds'"),
    ({"seconds": 2e5}, "'frontend.seconds'"),
    ({"seconds": 2e4}, "'frontend.seconds'"),
    ({"seconds": 1e308}, "'frontend.seconds'"),
    ({"seconds": 3600.0, "sample_rate": 32000, "hop_length": 32000}, "seconds x sample_rate"),
    ({"seconds": 600.0, "hop_length": 1}, "n_mels x frames"),
    ({"n_mels": 10**6}, "'frontend.n_mels'"),
    ({"n_mels": 1024, "n_fft": 2**18}, "n_mels x n_fft"),
    ({"n_fft": 2**24}, "'frontend.n_fft'"),
    ({"n_fft": 2**18, "seconds": 20.0}, "n_fft x frames"),
    ({"sample_rate": 10**9}, "'frontend.sample_rate'"),
    ({"sample_rate": 1}, "'frontend.sample_rate'"),
    ({"fmin": 1e308}, "'frontend'"),
]
CARDS = [
    ({"format": "asc-nas/card/²"}, "not the card"),
    ({"format": "asc-nas/card/" + "9" * 5000}, "written by a newer"),
    ({"format": "\x1b[2Jx"}, r"expected the format"),
    ({"format": [["x"] * 100_000]}, "not the card"),
    ({"macs": 10**399}, "a number is too large"),
    ({"results": {"accuracy": 10**399}}, "a number is too large"),
    ({"bytes": 2**40}, "'bytes'"),
    ({"members": 10**9}, "'members'"),
    ({"temperature": 1e-300}, "'temperature'"),
    ({"temperature": 1e300}, "'temperature'"),
    ({"results": {"accuracy": "0.9"}}, "'results'"),
    ({"results": {"per_class": {"low": "all"}}}, "'results'"),
    ({"results": {"per_class": 1e400}}, "a number is not finite"),
    ({"results": deep(500)}, "too deep"),
    ({"results": {"x": list(range(200_000))}}, "holds too much"),
    ({"labels": ["low", "mid\ud800dle", "high"]}, "not plain"),
    ({"labels": ["low", "\x1b]0;title\x07", "high"]}, "not plain"),
    ({"labels": ["low", "mid\ndle", "high"]}, "not plain"),
    ({"labels": ["low", "\u202ehgih", "high"]}, "not plain"),
    ({"labels": ["low", "x" * 1000, "high"]}, "'labels.1'"),
    ({"labels": [f"label {i}" for i in range(20_000)]}, "'labels'"),
    ({"genotype": "\x1b[31mt5"}, "not plain"),
    ({"created_with": "x" * 20_000}, "too long"),
    ({"data": {"name": "\x9b31m"}}, "not plain"),
    ({"results": {"\x1b[2J": 1.0}}, "not plain"),
    ({"recorder": "\x1b[2J"}, "not plain"),
    ({"recorder": "x" * 1000}, "'recorder'"),
    ({"recorder": ["a"]}, "'recorder'"),
    ({"recorders": {"a": 1}}, "'recorders'"),
    ({"recorders": [{"recorder": "a"}]}, "'recorders.0.results' is missing"),
    ({"recorders": [{"recorder": "", "results": {}}]}, "'recorders.0.recorder'"),
    ({"recorders": [{"recorder": "x\ny", "results": {}}]}, "not plain"),
    ({"recorders": [{"recorder": "x" * 1000, "results": {}}]}, "'recorders.0.recorder'"),
    ({"recorders": [{"recorder": "a", "results": {}}] * 2}, "a recording device stands twice"),
    ({"recorder": "a", "recorders": [{"recorder": "b", "results": {}}]}, "lists others, too"),
    ({"recorders": [{"recorder": str(i), "results": {}} for i in range(1001)]}, "'recorders'"),
    ({"recorders": [{"recorder": "a", "results": {"accuracy": "1"}}]}, "'recorders.0.results'"),
    ({"recorders": [{"recorder": "a", "results": {}, "temperature": 0}]}, "0.temperature'"),
    ({"recorders": [{"recorder": "a", "results": {}, "reject_below": 2}]}, "0.reject_below'"),
    ({"recorders": [{"recorder": "a", "results": {}, "adapted": 1e9}]}, "0.adapted'"),
    ({"recorders": [{"recorder": "a", "results": {}, "general_interval": [0]}]}, "interval.1'"),
    ({"recorders": [{"recorder": "a", "results": {}, "gain": 1}]}, "'recorders.0.gain'"),
]


def hostile(folder, changes):
    """Write a whole model whose card was changed; return the card's path."""
    path = write_toy_model(folder).with_suffix(".json")
    values = document(path)
    values["frontend"] |= changes.pop("frontend", {})
    with suppress(UsageError):
        front_end = FrontEnd.parse(values["frontend"], "made")
        values["frontend_fingerprint"] = front_end.fingerprint
    path.write_text(json.dumps(values | changes))
    return path


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"frontend": changes}, message) for changes, message in FRONTENDS] + CARDS,
    ids=lambda value: str(value)[:40] if isinstance(value, dict) else "",
)
def test_a_card_made_with_intent_is_one_short_sentence(tmp_path, changes, message):
    path = hostile(tmp_path, dict(changes))
    with pytest.raises(AscNasError, match=message) as error:
        ModelCard.read(path)
    told = str(error.value)
    assert told.startswith(f"{path}: ")
    assert len(told) < 400 + len(str(path))
    assert told.isprintable()


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 100_000,
        b'{"format": ' * 100_000,
        b'{"macs": ' + b"9" * 10_000 + b"}",
        b"\xed\xa0\x80",
    ],
    ids=["deep list", "deep object", "long number", "half a surrogate"],
)
def test_a_card_that_no_parser_likes_is_one_sentence(tmp_path, content):
    path = tmp_path / "toy.json"
    path.write_bytes(content)
    with pytest.raises(
        AscNasError, match=r"toy\.json: not readable as JSON .*: restore it, or delete"
    ):
        ModelCard.read(path)


def test_a_card_of_gigabytes_is_not_read(tmp_path):
    path = tmp_path / "toy.json"
    with path.open("wb") as sparse:
        sparse.truncate(2**34)
    with pytest.raises(AscNasError, match="larger than any card"):
        ModelCard.read(path)


def test_hostile_cards_hide_no_other_model(tmp_path, monkeypatch):
    monkeypatch.setenv("ASC_NAS_MODELS", str(tmp_path))
    for number, (changes, _) in enumerate(CARDS):
        hostile(tmp_path / "made", dict(changes)).rename(tmp_path / f"bad{number}.json")
        (tmp_path / f"bad{number}.onnx").write_bytes(b"")
    write_toy_model(tmp_path)
    done = CliRunner().invoke(app, ["models", "list"])
    assert done.exit_code == 0, done.output
    (line,) = [line for line in done.output.splitlines() if line.split()[:1] == ["toy"]]
    assert line.split()[1:4] == ["3", "8", "kHz"]
    assert "\x1b" not in done.output


def test_the_largest_front_ends_that_are_allowed_are_still_taken(tmp_path):
    generous = {"sample_rate": 500_000, "seconds": 60.0, "n_fft": 32_768, "hop_length": 8192}
    ModelCard.read(hostile(tmp_path, {"frontend": generous}))
    long = {"sample_rate": 32_000, "seconds": 1000.0, "hop_length": 640, "n_mels": 64}
    ModelCard.read(hostile(tmp_path, {"frontend": long | {"win_length": 1280, "n_fft": 1280}}))
