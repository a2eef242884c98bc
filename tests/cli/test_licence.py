"""A model of recordings that are not for commercial use says so, whatever uses it."""

import json

import pytest
import soundfile
from toy_classifier import RATE, tones, write_toy_model
from typer.testing import CliRunner

from asc_nas.cli.main import app
from asc_nas.runtime.card import CardData, ModelCard


@pytest.fixture(autouse=True)
def card(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = write_toy_model(tmp_path / "models").parent
    soundfile.write("a.wav", tones("low").T, RATE)
    return folder / "toy.json"


def with_licence(card, licence):
    data = CardData(name="made up", licence=licence)
    ModelCard.read(card).model_copy(update={"data": data}).write(card)


@pytest.mark.parametrize("licence", ["CC BY-NC 3.0", "free non-commercial", "Non commercial"])
def test_it_is_said_beside_the_answer(card, licence):
    with_licence(card, licence)
    done = CliRunner().invoke(app, ["classify", "a.wav", "--format", "json"])
    assert json.loads(done.stdout)
    assert f"toy is not for commercial use: the licence of its recordings is {licence}." in (
        " ".join(done.stderr.split())
    )


@pytest.mark.parametrize("licence", ["CC BY 3.0", "unknown", "INC"])
def test_other_licences_need_no_word(card, licence):
    with_licence(card, licence)
    assert "commercial" not in CliRunner().invoke(app, ["classify", "a.wav"]).output


def test_listen_says_it_too(card):
    with_licence(card, "CC BY-NC 3.0")
    pcm = (tones("low")[0] * 2**14).astype("<i2").tobytes()
    done = CliRunner().invoke(app, ["listen", "-"], input=pcm)
    assert "not for commercial use" in done.stderr
