from collections import Counter

import numpy as np
import pytest
import soundfile

from asc_nas.audio.logmel import PRESETS
from asc_nas.cli.output.classify_formats import Format, text_of
from asc_nas.core.errors import AscNasError
from asc_nas.runtime.classifier import Classification
from asc_nas.runtime.recordings import Answer, Recording
from asc_nas.runtime.segments import Segment
from asc_nas.runtime.stream import Signal
from data_prep.checks.scan import ScanTask, scan_clip
from data_prep.datasets import read_dataset
from data_prep.own_data import (
    as_listed,
    choose_settings,
    clip_table,
    coarsenesses,
    cut_long,
    guess_groups,
    look,
)
from data_prep.own_data.settings import common_rate, example_seconds

RATE = 8000


def write(path, seconds=0.5, rate=RATE):
    path.parent.mkdir(parents=True, exist_ok=True)
    wave = np.random.default_rng(0).uniform(-0.5, 0.5, int(seconds * rate))
    soundfile.write(path, wave, rate)


def grouped(names, labels=None):
    guess = guess_groups(names, labels or [name.partition("/")[0] for name in names])
    return None if guess is None else guess.groups


def names(pattern, groups=4, per_group=3):
    return [
        pattern.format(label=label, group=group, number=number)
        for label in ("bus", "park")
        for group in range(groups)
        for number in range(per_group)
    ]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("{label}/site{group}/{number}.wav", "site0"),
        ("{label}/site{group}_{number}.wav", "site0"),
        ("{label}/2024-05-0{group} take {number}.wav", "2024-05-00 take"),
        ("{label}/{label}-paris-{group}-{number}-a.wav", "bus-paris-0"),
    ],
)
def test_groups_are_guessed_from_folders_and_names(pattern, expected):
    groups = grouped(names(pattern))
    assert groups[:4] == (expected,) * 3 + (groups[3],)
    assert groups[3] != expected


@pytest.mark.parametrize("pattern", ["{label}/{label}_{group}{number}.wav", "{label}/{number}.wav"])
def test_mere_numbering_gives_no_groups(pattern):
    assert grouped(sorted(set(names(pattern)))) is None


def test_too_few_groups_for_three_sides_are_no_guess():
    assert grouped(names("{label}/site{group}_{number}.wav", groups=2)) is None
    assert grouped(names("{label}/site{group}_{number}.wav", groups=3)) is not None


def test_a_session_that_recorded_two_classes_is_one_group():
    groups = grouped(names("{label}/day{group}/{number}.wav"))
    assert len(set(groups)) == 4


def test_class_folders_with_sessions(tmp_path):
    for name in names("{label}/s{group}/{number}.wav"):
        write(tmp_path / name)
    found = look(tmp_path)
    assert found.layout == "folders"
    assert found.manifest.labels == ("bus", "park")
    assert found.grouping.count == 4
    assert found.rates == Counter({RATE: 24})
    assert found.median_length == 0.5
    assert {clip.group for clip in found.manifest.clips} == {"s0", "s1", "s2", "s3"}


def test_labels_in_file_names(tmp_path):
    for label in ("park", "side street"):
        for number in range(3):
            write(tmp_path / f"{label}_{number}.wav")
    found = look(tmp_path)
    assert found.layout == "names"
    assert found.manifest.labels == ("park", "side street")
    assert not found.grouped


def test_a_list_in_the_folder_is_read(tmp_path):
    for number in range(4):
        write(tmp_path / f"{number}.wav")
    rows = "".join(f"{n}.wav,{'ab'[n % 2]},g\n" for n in range(4))
    (tmp_path / "list.csv").write_text("path,label,group\n" + rows)
    found = look(tmp_path)
    assert (found.layout, found.source) == ("csv", tmp_path / "list.csv")
    assert found.grouping is None
    assert found.grouped


