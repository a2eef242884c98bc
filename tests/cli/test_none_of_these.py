"""``none of these`` and ``silent`` in every format of ``asc-nas classify``, and in ``listen``."""

import json
import subprocess
import sys

import numpy as np
import pytest
import soundfile
from toy_classifier import RATE, tones, write_toy_model
from typer.testing import CliRunner

from asc_nas.cli.main import app
from asc_nas.runtime.timeline import TimelineConfig

SOUND = np.concatenate([tones("low"), tones("low") * 1e-4], 1)
"""A window that the toy is unsure of, and one that is too faint."""
ALMOST_SURE = 0.999
FORMATS = ("table", "json", "csv", "segments", "audacity", "raven")


@pytest.fixture(autouse=True)
def _in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_toy_model(tmp_path / "models", reject_below=ALMOST_SURE)
    soundfile.write("a.wav", SOUND.T, RATE, subtype="FLOAT")


def classified(*options):
    done = CliRunner().invoke(app, ["classify", "a.wav", "--merge", "0", *options])
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.mark.parametrize("output", FORMATS)
def test_every_format_says_it(output):
    found = classified("--format", output)
    assert "none of these" in found
    assert "silent" in found or output == "csv"  # which has a row per recording


def test_both_are_switched():
    found = json.loads(classified("--format", "json", "--no-reject", "--silence", "-150"))[0]
    assert {found["label"], *(s["label"] for s in found["segments"])} <= {"low", "middle", "high"}
    assert found["scores"]["none of these"] == found["scores"]["silent"] == 0


@pytest.mark.parametrize("command", ["classify", "listen"])
def test_the_help_tells_the_level_that_is_taken(command):
    told = " ".join(CliRunner().invoke(app, [command, "--help"]).output.split())
    assert f"'silent' [default: {TimelineConfig().silence:g}]" in told


@pytest.mark.parametrize("options", [(), ("--no-reject",), ("--no-reject", "--only", "high")])
def test_listen_says_what_classify_says(options):
    wave = np.clip(np.rint(SOUND[0] * 2**15), -(2**15), 2**15 - 1).astype("<i2")
    soundfile.write("a.wav", wave, RATE, subtype="PCM_16")
    command = [sys.executable, "-m", "asc_nas.cli.main", "listen", "-", "--json", "--merge", "0"]
    done = subprocess.run([*command, *options], input=wave.tobytes(), capture_output=True)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    labels = [event["label"] for event in events if event["event"] == "segment"]
    expected = json.loads(classified("--format", "json", *options))[0]["segments"]
    assert labels == [segment["label"] for segment in expected]
    assert labels == ["low" if options == ("--no-reject",) else "none of these", "silent"]
