import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tiny import PATIENCE
from toy_classifier import RATE, tones, write_toy_model
from typer.testing import CliRunner

from asc_nas.cli.commands import listen
from asc_nas.cli.interrupt import Stop
from asc_nas.cli.main import app
from asc_nas.core.errors import AscNasError, UsageError
from asc_nas.runtime.classifier import Classifier
from asc_nas.runtime.listen import Gap
from asc_nas.runtime.timeline import TimelineConfig

SCRIPT = Path(sys.executable).with_name("asc-nas")
WAVE = tones("low", "high", "high", "middle", channels=2)
OPTIONS = ("--hop", "0.25", "--merge", "0.3")
CONFIG = TimelineConfig(hop=0.25, merge=0.3)


@pytest.fixture(autouse=True)
def _in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_toy_model(Path("models"))


def written(wave=WAVE, rate=RATE) -> bytes:
    """Write ``a.wav``; return its samples as s16le."""
    soundfile.write("a.wav", wave.T, rate)
    return soundfile.read("a.wav", dtype="int16")[0].tobytes()


def start(*arguments):
    return subprocess.Popen(
        [SCRIPT, "listen", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,  # what is read ahead would be lost to `communicate`
    )


def piped(data, *arguments):
    """Return (exit code, output, standard error) of ``asc-nas listen -`` in this process."""
    result = CliRunner().invoke(app, ["listen", "-", *arguments], input=data)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def events(text):
    """Return the JSON lines by event."""
    found = {}
    for line in text.splitlines():
        event = json.loads(line)
        found.setdefault(event.pop("event"), []).append(event)
    return found


def answer_of(found):
    """Return what `asc-nas classify --format json` has, but for the path."""
    (end,) = found["end"]
    keys = ("label", "probability", "scores")
    return {key: end[key] for key in keys} | {"segments": found["segment"]}


def classified(path="a.wav", config=CONFIG):
    answer = Classifier.load("toy").classify(Path(path), None, config).to_json()
    del answer["path"]
    return answer


@pytest.mark.parametrize("pause", [0.0, 0.1])
def test_a_piped_recording_gives_what_classify_says_of_the_file(pause):
    data = written()  # 2 s; a pause of 0.1 s per 0.1 s of audio is real time
    process = start("-", "--channels", "2", "--json", *OPTIONS)
    size = 4 * RATE // 10
    for first in range(0, len(data), size):
        process.stdin.write(data[first : first + size])
        process.stdin.flush()
        time.sleep(pause)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    found = events(out)
    assert answer_of(found) == classified()
    assert len(found["update"]) == 7
    assert found["end"][0]["heard"] == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_lines_come_at_once_and_ctrl_c_ends_with_the_answer(number):
    data = written(WAVE[:, : RATE + RATE // 4])
    process = start("-", "--channels", "2", "--json", *OPTIONS)
    process.stdin.write(data)
    process.stdin.flush()
    lines = [process.stdout.readline() for _ in range(5)]  # while the pipe stays open
    assert [json.loads(line)["event"] for line in lines] == ["start"] + ["update"] * 4
    process.send_signal(number)
    rest, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    assert answer_of(events(b"".join(lines) + rest)) == classified()
    assert b"Traceback" not in err


def test_the_rate_of_what_is_piped_is_resampled_as_a_file_is():
    data = written(tones("low", "high", seconds=0.8, rate=11025), 11025)
    code, out, _ = piped(data, "--rate", "11025", "--json", *OPTIONS)
    assert code == 0
    assert answer_of(events(out)) == classified()


def test_people_see_a_line_per_hop_and_the_tables_of_classify():
    written()
    shown = CliRunner().invoke(app, ["classify", "a.wav", *OPTIONS]).stdout
    code, out, err = piped(written(), "--channels", "2", *OPTIONS)
    lines, tables = out.split("\n\n", 1)
    assert code == 0
    header, *rows = lines.splitlines()
    assert header.split() == ["Time", "Scene", "Probability", "Next", "candidates"]
    assert len(rows) == 7
    assert rows[0].split()[:2] == ["0:00:00.5", "low"]
    assert shown.split("a.wav")[-1].split() == tables.split("standard input")[-1].split()
    assert err.splitlines() == [
        "Listening to standard input (s16le, 8000 Hz, channels: 2); Ctrl-C ends."
    ]


def test_without_confidence_a_line_says_unknown_and_names_all_candidates():
    _, out, _ = piped(written(WAVE), "--channels", "2", "--min-confidence", "0.99", "--top", "2")
    row = out.splitlines()[1]
    assert row.split()[1] == "unknown"
    assert row.count("%") == 3


def test_garbage_is_a_warning_and_listening_goes_on():
    wave = tones("low", seconds=1.0)[0]
    wave[100] = np.nan
    code, out, err = piped(wave.tobytes() + b"xyz", "--format", "f32le", "--json")
    assert code == 0
    assert events(out)["end"][0]["label"] == "low"
    warnings = [line for line in err.splitlines() if line.startswith("warning: ")]
    assert len(warnings) == 3
    assert "NaN" in warnings[0]
    assert "inside a frame (3 of 4 bytes)" in warnings[1]


def test_nothing_at_all_is_an_error():
    with pytest.raises(AscNasError, match="standard input ended before there was any audio"):
        piped(b"")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["street.wav"], "'street.wav': only '-'.*asc-nas classify"),
        (["-", "--device", "1"], "exclude one another"),
        (["--format", "s16le"], "add '-'"),
        (["-", "--hop", "3"], "would leave gaps"),
    ],
)
def test_a_wrong_call_says_what_to_do(arguments, message):
    result = CliRunner().invoke(app, ["listen", *arguments], input=b"")
    assert isinstance(result.exception, UsageError)
    with pytest.raises(UsageError, match=message):
        raise result.exception


def test_audio_lost_on_the_way_is_shown_and_counted(monkeypatch):
    chunks = [tones("low"), Gap(2.0), tones("high")]
    monkeypatch.setattr(listen, "_microphone", lambda *_: ("Built-in", RATE, chunks))
    result = CliRunner().invoke(app, ["listen"])
    assert "(2.0 s not heard)" in result.stdout.splitlines()
    assert "0:00:03.0  high" in result.stdout
    assert "1.0 s were heard, 2.0 s lost." in result.stdout
    found = events(CliRunner().invoke(app, ["listen", "--json"]).stdout)
    assert found["gap"] == [{"seconds": 2.0}]
    assert found["end"][0]["lost"] == 2.0


def test_the_work_on_a_chunk_is_not_interrupted_by_ctrl_c():
    done = []
    with Stop() as stop:
        for item in stop.each(range(5)):
            if item == 1:
                signal.raise_signal(signal.SIGINT)
            done.append(item)
    assert done == [0, 1]
    assert stop.requested


def test_a_second_ctrl_c_ends_the_work_too():
    with Stop() as stop, pytest.raises(KeyboardInterrupt):  # noqa: PT012
        for _ in stop.each(range(5)):
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)


def test_the_command_loads_no_model_runtime_for_its_help():
    module = "asc_nas.cli.commands.listen"
    script = f"import {module}, sys; print({{'onnxruntime', 'numpy'}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("set()\n", "")