def test_a_file_that_is_no_audio_is_told_apart(tmp_path):
    for name in names("{label}/{group}.wav", per_group=1):
        write(tmp_path / name)
    (tmp_path / "bus" / "0.wav").write_text("no audio")
    found = look(tmp_path)
    assert list(found.unreadable) == ["bus/0.wav"]
    assert "bus/0.wav" not in found.infos


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (["bus/1.wav", "bus/2.wav"], "only the class 'bus'"),
        ([], "no audio in class folders"),
        (["1.wav", "2.wav"], "no audio in class folders"),
    ],
)
def test_what_is_no_labelled_set_is_one_clear_error(tmp_path, files, message):
    for name in files:
        write(tmp_path / name)
    with pytest.raises(AscNasError, match=message):
        look(tmp_path)


def test_long_recordings_are_cut_and_stay_together(tmp_path):
    write(tmp_path / "bus" / "long.wav", 3.6)
    write(tmp_path / "bus" / "short.wav", 1.2)
    write(tmp_path / "park" / "long.wav", 2.3)
    clips = cut_long(look(tmp_path), 1.0).clips
    starts = {path: [c.start for c in clips if c.path == path] for path in ("bus/long.wav",
              "bus/short.wav", "park/long.wav")}  # fmt: skip
    # What is left over is no clip.
    assert starts == {"bus/long.wav": [0, 1, 2], "bus/short.wav": [0], "park/long.wav": [0, 1]}
    assert {c.group for c in clips if c.path == "bus/long.wav"} == {"bus/long"}


def test_a_list_that_was_written_reads_back_the_same(tmp_path):
    write(tmp_path / "rec" / "bus, early" / "1.wav", 2.0)
    write(tmp_path / "rec" / "park" / "1.wav", 2.0)
    table = tmp_path / "mine" / "list.clips.csv"
    table.parent.mkdir()
    listed = as_listed(cut_long(look(tmp_path / "rec"), 1.0), table)
    table.write_text(clip_table(listed))
    assert read_dataset("csv", table) == listed
    assert all(listed.audio_path(clip).is_file() for clip in listed.clips)


def test_settings_follow_the_amount_of_data():
    few, esc10, many = (choose_settings(n, Counter({44100: 5}), 5.0) for n in (20, 300, 50_000))
    assert (few.batch_size, esc10.batch_size, many.batch_size) == (4, 32, 128)
    assert (esc10.epochs, many.epochs) == (200, 30)
    assert (esc10.sample_rate, esc10.n_mels, esc10.hop_length, esc10.win_length) == (
        *(32000, 64, 640, 1280),
    )


def test_the_lowest_common_rate_is_heard_and_a_rare_one_does_not_count():
    assert common_rate(Counter({48000: 50, 16000: 50})) == 16000
    assert common_rate(Counter({48000: 99, 8000: 1})) == 32000


@pytest.mark.parametrize(
    ("lengths", "seconds"),
    [
        ([10.0], 10),
        ([4.98], 5),
        ([5.3], 5),
        ([600.0], 10),
        ([0.512, 0.6, 0.43], 0.5),
        ([0.05], 0.25),
    ],
)
def test_an_example_is_as_long_as_the_usual_clip(lengths, seconds):
    assert example_seconds(lengths) == seconds


def test_long_examples_may_have_longer_hops_and_short_ones_keep_their_frames():
    assert coarsenesses(5.0) == [4, 2, 1]
    assert coarsenesses(2.0) == [2, 1]
    assert coarsenesses(0.5) == [1]
    fine, coarse = (choose_settings(300, Counter({32000: 1}), 5.0, coarser=n) for n in (1, 4))
    assert (coarse.hop_length, coarse.win_length) == (4 * fine.hop_length, 4 * fine.win_length)
    assert coarse.time_mask < fine.time_mask


def test_an_odd_rate_gives_a_valid_front_end():
    settings = choose_settings(100, Counter({11025: 1}), 0.5)
    assert settings.win_length % 2 == 0
    assert settings.win_length == 2 * settings.hop_length


