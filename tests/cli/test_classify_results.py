"""``asc-nas classify`` with result files, timelines, plots, patterns and workers."""

import csv
import io
import json
import sys

import pytest
import soundfile
import typer
from toy_classifier import RATE, tones, write_toy_model
from typer.testing import CliRunner

import asc_nas
from asc_nas.cli.commands.classify import classify
from asc_nas.cli.main import _sentence
from asc_nas.core.errors import AscNasError

DAY = ("low", "low", "low", "high", "low", "low", "middle", "middle", "middle")


@pytest.fixture(autouse=True)
def work(tmp_path, monkeypatch):
    """Work in a folder with a model and recordings."""
    monkeypatch.chdir(tmp_path)
    write_toy_model(tmp_path / "models")
    for name, labels in {
        "day.wav": DAY,
        "night/a.wav": ("low",),
        "night/b.flac": ("high",),
    }.items():
        path = tmp_path / "rec" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, tones(*labels).T, RATE)
    (tmp_path / "broken.wav").write_bytes(b"not audio")
    return tmp_path


def run(*arguments):
    """Return exit code, standard output and standard error, as the program gives them."""
    app = typer.Typer()
    app.command("classify")(classify)
    app.command("other")(lambda: None)
    result = CliRunner().invoke(app, ["classify", *map(str, arguments)])
    if isinstance(result.exception, AscNasError | ModuleNotFoundError):
        message, code = _sentence(result.exception)
        return code, "", message
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def test_merged_segments_make_an_audacity_track():
    code, out, err = run("rec/day.wav", "--format", "audacity")
    assert (code, err) == (0, "")
    rows = [line.split("\t") for line in out.splitlines()]
    assert [row[2] for row in rows] == ["low", "high", "low", "middle"]
    assert [float(row[0]) for row in rows[1:]] == [float(row[1]) for row in rows[:-1]]
    code, out, _ = run("rec/day.wav", "--format", "audacity", "--merge", "1")
    assert [line.split("\t")[2] for line in out.splitlines()] == ["low", "middle"]


def test_json_keeps_a_segment_per_window_unless_merged():
    assert len(json.loads(run("rec/day.wav", "--format", "json")[1])[0]["segments"]) == len(DAY)
    (entry,) = json.loads(run("rec/day.wav", "--format", "json", "--merge", "0")[1])
    assert [segment["label"] for segment in entry["segments"]] == ["low", "high", "low", "middle"]


def test_hop_window_and_smooth_change_the_steps():
    arguments = ("rec/day.wav", "--format", "json", "--hop", "0.1", "--window", "0.3")
    ends = [s["end"] for s in json.loads(run(*arguments)[1])[0]["segments"]]
    assert ends == pytest.approx([0.3 * i for i in range(1, 16)])
    smooth = json.loads(run(*arguments, "--smooth", "2", "--merge", "0")[1])[0]["segments"]
    assert [s["label"] for s in smooth] == ["low", "middle"]


def test_a_raven_table_reaches_to_the_highest_frequency_that_is_heard():
    code, out, _ = run("rec/day.wav", "--format", "raven", "--merge", "1")
    table = list(csv.DictReader(io.StringIO(out), delimiter="\t"))
    assert code == 0
    assert [row["Scene"] for row in table] == ["low", "middle"]
    assert {row["High Freq (Hz)"] for row in table} == {"4000.0"}


@pytest.mark.parametrize(("rate", "highest"), [(2000, 1000), (8000, 4000), (44100, 4000)])
def test_a_raven_table_stays_inside_the_recording(work, rate, highest):
    soundfile.write(work / "x.wav", tones("low", rate=rate, seconds=1.00003).T, rate)
    _, out, _ = run("x.wav", "--format", "raven", "--hop", "0.1")
    table = list(csv.DictReader(io.StringIO(out), delimiter="\t"))
    assert {float(row["High Freq (Hz)"]) for row in table} == {highest}
    assert float(table[-1]["End Time (s)"]) <= soundfile.info(work / "x.wav").duration
    _, out, _ = run("x.wav", "--format", "audacity", "--hop", "0.1")
    assert float(out.splitlines()[-1].split("\t")[1]) <= soundfile.info(work / "x.wav").duration


