"""A file name of any bytes is a name, and a label of any script is printed on any terminal."""

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from tiny import ENVIRONMENT, asc_nas, command, write_config
from toy_classifier import RATE, tones, write_toy_model

from asc_nas.cli.output.text import WRITTEN_OUT
from asc_nas.core.errors import UsageError
from asc_nas.core.plain_text import as_path, as_text, is_plain
from asc_nas.data.manifest import Manifest
from asc_nas.run.run import Run
from data_prep.checks import read_keys
from data_prep.datasets import read_dataset

ODD = [
    b"\xe9.wav",
    b"\\xe9.wav",
    b"a\nb.wav",
    b"tab\t.wav",
    "\u2028.wav".encode(),
    b"caf\xc3\xa9.wav",
]
LABELS = ["雨", "парк", "🚋 tram", "[bold]x"]

pytestmark = pytest.mark.skipif(os.name == "nt", reason="names are text there")


def record(path, seed=0):
    Path(os.fsdecode(path)).parent.mkdir(parents=True, exist_ok=True)
    wave = np.random.default_rng(seed).uniform(-0.5, 0.5, RATE)
    with open(path, "wb") as file:  # noqa: PTH123
        soundfile.write(file, wave, RATE, format="WAV")


@pytest.fixture
def recordings(tmp_path):
    """Two classes of recordings, each with all the odd names."""
    for number, label in enumerate(("car", "rain")):
        for place, name in enumerate(ODD):
            record(os.fsencode(tmp_path / "d" / label) + b"/" + name, seed=10 * number + place)
    return tmp_path / "d"


@given(st.binary(min_size=1).filter(lambda name: not set(name) & set(b"\0/") and name != b"."))
def test_text_names_one_file_and_every_file_has_a_text(name):
    path = Path(os.fsdecode(name))
    text = as_text(path)
    assert is_plain(text)
    assert os.fsencode(as_path(text)) == name


def test_two_files_never_have_one_text():
    names = [Path(os.fsdecode(name)) for name in (*ODD, b"\\x5cxe9.wav", b"\\\\xe9.wav")]
    assert len({as_text(name) for name in names}) == len(names)
    assert as_text(Path(os.fsdecode(b"d/\xe9.wav"))) == "d/\\xe9.wav"
    assert as_text(Path("d/café.wav")) == "d/café.wav"


def test_every_file_of_a_folder_is_answered(recordings, tmp_path):
    model = write_toy_model(tmp_path / "models")
    done = asc_nas("classify", recordings, "--model", model, "--format", "csv")
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert len(rows) == 2 * len(ODD)
    assert all(row["label"] for row in rows)
    assert all(as_path(row["path"]).is_file() for row in rows)  # as a list of clips is read


@pytest.mark.parametrize("form", ["json", "segments", "audacity", "raven"])
def test_every_recording_has_its_result_file_and_its_picture(recordings, tmp_path, form):
    model, out = write_toy_model(tmp_path / "models"), tmp_path / "out"
    names = [path.name for path in (recordings / "car").iterdir()]
    done = asc_nas("classify", recordings / "car", "--model", model, "--format", form,
                   "--output", out, *(("--plot", out) if form == "json" else ()))  # fmt: skip
    assert done.returncode == 0, done.stderr
    written = {path.name for path in out.iterdir()}
    assert len(written) == (2 if form == "json" else 1) * len(ODD)
    assert all(any(file.startswith(f"{name}.") for file in written) for name in names)


def test_data_is_prepared_checked_excluded_listed_and_read_again(recordings, tmp_path):
    os.rename(os.fsencode(recordings / "car") + b"/caf\xc3\xa9.wav",  # noqa: PTH104
              os.fsencode(recordings / "car") + b"/silent\xff.wav")  # fmt: skip
    silent = Path(os.fsdecode(os.fsencode(recordings / "car") + b"/silent\xff.wav"))
    with silent.open("wb") as file:
        soundfile.write(file, np.zeros(RATE), RATE, format="WAV")
    manifest, bad = tmp_path / "m.parquet", tmp_path / "bad.txt"
    assert asc_nas("data", "prepare", "folders", recordings, "--out", manifest).returncode == 0
    opened = Manifest.read(manifest)
    assert len(opened.clips) == 2 * len(ODD)
    assert all(opened.audio_path(clip).is_file() for clip in opened.clips)
    done = asc_nas("data", "check", manifest, "--exclude", bad)
    assert done.returncode == 1
    assert read_keys(bad) == ("car/silent\\xff.wav",)
    done = asc_nas("init", recordings, "--seconds", 0.5, "--out", tmp_path / "own.yaml")
    assert done.returncode == 0, done.stderr
    silent_parts = ("d/car/silent\\xff.wav", "d/car/silent\\xff.wav@0.5")
    assert read_keys(tmp_path / "own.exclude.txt") == silent_parts
    listed = read_dataset("csv", tmp_path / "own.clips.csv")
    assert all(listed.audio_path(clip).is_file() for clip in listed.clips)
    assert len(listed.clips) == 4 * len(ODD)


