"""Names, labels and errors that would steer what shows them: they are shown, and do nothing."""

import csv
import io
import json

import pytest
import soundfile
from toy_classifier import RATE, tones, write_toy_model

from asc_nas.cli.main import main
from asc_nas.cli.output.classify_formats import Format, text_of
from asc_nas.core.plain_text import is_plain, visible
from asc_nas.runtime.classifier import Classification
from asc_nas.runtime.labels_out import audacity_labels, raven_selections
from asc_nas.runtime.recordings import Answer, Recording
from asc_nas.runtime.segments import Segment

STEERING = {
    "clears the screen": "a\x1b[2Jb",
    "sets the title": "a\x1b]0;title\x07b",
    "in eight bits": "a\x9b2Jb",
    "begins the line again": "a\rb",
    "writes a line of its own": "a\nerror: b",
    "writes from right to left": "a\u202eb",
    "ends a line as a document does": "a\u2028b",
}
PLAIN = ["café", "公園", "парк", "zero\u200dwidth joiner", "no-break\u00a0space", "🚋", "a\u0301"]


@pytest.mark.parametrize("text", STEERING.values(), ids=STEERING)
def test_what_steers_is_written_out(text):
    assert not is_plain(text)
    assert is_plain(visible(text))
    assert visible(text).startswith("a\\")


@pytest.mark.parametrize("text", PLAIN)
def test_what_people_write_is_left_as_it_is(text):
    assert is_plain(text)
    assert visible(text) == text


def asc_nas(*arguments):
    with pytest.raises(SystemExit) as ended:
        main([*map(str, arguments)])
    return ended.value.code


@pytest.mark.parametrize("name", STEERING.values(), ids=STEERING)
@pytest.mark.parametrize("form", ["table", "csv", "segments", "json"])
def test_no_file_name_steers_the_terminal(tmp_path, capsys, name, form):
    model = write_toy_model(tmp_path / "models")
    folder = tmp_path / "recordings"
    folder.mkdir()
    soundfile.write(folder / f"{name}.wav", tones("low")[0], RATE)
    (folder / f"{name}-bad.wav").write_bytes(b"no audio")
    assert asc_nas("classify", folder, "--model", model, "--format", form, "--merge", 0) == 1
    shown = capsys.readouterr()
    for line in (shown.out + shown.err).split("\n"):
        assert is_plain(line)
    assert not any(line.startswith("error: b") for line in (shown.out + shown.err).split("\n"))
    if form == "json":
        assert json.loads(shown.out)[0]["path"] == str(folder / f"{name}-bad.wav")


@pytest.mark.parametrize("name", STEERING.values(), ids=STEERING)
@pytest.mark.parametrize(
    "command",
    [
        ("classify", "{}.wav"),
        ("models", "show", "{}"),
        ("models", "verify", "{}.onnx"),
        ("run", "{}.yaml"),
        ("run", "nothing.yaml", "--set", "{}"),
        ("search", "{}"),
        ("data", "check", "{}"),
        ("data", "prepare", "folders", "{}"),
        ("features", "{}.parquet"),
        ("report", "{}"),
        ("crossval", "{}"),
        ("ship", "{}", "{}"),
        ("listen", "-", "--model", "{}"),
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_no_argument_steers_the_terminal_in_an_error(tmp_path, monkeypatch, capsys, command, name):
    monkeypatch.chdir(tmp_path)
    assert asc_nas(*(part.format(name) for part in command)) in (1, 2)
    shown = capsys.readouterr()
    lines = (shown.out + shown.err).rstrip("\n").split("\n")
    assert all(is_plain(line) for line in lines)
    assert not any(line.startswith("error: b") for line in lines)


@pytest.fixture
def made_up():
    """Give a function from a label to the answer of a model that has it."""

    def answer(label, path="a.wav"):
        segments = (Segment(0.0, 1.0, label, 0.9),)
        found = Classification(path, label, 0.9, {label: 0.9}, segments, 1.0, ())
        return Answer(Recording(path, path), found)

    return answer


FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "=cmd|' /C calc'!A0"]


@pytest.mark.parametrize("formula", FORMULAS)
@pytest.mark.parametrize("form", [Format.csv, Format.segments])
def test_no_cell_of_a_csv_file_is_a_formula(made_up, form, formula):
    text = text_of(form, [made_up(formula, formula)])
    for row in csv.reader(io.StringIO(text)):
        assert not any(cell.startswith(("=", "+", "-", "@")) for cell in row)
    (row,) = csv.DictReader(io.StringIO(text))
    assert row["path"] == f"./{formula}"  # the same file
    assert row["label"] == f"'{formula}"


@pytest.mark.parametrize("label", STEERING.values(), ids=STEERING)
def test_no_label_adds_a_row_or_a_column_to_a_label_track(label):
    segment = Segment(0.0, 1.0, f"{label}\tx", 0.9)
    (row,) = audacity_labels([segment]).removesuffix("\n").split("\n")
    assert len(row.split("\t")) == 3
    _, row = raven_selections([segment], 4000.0).removesuffix("\n").split("\n")
    assert len(row.split("\t")) == 9
    assert all(map(is_plain, row.split("\t")))