def test_the_segments_format_has_a_row_per_segment_of_every_file():
    code, out, _ = run("rec", "broken.wav", "--format", "segments", "--merge", "1")
    rows = [(r["path"], r["label"]) for r in csv.DictReader(io.StringIO(out))]
    assert code == 1
    assert rows == [
        ("rec/day.wav", "low"),
        ("rec/day.wav", "middle"),
        ("rec/night/a.wav", "low"),
        ("rec/night/b.flac", "high"),
        ("broken.wav", ""),
    ]


def test_below_the_confidence_the_table_says_unknown_and_keeps_all_candidates():
    code, out, _ = run("rec/night/a.wav", "--min-confidence", "1", "--top", "2")
    row = next(line for line in out.splitlines() if "a.wav" in line)
    assert code == 0
    assert "unknown" in row
    assert row.count("%") == 3  # its own, and two candidates
    assert "unknown" not in run("rec/night/a.wav", "--min-confidence", "0.1")[1]


def test_a_merged_table_shows_the_timeline_and_a_summary_per_folder():
    code, out, err = run("rec", "--merge", "1")
    assert (code, err) == (0, "")
    assert "0:00:03.0  0:00:04.5  middle" in out
    summary = out[out.index("Share of time") :].splitlines()[1:]
    shares = {line.split()[0]: " ".join(line.split()[1:]) for line in summary}
    assert shares["rec"] == "1 0.00 low 67%, middle 33%"
    assert shares["rec/night"] in ("2 0.00 low 50%, high 50%", "2 0.00 high 50%, low 50%")
    assert shares["all"].startswith("3 0.00 low")


def test_result_files_keep_the_folders_and_existing_ones_are_skipped(work):
    arguments = ("rec", "broken.wav", "--format", "json", "--output", "out")
    code, out, err = run(*arguments)
    assert code == 1
    assert "broken.wav" in err
    names = ["day.wav.json", "night/a.wav.json", "night/b.flac.json"]
    found = (p for p in (work / "out").rglob("*") if p.is_file())
    assert sorted(str(p.relative_to(work / "out")) for p in found) == names
    assert json.loads((work / "out/night/a.wav.json").read_text())["label"] == "low"
    assert "3 written in out, 0 skipped, 1 failed" in out

    (work / "out/day.wav.json").write_text("kept")
    (work / "out/night/a.wav.json").unlink()
    code, out, _ = run(*arguments, "--skip-existing")
    assert "1 written in out, 2 skipped, 1 failed" in out
    assert (work / "out/day.wav.json").read_text() == "kept"
    assert (work / "out/night/a.wav.json").exists()
    assert run("rec", *arguments[2:], "--skip-existing")[0] == 0


def test_result_files_beside_the_recordings(work):
    assert run("rec/night", "--format", "audacity", "--beside")[0] == 0
    names = sorted(p.name for p in (work / "rec/night").iterdir())
    assert names == ["a.wav", "a.wav.labels.txt", "b.flac", "b.flac.labels.txt"]


def test_patterns_are_expanded_to_files_and_folders():
    def paths(*arguments):
        entries = json.loads(run(*arguments, "--format", "json")[1])
        return [entry["path"] for entry in entries]

    assert paths("rec/*.wav") == ["rec/day.wav"]
    assert paths("rec/**/*.wav") == ["rec/day.wav", "rec/night/a.wav"]
    assert paths("re?") == ["rec/day.wav", "rec/night/a.wav", "rec/night/b.flac"]
    code, out, _ = run("rec/*.mp3", "--format", "json")
    assert code == 1
    assert "no such audio file" in json.loads(out)[0]["error"]


