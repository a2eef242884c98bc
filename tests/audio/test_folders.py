"""Folders with links in them, and patterns over them."""

import os
from pathlib import Path

import pytest

from asc_nas.audio.folders import audio_files, matches


@pytest.fixture
def rec(tmp_path, monkeypatch):
    """Work beside a folder `rec` of three recordings, and one of another in `other`."""
    monkeypatch.chdir(tmp_path)
    for name in ("rec/z.wav", "rec/a/1.WAV", "rec/a/b/2.flac", "other/x.mp3"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()
    for name in (".hidden.wav", "._z.wav", "notes.txt", ".git/object.wav"):
        (tmp_path / "rec" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "rec" / name).touch()
    return Path("rec")


PLAIN = ["a/1.WAV", "a/b/2.flac", "z.wav"]


def found(folder):
    return [path.relative_to(folder).as_posix() for path in audio_files(folder)]


def test_a_folder_is_searched_to_the_bottom_without_what_is_hidden(rec):
    assert found(rec) == PLAIN
    assert found(rec.absolute()) == PLAIN


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("loop", "."),
        ("a/loop", ".."),
        ("a/b/loop", "../.."),
        ("0", "a"),
        ("a/0", "../../rec/a/b"),
        ("up", "../.."),
        ("0.wav", "z.wav"),
        (".hidden", "../other"),
    ],
)
def test_a_link_to_what_is_there_anyway_adds_nothing(rec, link, target):
    (rec / link).symlink_to(target)
    assert found(rec) == PLAIN
    for pattern in ("rec/**/*.[wW]*", "rec/**/*.flac", "rec/**/2.*", "rec/**/b/*.*"):
        paths = [path.resolve() for path in matches(Path(pattern)) if path.name != "0.wav"]
        assert len(set(paths)) == len(paths)


def test_links_to_other_places_are_followed(rec):
    (rec / "linked").symlink_to("../other")
    (rec / "again").symlink_to(rec.absolute().parent / "other")
    Path("other/back").symlink_to("../rec")
    Path("other/self").symlink_to(".")
    (rec / "y.wav").symlink_to("../other/x.mp3")
    assert found(rec) == ["a/1.WAV", "a/b/2.flac", "again/x.mp3", "z.wav"]
    (rec / "again").unlink()
    assert found(rec) == ["a/1.WAV", "a/b/2.flac", "linked/x.mp3", "z.wav"]


def test_a_link_to_a_folder_may_be_named_itself(rec):
    Path("link").symlink_to("rec")
    assert [path.as_posix() for path in audio_files(Path("link"))] == [f"link/{n}" for n in PLAIN]


def test_a_link_that_leads_nowhere_is_not_left_out(rec):
    (rec / "gone.wav").symlink_to("nowhere.wav")
    (rec / "round.wav").symlink_to("round.wav")
    assert found(rec) == ["a/1.WAV", "a/b/2.flac", "gone.wav", "round.wav", "z.wav"]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may open every folder")
def test_a_folder_that_cannot_be_read_is_not_left_out(rec):
    (rec / "a" / "b").chmod(0)
    assert found(rec) == ["a/1.WAV", "a/b", "z.wav"]


def test_two_stars_are_any_number_of_folders_even_with_loops_in_them(rec):
    for number in range(30):  # followed each in each, they would be 30 to the power of 40 paths
        (rec / f"loop{number}").symlink_to(".")
    (rec / "[1]").mkdir()
    (rec / "[1]" / "z.wav").touch()
    (rec / "linked").symlink_to("../other")
    names = [path.as_posix() for path in matches(Path("rec/**/*.*"))]
    assert {"rec/z.wav", "rec/[1]/z.wav", "rec/a/b/2.flac", "rec/linked/x.mp3"} <= set(names)
    assert len(names) == len(set(names)) == 6
    assert matches(Path("rec/**/b/**/*.flac")) == [rec / "a/b/2.flac"]
    assert matches(Path("**/2.flac")) == [rec / "a/b/2.flac"]
    assert matches(rec.absolute() / "**") == [rec.absolute()]
    assert matches(Path("re?/*.wav")) == [rec / "z.wav"]