def test_a_clip_that_lists_its_part_is_cut_inside_it(tmp_path):
    write(tmp_path / "1.wav", 4.0)
    write(tmp_path / "2.wav", 4.0)
    (tmp_path / "list.csv").write_text(
        "path,label,start,duration\n1.wav,a,1,2\n2.wav,b,0,0\n1.wav,b,3.5,0.5\n"
    )
    manifest = cut_long(look(tmp_path), 1.0)
    first = [clip for clip in manifest.clips if clip.path == "1.wav"]
    assert [(c.start, c.duration) for c in first] == [(1, 1), (2, 1), (3.5, 0.5)]


def test_a_length_that_the_header_does_not_know_is_that_of_the_audio(tmp_path):
    for label in ("bus", "park"):
        write(tmp_path / label / "1.flac", 6.0)
        content = bytearray((tmp_path / label / "1.flac").read_bytes())
        content[21] &= 0xF0
        content[22:26] = bytes(4)
        (tmp_path / label / "1.flac").write_bytes(content)
    found = look(tmp_path)
    assert found.lengths == [6.0, 6.0]
    scan = scan_clip(ScanTask(0, tmp_path / "bus" / "1.flac", 0.0, 0.0))
    assert (scan.seconds, scan.channels) == (6.0, 1)


def test_sessions_behind_links_are_found_once_and_loops_are_no_class(tmp_path):
    for label in ("bus", "park"):
        for number in range(3):
            write(tmp_path / "rec" / label / "s1" / f"{number}.wav")
    write(tmp_path / "store" / "day2" / "7.wav")
    (tmp_path / "rec" / "bus" / "s2").symlink_to(tmp_path / "store" / "day2")
    (tmp_path / "rec" / "park" / "up").symlink_to("../..")
    (tmp_path / "rec" / "all").symlink_to(".")
    found = look(tmp_path / "rec")
    counts = Counter(clip.label for clip in found.manifest.clips)
    assert counts == {"bus": 4, "park": 3}
    assert "bus/s2/7.wav" in {clip.path for clip in found.manifest.clips}
    assert not found.unreadable


@pytest.mark.parametrize("ending", ["csv", "segments", "audacity", "raven", "json"])
@pytest.mark.parametrize("name", ["answers.csv", "answers.tsv"])
def test_answers_of_classify_are_not_taken_for_labels(tmp_path, ending, name):
    for label in ("bus", "park"):
        for number in range(3):
            write(tmp_path / label / f"{number}.wav")
    path = tmp_path / "bus" / "0.wav"
    segment = Segment(0.0, 0.5, "rain", 0.9)
    found = Classification(
        str(path), "rain", 0.9, {"rain": 1.0}, (segment,), 0.5, (), Signal(RATE, 1, (), 0)
    )
    answers = [Answer(Recording(path, path), found, frontend=PRESETS["esc10"])]
    (tmp_path / name).write_text(text_of(Format(ending), answers))
    looked = look(tmp_path)
    assert (looked.layout, looked.manifest.labels) == ("folders", ("bus", "park"))
    told = ending in ("csv", "segments")
    assert looked.answers == ((tmp_path / name,) if told else ())
    if told and name.endswith(".csv"):
        with pytest.raises(AscNasError, match="holds answers of 'asc-nas classify', not labels"):
            read_dataset("csv", tmp_path / name)


def test_the_answers_of_a_spreadsheet_and_corrected_ones_are_told_apart(tmp_path):
    for number in range(4):
        write(tmp_path / f"{number}.wav")
    rows = "".join(f"{n}.wav;{'ab'[n % 2]};0.9;\n" for n in range(4))
    (tmp_path / "x.csv").write_text("\ufeffpath;label;probability;error\n" + rows)
    with pytest.raises(AscNasError, match="holds answers of 'asc-nas classify'"):
        look(tmp_path / "x.csv")
    (tmp_path / "x.csv").write_text("path;label;probability\n" + rows.replace(";\n", "\n"))
    assert look(tmp_path).manifest.labels == ("a", "b")
