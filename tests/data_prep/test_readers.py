from collections import Counter

import numpy as np
import pytest
import soundfile

from asc_nas.core.errors import AscNasError
from data_prep.datasets import read_dataset


def record(path, channels=1):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.full((800, channels), 0.1), 8000)
    return path


def test_class_folders_are_read_at_any_depth(tmp_path):
    for name in ("street/b.wav", "street/day/a.flac", "cafe/x.WAV"):
        record(tmp_path / name, channels=2)
    for name in ("street/notes.txt", "street/.hidden.wav", ".git/x.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("no audio")
    manifest = read_dataset("folders", tmp_path)
    assert manifest.labels == ("cafe", "street")
    found = [(clip.path, clip.label, clip.group, clip.channels) for clip in manifest.clips]
    assert found == [
        ("cafe/x.WAV", "cafe", "cafe/x", 2),
        ("street/b.wav", "street", "street/b", 2),
        ("street/day/a.flac", "street", "street/day/a", 2),
    ]


def test_a_class_folder_keeps_a_file_that_is_no_audio(tmp_path):
    record(tmp_path / "a" / "good.wav")
    (tmp_path / "a" / "bad.wav").write_text("no audio")
    record(tmp_path / "b" / "good.wav")
    clips = read_dataset("folders", tmp_path).clips
    assert [(clip.path, clip.channels) for clip in clips] == [
        *(("a/bad.wav", 1), ("a/good.wav", 1), ("b/good.wav", 1))
    ]


def test_a_folder_without_class_folders_is_an_error(tmp_path):
    record(tmp_path / "loose.wav")
    with pytest.raises(AscNasError, match="no audio in class folders"):
        read_dataset("folders", tmp_path)


def table(tmp_path, text, name="clips.csv"):
    for audio in ("a.wav", "b.wav"):
        record(tmp_path / audio)
    (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path / name


def test_a_table_is_read_with_all_its_columns(tmp_path):
    path = table(
        tmp_path,
        "path,label,fold,group,device,start,duration,comment\n"
        'a.wav,park,1,g1,phone,0,0.5,"so, so"\na.wav,park,1,g1,phone,0.5,,\nb.wav,bus,2,,,,,\n',
    )
    manifest = read_dataset("csv", path)
    assert (manifest.name, manifest.labels) == ("clips", ("bus", "park"))
    assert manifest.audio_path(manifest.clips[0]).is_file()
    first, second, third = manifest.clips
    assert (first.fold, first.group, first.device, first.duration) == ("1", "g1", "phone", 0.5)
    assert (second.key, second.start, second.duration) == ("a.wav@0.5", 0.5, 0)
    assert (third.label, third.fold, third.group) == ("bus", "2", "b.wav")


def test_a_part_may_be_given_by_its_end(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(16000), 8000)
    table = tmp_path / "clips.csv"
    table.write_text(
        "path,label,start,end,duration\na.wav,x,0.5,1.25,\na.wav,y,1.25,,\na.wav,z,,2,2\n"
    )
    parts = [(clip.start, clip.duration) for clip in read_dataset("csv", table).clips]
    assert parts == [(0.5, 0.75), (1.25, 0), (0, 2)]


@pytest.mark.parametrize(("name", "mark"), [("clips.tsv", "\t"), ("clips.csv", ";")])
def test_other_separators_are_understood(tmp_path, name, mark):
    path = table(tmp_path, f"path{mark}label\na.wav{mark}park, big\nb.wav{mark}z\n", name)
    assert read_dataset("csv", path).clips[0].label == "park, big"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,lable\na.wav,x\n", "line 1: unknown column 'lable'. Did you mean 'label'?"),
        ("path,scene\na.wav,x\n", "line 1: the column 'label' is missing. Columns: path, scene."),
        ("path,label,gruop\na.wav,x,g\n", "line 1: unknown column 'gruop'. Did you mean 'group'"),
        ("path,label\na.wav,x\nb.wav,\n", "line 3, column 'label': the value is missing"),
        ("path,label\nc.wav,x\n", "line 2, column 'path': no such file c.wav"),
        ("path,label,start\na.wav,x,1:30\n", "line 2, column 'start': '1:30' is not a number"),
        ("path,label,start\na.wav,x,-1\n", "line 2, column 'start': '-1' is not a number"),
        ("path,label,start,end\na.wav,x,2,2\n", "line 2, column 'end': 2 s is not behind"),
        ("path,label,start,end\na.wav,x,2,b\n", "line 2, column 'end': 'b' is not a number"),
        ("path,label,start,duration,end\na.wav,x,2,3,6\n", "'end': 6 s is not the start plus the"),
        ("path,label\na.wav,x,y\n", "line 2: more fields than the header"),
        ("path,label\na.wav,x\na.wav,x\n", "a.wav is listed twice"),
        ("path,label\n", "lists no clips"),
        ("", "the file is empty"),
    ],
)
def test_a_wrong_table_is_an_error_that_names_the_place(tmp_path, text, message):
    with pytest.raises(AscNasError) as caught:
        read_dataset("csv", table(tmp_path, text))
    assert message in str(caught.value)


def test_esc10_is_read_as_published(esc10_folder):
    manifest = read_dataset("esc10", esc10_folder)
    assert manifest.licence == "CC BY 3.0"
    assert manifest.labels[:3] == ("dog_bark", "rain", "sea_waves")
    assert Counter(clip.label for clip in manifest.clips) == dict.fromkeys(manifest.labels, 32)
    assert Counter(clip.fold for clip in manifest.clips) == dict.fromkeys("1234", 80)
    twin = [clip for clip in manifest.clips if clip.group == "122104"]
    assert [clip.path[-14:] for clip in twin] == ["2-122104-A.ogg", "2-122104-B.ogg"]


def test_esc10_labels_follow_the_folder_numbers(tmp_path):
    record(tmp_path / "002 - Baby cry" / "1-22-A.ogg")
    record(tmp_path / "001 - Sea waves" / "3-11-B.ogg")
    manifest = read_dataset("esc10", tmp_path)
    assert manifest.labels == ("sea_waves", "baby_cry")
    assert [(c.fold, c.group) for c in manifest.clips] == [("3", "11"), ("1", "22")]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (None, "no ESC-10 here; the layout is"),
        ("dog/1-1-A.ogg", "no ESC-10 here; the layout is"),
        ("001 - Dog bark/dog.ogg", "not a file name of ESC-10"),
        ("001 - Dog bark/readme.txt", "holds no audio"),
    ],
)
def test_a_folder_that_is_not_esc10_is_an_error(tmp_path, name, message):
    if name:
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    with pytest.raises(AscNasError, match=message):
        read_dataset("esc10", tmp_path)


def test_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(AscNasError, match="no such folder"):
        read_dataset("folders", tmp_path / "nowhere")


def test_spoken_digits_have_one_fold_and_group_per_speaker(shared_data):
    folder = shared_data / "spoken_digits"
    if not folder.is_dir():
        pytest.skip("the shared recordings have no spoken digits")
    manifest = read_dataset("spoken_digits", folder)
    assert manifest.labels == tuple("0123456789")
    speakers = {(clip.fold, clip.group) for clip in manifest.clips}
    assert speakers == {(s, s) for s in ("george", "jackson", "lucas", "nicolas", "theo")}
    assert len(manifest.clips) == 2500
