"""``asc-nas classify``: times of day, clips, and result files of challenges."""

import csv
import io
import json
import os
import struct
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import soundfile
from test_classify_results import run
from tiny import asc_nas_here as asc_nas
from toy_classifier import LABELS, RATE, tones, write_toy_model

from asc_nas.core.errors import AscNasError
from asc_nas.runtime.recording_time import recording_start
from data_prep.datasets import read_dataset
from data_prep.own_data.look import look
from data_prep.results.dcase_results import read_results

DAY = ("low", "low", "high", "middle")
NAME = "20240131_235959.WAV"
TIMES = ["2024-01-31T23:59:59+00:00", "2024-02-01T00:00:00+00:00", "2024-02-01T00:00:00.500+00:00"]


@pytest.fixture(autouse=True)
def work(tmp_path, monkeypatch):
    """Work in a folder with a model and recordings, one of which tells its time."""
    monkeypatch.chdir(tmp_path)
    write_toy_model(tmp_path / "models")
    (tmp_path / "rec/night").mkdir(parents=True)
    soundfile.write(tmp_path / "rec" / NAME, tones(*DAY, channels=2).T, RATE, format="WAV")
    soundfile.write(tmp_path / "rec/night/a.flac", tones("low", "high", rate=44100).T, 44100)
    return tmp_path


def rows(text, **options):
    return list(csv.DictReader(io.StringIO(text), **options))


def test_json_tells_when_segments_begin_where_it_is_known():
    known, unknown = json.loads(run("rec", "--format", "json", "--merge", "0")[1])
    assert known["start_time"] == TIMES[0]
    assert [segment["start_time"] for segment in known["segments"]] == TIMES
    assert "start_time" not in unknown
    assert all("start_time" not in segment for segment in unknown["segments"])


@pytest.mark.parametrize(("form", "count"), [("csv", 1), ("segments", 3)])
def test_tables_for_programs_have_a_column_of_times(form, count):
    found = rows(run("rec", "--format", form, "--merge", "0")[1])
    assert [row["start_time"] for row in found if row["path"].endswith(".WAV")] == TIMES[:count]
    assert {row["start_time"] for row in found if row["path"].endswith(".flac")} == {""}


def test_a_raven_table_has_a_column_of_times_only_where_they_are_known():
    known = rows(run(f"rec/{NAME}", "--format", "raven")[1], delimiter="\t")
    assert [row["Start Time"] for row in known] == TIMES
    assert "Start Time" not in run("rec/night/a.flac", "--format", "raven")[1]


def test_one_recording_of_several_windows_is_shown_as_a_timeline_with_the_time():
    code, out, err = run(f"rec/{NAME}")
    assert (code, err) == (0, "")
    assert "Time (UTC)" in out
    assert "0:00:00.0  0:00:01.0  2024-01-31 23:59:59  low" in out
    assert "0:00:01.0  0:00:01.5  2024-02-01 00:00:00  high" in out
    assert "Time" not in run("rec/night/a.flac")[1]


def test_of_several_recordings_a_line_says_how_to_see_the_timelines(work):
    code, out, err = run("rec")
    assert code == 0
    assert "From" not in out
    assert err.startswith("note: to see what is heard when, add --merge 0")
    soundfile.write(work / "short.wav", tones("low").T, RATE)
    assert "From" not in run("short.wav")[1]


def test_detections_are_cut_out_as_they_are_in_the_recording(work):
    code, _, err = run("rec", "--clips", "clips")
    assert (code, err.splitlines()[-1]) == (0, "5 clips in clips; clips.csv lists them.")
    listed = rows((work / "clips/clips.csv").read_text())
    assert [row["label"] for row in listed] == ["low", "high", "middle", "low", "high"]
    files = [path for path in (work / "clips").rglob("*") if path.suffix == ".wav"]
    assert sorted(str(path.relative_to(work / "clips")) for path in files) == sorted(
        row["path"] for row in listed
    )
    for row in listed:
        kind = {"dtype": "int16", "always_2d": True}
        whole, rate = soundfile.read(row["group"], **kind)
        part, its = soundfile.read(work / "clips" / row["path"], **kind)
        first, last = (round(float(row[f"source_{end}"]) * rate) for end in ("start", "end"))
        assert its == rate
        assert np.array_equal(part, whole[first:last])
        name = f"{row['group'].split('/')[-1]}_{first / rate:09.3f}s_{row['label']}_"
        assert name in row["path"]
        assert float(row["path"][-8:-4]) == pytest.approx(float(row["probability"]), abs=0.0051)