def test_each_file_comes_once_whatever_links_lead_to_it(work):
    (work / "other").mkdir()
    soundfile.write(work / "other" / "x.wav", tones("low").T, RATE)
    (work / "rec/loop").symlink_to(".")
    (work / "rec/linked").symlink_to("../other")
    (work / "rec/gone.wav").symlink_to("nowhere.wav")
    once = ["rec/day.wav", "rec/gone.wav", "rec/linked/x.wav", "rec/night/a.wav"]

    def paths(*arguments):
        code, out, err = run(*arguments, "--format", "csv")
        assert (code, err.count("error: rec/gone.wav: no such audio file")) == (1, 1)
        return [row["path"] for row in csv.DictReader(io.StringIO(out))]

    assert paths("rec/**/*.wav") == once
    assert paths("rec") == [*once, "rec/night/b.flac"]
    assert paths("rec/loop/day.wav", "rec", "./rec/loop", str(work / "rec")) == [
        "rec/loop/day.wav",
        *once[1:],
        "rec/night/b.flac",
    ]


def test_a_link_that_is_named_itself_is_answered_under_its_name(work):
    (work / "rec/link.wav").symlink_to("day.wav")
    for names in (["rec/link.wav", "rec/day.wav"], ["rec/day.wav", "rec/link.wav"]):
        entries = json.loads(run(*names, *names, "--format", "json")[1])
        assert [entry["path"] for entry in entries] == names


def test_a_name_that_no_file_can_have_is_an_error_of_its_own():
    long = "a" * 300 + ".wav"
    code, out, err = run(long, "rec/day.wav", "--format", "csv")
    assert code == 1
    assert [row["label"] for row in csv.DictReader(io.StringIO(out))] == ["", "low"]
    assert err.startswith(f"error: {long}: cannot be opened (file name too long)")


def test_workers_give_what_one_process_gives():
    alone = run("rec", "broken.wav", "--format", "json")
    assert run("rec", "broken.wav", "--format", "json", "--workers", "2") == alone


def test_a_plot_is_one_file_or_a_folder_of_them(work):
    assert run("rec/day.wav", "--plot", "day.png")[0] == 0
    assert (work / "day.png").read_bytes().startswith(b"\x89PNG")
    assert run("rec", "--plot", "plots")[0] == 0
    assert sorted(p.name for p in (work / "plots").rglob("*.png")) == [
        "a.wav.png",
        "b.flac.png",
        "day.wav.png",
    ]


def test_without_matplotlib_a_plot_is_one_clear_error_before_any_work(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("asc_nas.report")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(vars(asc_nas), "report", raising=False)  # else later tests find another
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    code, out, message = run("rec/day.wav", "--plot", "day.png")
    assert (code, out) == (1, "")
    assert message == "this needs matplotlib: install it with pip install 'asc-nas[plot]'."


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("rec", "--format", "audacity"), "3 recordings, but the format 'audacity' is of one"),
        (("rec", "--plot", "a.png"), "do not fit into the one plot"),
        (("rec", "--skip-existing"), "add --output DIR or --beside"),
        (("rec", "--format", "csv", "--output", "o", "--beside"), "exclude one another"),
        (("rec", "--output", "out"), "the table is not written to files"),
        (("rec/day.wav", "--hop", "0"), "'hop'"),
        (("rec/day.wav", "--hop", "9"), "would leave gaps"),
        (
            ("rec/night", "copy", "--format", "csv", "--output", "out"),
            "rec/night/a.wav and copy/a.wav would both be written to out/a.wav.csv",
        ),
    ],
)
def test_a_call_that_makes_no_sense_exits_with_2(work, arguments, message):
    (work / "copy").mkdir()
    soundfile.write(work / "copy/a.wav", tones("low").T, RATE)
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert message in err


def test_a_result_that_cannot_be_written_is_an_error_of_its_recording(work):
    (work / "out").write_text("a file, not a folder")
    code, out, err = run("rec/night", "--format", "csv", "--output", "out")
    assert code == 1
    assert len(err.splitlines()) == 2
    assert "0 written" in out
