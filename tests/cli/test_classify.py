import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
import typer
from torch import nn
from toy_classifier import write_toy_model
from typer.testing import CliRunner

from asc_nas.audio.logmel import FrontEnd, log_mel
from asc_nas.cli.commands.classify import classify
from asc_nas.core.errors import AscNasError
from asc_nas.export.onnx import export_model
from asc_nas.runtime.card import CardData
from asc_nas.runtime.classifier import Classifier

RATE = 8000
FRONTEND = FrontEnd(
    sample_rate=RATE, n_mels=8, win_length=256, hop_length=128, n_fft=256, seconds=0.5
)
LABELS = ("tram", "[bold]street", "park", "bus")


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)
        generator = torch.Generator().manual_seed(2)
        nn.init.normal_(self.conv.weight, generator=generator)
        nn.init.zeros_(self.conv.bias)

    def forward(self, log_mel: torch.Tensor) -> torch.Tensor:
        return self.conv((log_mel + 45) / 30).mean(dim=(2, 3))


@pytest.fixture(scope="module")
def work(tmp_path_factory) -> Path:
    """Return a folder with a model in ``models`` and recordings in ``audio``."""
    folder = tmp_path_factory.mktemp("work")
    generator = np.random.default_rng(0)
    export_model(
        Net(),
        log_mel(generator.normal(0, 0.1, (3, RATE // 2)).astype(np.float32), FRONTEND),
        folder / "models",
        name="tiny",
        labels=LABELS,
        frontend=FRONTEND,
        genotype="t5e2w1",
        macs=1000,
        params=50,
        results={},
        data=CardData(name="made up"),
    )
    for name in ("b.wav", "a [red].flac", "below/c.WAV", ".hidden.wav"):
        path = folder / "audio" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, generator.normal(0, 0.1, (RATE, 2)), RATE)
    (folder / "audio" / "notes.txt").write_text("not audio")
    (folder / "broken.wav").write_bytes(b"not audio")
    (folder / "empty").mkdir()
    return folder


IN_ORDER = ["audio/a [red].flac", "audio/b.wav", "audio/below/c.WAV"]


def run(*arguments: str):
    """Run the command as the program does: an AscNasError is one line and an exit code."""
    app = typer.Typer()
    app.command("classify")(classify)
    app.command("other")(lambda: None)
    result = CliRunner().invoke(app, ["classify", *arguments])
    if isinstance(result.exception, AscNasError):
        return result.exception.exit_code, "", f"error: {result.exception}"
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture(autouse=True)
def _in_work(work, monkeypatch):
    monkeypatch.chdir(work)


def test_json_is_an_array_of_what_the_classifier_answers():
    code, out, err = run("audio", "--model", "tiny", "--format", "json")
    entries = json.loads(out)
    assert (code, err) == (0, "")
    assert [entry["path"] for entry in entries] == IN_ORDER
    tiny = Classifier.load("tiny")
    assert entries == [tiny.classify(Path(path)).to_json() for path in IN_ORDER]


def test_a_broken_file_is_an_error_entry_and_the_rest_is_done():
    code, out, _ = run("broken.wav", "gone.wav", "audio/b.wav", "--format", "json")
    broken, gone, good = json.loads(out)
    assert code == 1
    assert set(broken) == set(gone) == {"path", "error"}
    assert (broken["path"], gone["path"]) == ("broken.wav", "gone.wav")
    assert "gone.wav" in gone["error"]
    assert good == Classifier.load("tiny").classify(Path("audio/b.wav")).to_json()


def test_csv_has_one_row_per_file():
    code, out, _ = run("audio", "broken.wav", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert code == 1
    tiny = Classifier.load("tiny")
    scores = tiny.classify(Path(IN_ORDER[0])).scores
    fixed = ["path", "label", "probability", "error", "start_time"]
    assert list(rows[0]) == [*fixed, *(f"probability_{label}" for label in scores)]
    assert {k: float(rows[0][f"probability_{k}"]) for k in scores} == scores
    assert rows[0]["start_time"] == rows[3]["probability_park"] == ""
    assert [row["path"] for row in rows] == [*IN_ORDER, "broken.wav"]
    answer = Classifier.load("tiny").classify(Path(IN_ORDER[0]))
    assert (rows[0]["label"], float(rows[0]["probability"])) == (answer.label, answer.probability)
    assert rows[0]["error"] == ""
    assert rows[3]["label"] == rows[3]["probability"] == ""
    assert "broken.wav" in rows[3]["error"]


def test_the_table_shows_the_file_the_scene_and_the_next_candidates():
    code, out, err = run("audio/a [red].flac", "--top", "3")
    scores = Classifier.load("tiny").classify(Path(IN_ORDER[0])).scores
    first, second, third, fourth = sorted(LABELS, key=lambda label: -scores[label])
    assert (code, err) == (0, "")
    row = next(line for line in out.splitlines() if "a [red].flac" in line)
    assert f"{first}  " in row
    assert f"{scores[first]:.1%}" in row
    assert f"{second} {scores[second]:.1%}, {third} {scores[third]:.1%}" in row
    assert fourth not in row


def test_the_table_with_top_1_has_no_candidates():
    code, out, _ = run("audio/b.wav", "--top", "1")
    assert code == 0
    assert "Next" not in out
    assert sum(label in out for label in LABELS) == 1


def test_the_table_marks_a_broken_file_and_says_why_on_stderr():
    code, out, err = run("broken.wav", "audio/b.wav")
    assert code == 1
    assert "not classified" in next(line for line in out.splitlines() if "broken.wav" in line)
    assert "b.wav" in out.splitlines()[-1]
    assert [line[:17] for line in err.splitlines()] == ["note: to see what", "error: broken.wav"]


def written(path, seconds=1.0, silent=0.0, channels=1, rate=RATE, **options):
    """Write noise and then silence; channels behind the first are silent."""
    wave = np.zeros((round((seconds + silent) * rate), channels))
    wave[: round(seconds * rate), 0] = np.random.default_rng(0).normal(
        0, 0.1, round(seconds * rate)
    )
    soundfile.write(path, wave, rate, **options)


FORMATS = (
    [],
    ["--format", "json"],
    ["--format", "csv"],
    ["--format", "audacity"],
    ["--format", "csv", "--output", "out"],
)


@pytest.mark.parametrize("output", FORMATS)
@pytest.mark.parametrize(("seconds", "told"), [(0.2, True), (0.3, False), (1.0, False)])
def test_a_recording_of_less_than_half_a_window_is_pointed_out(tmp_path, seconds, told, output):
    written(tmp_path / "x.wav", seconds)
    code, out, err = run(str(tmp_path / "x.wav"), *output)
    assert code == 0
    assert "note:" not in out
    assert ("x.wav lasts less than half of the 0.5 s" in err) is told
    assert len(err.splitlines()) == told


@pytest.mark.parametrize("output", FORMATS)
def test_silence_is_pointed_out(tmp_path, output):
    for name, seconds, told in (("x", 0, "2.0 of the 2.0 s"), ("y", 1, "2.0 of the 3.0 s")):
        written(tmp_path / f"{name}.wav", seconds, silent=2)
        code, _, err = run(str(tmp_path / f"{name}.wav"), *output)
        assert code == 0
        assert err.startswith(f"note: {told} of {tmp_path}/{name}.wav are digital silence.\n")
        assert len(err.splitlines()) == 1


@pytest.mark.parametrize("channels", [2, 6, 8])
def test_channels_without_a_signal_are_named_and_do_not_vote(tmp_path, channels):
    written(tmp_path / "mono.wav")
    written(tmp_path / "many.wav", channels=channels)
    _, alone, _ = run(str(tmp_path / "mono.wav"), "--format", "json")
    code, out, err = run(str(tmp_path / "many.wav"), "--format", "json")
    scores = json.loads(alone)[0]["scores"]
    assert code == 0
    assert json.loads(out)[0]["scores"] == pytest.approx(scores, abs=1e-6)
    numbers = ", ".join(map(str, range(2, channels + 1)))
    assert f"note: channels without a signal were not heard: {numbers} of {tmp_path}/many" in err


@pytest.mark.parametrize("output", [*FORMATS[:3], FORMATS[4]])
def test_no_note_hides_the_error_of_a_file(tmp_path, output):
    for name in "ab":
        written(tmp_path / f"{name}.wav", 0.1, silent=2.0, channels=2)
    code, _, err = run("broken.wav", str(tmp_path), "gone.wav", *output)
    _, *hint = err.rsplit("note: to see what is heard when, add --merge 0", 1)
    assert bool(hint) is (not output)
    err = "".join(line for line in err.splitlines(True) if "--merge" not in line)
    notes = [line for line in err.splitlines() if line.startswith("note: ")]
    assert (code, len(notes)) == (1, 2)
    assert all(f"of 2 recordings, such as {tmp_path}/a.wav" in note for note in notes)
    first, second = err.splitlines()[len(notes) :]
    assert first.startswith("error: broken.wav: not readable")
    assert second.startswith("error: gone.wav: no such")


def test_a_recording_that_is_repeated_is_not_pointed_out(tmp_path):
    model = write_toy_model(tmp_path / "models", short="repeat")
    written(tmp_path / "x.wav", 0.2)
    code, _, err = run(str(tmp_path / "x.wav"), "--model", str(model))
    assert (code, err) == (0, "")


def test_short_recordings_are_counted(tmp_path):
    for name in ("x", "y", "long"):
        written(tmp_path / f"{name}.wav", 1.0 if name == "long" else 0.1)
    _, _, err = run(str(tmp_path))
    assert f"note: 2 recordings, such as {tmp_path}/x.wav last less than half" in err


def test_the_timeline_of_an_mp3_reaches_to_its_end(tmp_path):
    options = {"rate": 16000, "bitrate_mode": "VARIABLE", "compression_level": 0.1}
    written(tmp_path / "x.mp3", 2, silent=8, **options)
    content = (tmp_path / "x.mp3").read_bytes()
    frame = content.index(b"\xff\xf3", 100)
    assert b"Info" in content[:frame] or b"Xing" in content[:frame]
    (tmp_path / "x.mp3").write_bytes(content[frame:])
    _, out, _ = run(str(tmp_path / "x.mp3"), "--format", "json", "--merge", "0")
    assert json.loads(out)[0]["segments"][-1]["end"] == pytest.approx(10, abs=0.15)


def test_a_model_is_not_taken_for_one_of_the_same_name_elsewhere(work, tmp_path, monkeypatch):
    recording = str(work / "audio" / "b.wav")
    before = run(recording, "--model", "tiny", "--format", "json")[1]
    model = write_toy_model(tmp_path / "models")
    for path in (model, model.with_suffix(".json")):
        path.rename(path.with_stem("tiny"))
    monkeypatch.chdir(tmp_path)
    after = run(recording, "--model", "tiny", "--format", "json")[1]
    assert set(json.loads(before)[0]["scores"]) != set(json.loads(after)[0]["scores"])


def test_a_file_named_twice_is_done_once():
    _, out, _ = run("audio/b.wav", "audio", "audio/b.wav", "--format", "csv")
    paths = [row["path"] for row in csv.DictReader(io.StringIO(out))]
    assert paths == ["audio/b.wav", "audio/a [red].flac", "audio/below/c.WAV"]


def test_a_folder_without_audio_is_wrong_usage():
    code, out, err = run("empty")
    assert (code, out) == (2, "")
    assert "no audio files in empty" in err


def test_an_unknown_model_names_the_nearest():
    code, out, err = run("audio", "--model", "tinny")
    assert (code, out) == (1, "")
    assert "Did you mean 'tiny'" in err


@pytest.mark.parametrize("arguments", [[], ["audio", "--format", "xml"], ["audio", "--top", "0"]])
def test_a_wrong_call_exits_with_2(arguments):
    assert run(*arguments)[0] == 2


def test_a_file_name_that_is_not_utf8_can_be_printed():
    odd = "odd\udcff.wav"
    for output in ("json", "csv", "table"):
        code, out, _ = run(odd, "--format", output)
        assert code == 1
        assert "odd" in out


def test_the_help_shows_an_example_and_loads_no_model_runtime():
    code, out, _ = run("--help")
    assert code == 0
    assert "asc-nas classify street.wav" in " ".join(out.split())
    module = "asc_nas.cli.commands.classify"
    script = f"import {module}, sys; print({{'onnxruntime', 'numpy'}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("set()\n", "")