def test_clips_know_their_time(work):
    run("rec", "--clips", "clips")
    listed = rows((work / "clips/clips.csv").read_text())
    assert [row["start_time"] for row in listed] == [*TIMES[:1], *TIMES[1:], "", ""]
    times = [recording_start(work / "clips" / row["path"]) for row in listed]
    assert times[1] == datetime(2024, 2, 1, tzinfo=UTC)
    assert times[3] is None


@pytest.mark.parametrize(
    ("subtype", "kept"),
    [("PCM_24", "PCM_24"), ("FLOAT", "FLOAT"), ("PCM_U8", "PCM_U8"), ("ULAW", "PCM_16")],
)
def test_samples_are_kept_as_they_are(work, subtype, kept):
    soundfile.write(work / "x.wav", tones("low", "high").T, RATE, subtype=subtype)
    run("x.wav", "--clips", "clips")
    first = sorted((work / "clips").glob("x.wav_*"))[0]
    assert soundfile.info(first).subtype == kept
    whole, part = (soundfile.read(path, dtype="float64")[0] for path in ("x.wav", first))
    assert np.array_equal(part, whole[: len(part)])


def test_what_is_no_scene_is_cut_out_only_if_asked_for(work):
    wave = np.concatenate([tones("low"), np.zeros((1, RATE // 2), np.float32)], axis=1)
    soundfile.write(work / "x.wav", wave.T, RATE)
    run("x.wav", "--clips", "clips")
    assert [row["label"] for row in rows((work / "clips/clips.csv").read_text())] == ["low"]
    run("x.wav", "--clips", "clips", "--all-clips")
    labels = [row["label"] for row in rows((work / "clips/clips.csv").read_text())]
    assert labels == ["low", "silent"]


def test_clips_are_the_same_from_several_processes_and_of_a_second_call(work):
    def contents(folder):
        return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*.*")}

    run("rec", "--clips", "one")
    before = contents(work / "one")
    run("rec", "--clips", "two", "--workers", "2")
    assert contents(work / "two") == before
    run("rec", "--clips", "one")
    assert contents(work / "one") == before


def test_a_label_cannot_leave_the_folder(work):
    from dataclasses import replace

    from asc_nas.runtime.clips import clip_path
    from asc_nas.runtime.recordings import Recording
    from asc_nas.runtime.segments import Segment

    segment = Segment(1.5, 2.0, "../../etc/x\n" + "y" * 300, 0.5)
    found = clip_path(Recording(work / "a.wav", work.__class__("n/a.wav")), segment)
    assert str(found).startswith("n/a.wav_00001.500s_.._.._etc_x_y")
    assert found.parent.name == "n"
    assert len(found.name) < 120
    other = clip_path(Recording(work / "a.wav", work.__class__("a.wav")), replace(segment, start=2))
    assert other.name != found.name


def test_the_list_of_clips_can_be_learnt_from(work):
    run("rec", "--clips", "clips")
    manifest = read_dataset("csv", work / "clips/clips.csv")
    assert manifest.labels == ("high", "low", "middle")
    assert {clip.group for clip in manifest.clips} == {f"rec/{NAME}", "rec/night/a.flac"}
    assert look(work / "clips").layout == "csv"


@pytest.mark.parametrize("form", ["csv", "segments"])
def test_answers_are_labels_once_the_column_error_is_removed(work, form):
    found = rows(run("rec", "--format", form)[1])
    with (work / "list.csv").open("w") as file:
        table = csv.DictWriter(file, [name for name in found[0] if name != "error"])
        table.writeheader()
        table.writerows({k: v for k, v in row.items() if k != "error"} for row in found)
    clips = read_dataset("csv", work / "list.csv").clips if form == "segments" else ()
    assert [clip.label for clip in clips] == [row["label"] for row in found][: len(clips)]
    if form == "csv":  # both recordings have the same label
        with pytest.raises(AscNasError, match="only the class 'low'"):
            read_dataset("csv", work / "list.csv")


def test_a_challenge_gets_its_file_for_recordings_without_labels(work):
    soundfile.write(work / "rec/silent.wav", np.zeros(RATE), RATE)
    write_toy_model(work / "models", reject_below=1)  # everything is none of these
    code, out, err = run("rec", "broken.wav", "--format", "dcase")
    assert code == 1
    assert "broken.wav" in err
    (work / "output.csv").write_text(out)
    found = read_results(work / "output.csv")
    assert found.labels == LABELS
    assert found.paths == (NAME, "night/a.flac", "silent.wav")
    scores = json.loads(run(f"rec/{NAME}", "--format", "json", "--no-reject")[1])[0]["scores"]
    assert found.probabilities[0] == pytest.approx([scores[label] for label in LABELS])
    assert found.decided[0] == "low"
    assert found.probabilities[2] == pytest.approx([1 / 3] * 3)


def test_a_challenge_of_labels_alone_gets_those(work):
    card = json.loads((work / "models/toy.json").read_text())
    del card["checksum"]
    card["data"]["name"] = "tau-urban-2019"
    (work / "models/toy.json").write_text(json.dumps(card))
    assert run("rec", "--format", "dcase")[1] == f"{NAME}\tlow\nnight/a.flac\tlow\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("rec", "--all-clips"), "add --clips DIR"),
        (("rec", "--clips", f"rec/{NAME}"), "not a folder"),
        (("rec", "--review", "page.txt"), "is a file FILE.html"),
        (("rec", "--format", "dcase", "--output", "out"), "one for all recordings"),
        (
            ("rec", "--clips", "c", "--format", "csv", "--output", "o", "--skip-existing"),
            "--skip-existing leaves recordings out",
        ),
        (("rec/night", "copy", "--clips", "c"), "would both be written to c/a.flac"),
    ],
)
def test_a_call_that_makes_no_sense_exits_with_2(work, arguments, message):
    (work / "copy").mkdir()
    (work / "copy/a.flac").write_bytes((work / "rec/night/a.flac").read_bytes())
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert message in err


def test_a_clip_that_cannot_be_written_is_an_error_of_its_recording(work):
    (work / "clips").mkdir()
    (work / "clips/night").write_text("a file, not a folder")
    code, _, err = run("rec", "--clips", "clips")
    assert code == 1
    assert "error: " in err
    assert [row["group"] for row in rows((work / "clips/clips.csv").read_text())] == [
        f"rec/{NAME}"
    ] * 3


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
def test_a_hostile_chunk_leaves_the_answer_as_it_is(work):
    content = (work / "rec" / NAME).read_bytes()
    for name in (b"guan", b"bext", b"LIST"):
        broken = content + name + struct.pack("<I", 2**32 - 1) + b"INFOICMT\xff\xff\xff\xff"
        (work / "x.wav").write_bytes(broken)
        (entry,) = json.loads(run("x.wav", "--format", "json")[1])
        assert "start_time" not in entry


def test_the_command_after_a_review_can_be_pasted(work):
    code, _, err = run("rec", "--review", "my page.html")
    assert code == 0
    assert err.endswith("asc-nas init 'my page.csv'\n")


def test_a_list_of_another_origin_is_not_replaced(work):
    (work / "clips").mkdir()
    (work / "clips/clips.csv").write_text("path,label\na.wav,mine\n")
    code, _, err = run("rec", "--clips", "clips")
    assert code == 2
    assert "clips/clips.csv is not a list of clips" in err
    assert (work / "clips/clips.csv").read_text() == "path,label\na.wav,mine\n"


def test_a_recording_in_the_folder_of_the_clips_is_refused():
    code, out, err = run("rec", "--clips", "rec/night")
    assert (code, out) == (2, "")
    assert "would cut clips of clips" in err


def test_folders_that_cannot_be_made_are_told_before_the_work():
    for option, path in (("--clips", "models/toy.onnx/c"), ("--review", "models/toy.onnx/r.html")):
        done = asc_nas("classify", "rec", option, path, cwd=Path.cwd())
        assert done.returncode == 1
        assert done.stdout == ""
        assert "models/toy.onnx" in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("letter", ["x", "\xe9", "\u4e16"])
def test_a_long_name_is_shortened_and_still_tells_clips_apart(letter):
    count = (240 - len(".wav")) // len(letter.encode())
    names = [f"{letter * (count - 1)}{last}.wav" for last in "ab"]
    for name in names:
        soundfile.write(name, tones("low").T, RATE)
    assert run(*names, "--clips", "cut")[0] == 0
    clips = [row["path"] for row in rows(Path("cut/clips.csv").read_text("utf-8"))]
    assert len(set(clips)) == 2
    assert all(Path("cut", clip).is_file() for clip in clips)