@pytest.mark.slow
def test_a_folder_of_any_bytes_is_run_from_end_to_end(recordings, tmp_path):
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/d\xff"))
    (recordings / "car").rename(recordings / "парк")
    (recordings / "rain").rename(recordings / "雨")
    recordings.rename(odd)

    def printed(*arguments):
        done = in_latin_1(*arguments)
        told = (done.stdout + done.stderr).decode("latin-1")
        assert done.returncode == 0, told
        return told

    assert "\\u96e8" in printed("init", odd, "--out", tmp_path / "own.yaml")
    sizes = {"rank.epochs": 1, "retrain.epochs": 1, "retrain.members": 1, "data.workers": 1,
             "space.stems": [], "space.channels": [], "skeleton": "cp_mobile_tiny",
             "baselines": "{summed: {kernels: [f3+t3], expansion: 1}}"}  # fmt: skip
    changes = [word for key, value in sizes.items() for word in ("--set", f"{key}={value}")]
    run, model = tmp_path / "run", tmp_path / "run" / "models" / "own-best.onnx"
    printed("run", tmp_path / "own.yaml", *changes, "--out", run)
    assert "\\u043f\\u0430\\u0440\\u043a" in printed("evaluate", run, model)
    printed("report", run)
    assert "парк" in (run / "report" / "report.html").read_text("utf-8")
    assert "\\u96e8" in printed("models", "show", model)
    assert "\\u" in printed("classify", odd, "--model", model)
    card = json.loads(model.with_suffix(".json").read_text("utf-8"))
    assert sorted(card["labels"]) == ["парк", "雨"]
    assert card["data"]["name"] == "d\\xff"


def test_a_run_directory_that_no_library_opens_is_refused_before_any_work(tmp_path):
    config = write_config(tmp_path / "c.yaml")
    with pytest.raises(UsageError, match="give another with --out"):
        Run.open(config, tmp_path, out=tmp_path / os.fsdecode(b"run\xff"))


def in_latin_1(*arguments):
    environment = ENVIRONMENT | {"PYTHONIOENCODING": "latin-1", "LC_ALL": "C"}
    return subprocess.run(command(*arguments), capture_output=True, env=environment, check=False)


def test_labels_outside_the_encoding_are_written_out(tmp_path):
    model = write_toy_model(tmp_path / "models")
    card = json.loads(model.with_suffix(".json").read_text())
    del card["checksum"]
    model.with_suffix(".json").write_text(json.dumps(card | {"labels": LABELS[:3]}))
    for number, label in enumerate(LABELS):
        for take in range(6):
            record(os.fsencode(tmp_path / "d" / label / f"{take}.wav"), seed=10 * number + take)
    soundfile.write(tmp_path / "t.wav", tones("low", "high")[0], RATE)
    manifest = tmp_path / "m.parquet"
    for arguments, label in (
        (("classify", tmp_path / "t.wav", "--model", model, "--merge", 0), "\\u96e8"),
        (("classify", tmp_path / "d", "--model", model, "--format", "csv"), "\\u96e8"),
        (("classify", tmp_path / "d", "--model", model, "--format", "json"), "\\ud83d\\ude8b"),
        (("models", "show", model), "\\u043f\\u0430\\u0440\\u043a"),
        (("models", "show", model, "--json"), "\\ud83d\\ude8b tram"),
        (("data", "prepare", "folders", tmp_path / "d", "--out", manifest), "[bold]x"),
        (("data", "check", manifest, "--json", "-"), ""),
        (("init", tmp_path / "d", "--out", tmp_path / "own.yaml"), "\\u96e8"),
        (("init", tmp_path / "雨" / "nowhere"), "\\u96e8"),
    ):
        done = in_latin_1(*arguments)
        told = (done.stdout + done.stderr).decode("latin-1")
        assert "Traceback" not in told
        assert label in told
        assert done.returncode == (1 if "nowhere" in str(arguments[1]) else 0), told
        if "json" in arguments or "--json" in arguments:
            assert json.loads(done.stdout.decode("latin-1"))


@pytest.mark.parametrize("variables", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C"}])
def test_labels_are_printed_where_there_is_only_ascii(tmp_path, variables):
    for label in LABELS:
        record(os.fsencode(tmp_path / "d" / label / "1.wav"))
    call = command("data", "prepare", "folders", tmp_path / "d", "--out", tmp_path / "雨.parquet")
    done = subprocess.run(call, capture_output=True, env=ENVIRONMENT | variables, check=False)
    assert done.returncode == 0, done.stderr
    assert b"[bold]x" in done.stdout


def test_what_is_written_out_stays_json():
    text = json.dumps({"🚋": "é雨\udce9"}, ensure_ascii=False)
    assert json.loads(text.encode("latin-1", WRITTEN_OUT).decode("latin-1")) == json.loads(text)
    assert sys.getdefaultencoding() == "utf-8"
