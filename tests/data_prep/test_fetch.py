"""A dataset from its packages to one folder, and the command that does it."""

import io
import json
import shutil
import subprocess
import sys
import zipfile
from collections import namedtuple

import local_server as faults
import pytest
import trees
from local_server import package, sentence
from tiny import ENVIRONMENT, PATIENCE

from asc_nas.cli.output.progress import Lines
from asc_nas.core.errors import AscNasError
from data_prep.datasets import read_dataset
from data_prep.download.disk import alone_in, human
from data_prep.download.fetch import fetch_dataset

Usage = namedtuple("Usage", "total used free")


def packed(files):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


@pytest.fixture
def dataset(site):
    """Three packages as DCASE publishes them: each begins with the dataset's folder."""
    site.files["S.doc.zip"] = packed({"S-dev/README.md": "read me"})
    site.files["S.meta.zip"] = packed(
        {"S-dev/meta.csv": "rows", "S-dev/evaluation_setup/f.csv": ""}
    )
    site.files["S.audio.1.zip"] = packed({"S-dev/audio/a.wav": "sound"})
    contents = {"S.doc.zip": "documentation", "S.meta.zip": "meta", "S.audio.1.zip": "audio"}
    return [package(site, name, content) for name, content in contents.items()]


def tree(folder):
    return sorted(
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and not path.relative_to(folder).parts[0].startswith(".")
    )


FILES = ["README.md", "audio/a.wav", "evaluation_setup/f.csv", "meta.csv"]


def test_a_dataset_is_one_folder_and_a_second_call_does_nothing(site, dataset, tmp_path, policy):
    folder = fetch_dataset(dataset, tmp_path / "S", keep_archives=False, policy=policy)
    assert tree(folder) == FILES
    site.requests.clear()
    assert fetch_dataset(dataset, tmp_path / "S", policy=policy) == folder
    assert site.requests == []


@pytest.mark.parametrize(
    ("name", "make", "top"),
    [
        ("dcase2018_task5", trees.task5, "DCASE2018-task5-dev/"),
        ("tau_urban_2020_mobile", trees.tau_2020, "TAU-2020-mobile-development/"),
        ("dcase2013_scenes", lambda folder: trees.dcase2013(folder, lists=False), ""),
    ],
    ids=["task5", "tau_2020", "dcase2013"],
)
def test_what_was_fetched_is_what_its_reader_reads(name, make, top, site, tmp_path, policy):
    published = tmp_path / "published"
    rows = make(published)
    paths = [path for path in published.rglob("*") if path.is_file()]
    packages = []
    for content in ("meta", "audio"):
        files = {
            top + path.relative_to(published).as_posix(): path.read_bytes()
            for path in paths
            if (path.suffix == ".wav") == (content == "audio")
        }
        if files:
            site.files[f"{content}.zip"] = packed(files)
            packages.append(package(site, f"{content}.zip", content))
    folder = fetch_dataset(packages, tmp_path / "fetched", policy=policy)
    clips = read_dataset(name, folder).clips
    assert {clip.path for clip in clips} == {row.path for row in rows}
    assert all((folder / clip.path).is_file() for clip in clips)


def test_metadata_first_then_the_audio(site, dataset, tmp_path, policy):
    fetch_dataset(dataset, tmp_path / "S", only=["meta", "doc"], policy=policy)
    assert "audio/a.wav" not in tree(tmp_path / "S")
    fetch_dataset(dataset, tmp_path / "S", policy=policy)
    assert set(FILES) < set(tree(tmp_path / "S"))
    assert [name for name, _ in site.requests] == ["S.doc.zip", "S.meta.zip", "S.audio.1.zip"]


def test_archives_stay_until_they_are_not_wanted(site, dataset, tmp_path, policy):
    folder = fetch_dataset(dataset, tmp_path / "S", policy=policy)
    kept = [f"archives/{package.filename}" for package in dataset]
    assert tree(folder) == sorted(FILES + kept + ["archives/.verified.json"])
    fetch_dataset(dataset, folder, keep_archives=False, policy=policy)
    assert tree(folder) == FILES


def test_a_lost_file_comes_back_from_the_kept_archive(site, dataset, tmp_path, policy):
    folder = fetch_dataset(dataset, tmp_path / "S", policy=policy)
    (folder / "audio" / "a.wav").unlink()
    site.requests.clear()
    fetch_dataset(dataset, folder, policy=policy)
    assert (folder / "audio" / "a.wav").read_text() == "sound"
    assert site.requests == []


def test_a_second_call_while_one_runs_is_refused(dataset, tmp_path, policy):
    with alone_in(tmp_path), pytest.raises(AscNasError, match="another download"):
        fetch_dataset(dataset, tmp_path, policy=policy)
    assert tree(tmp_path) == []


def test_the_room_for_unpacking_is_checked_first(site, dataset, tmp_path, policy, monkeypatch):
    sizes = [package.bytes for package in dataset]
    free = sum(sizes) * 2 + max(sizes)  # enough only where archives go one by one
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1, 1, free))
    with pytest.raises(AscNasError, match=r"needs .* free") as error:
        fetch_dataset(dataset, tmp_path / "S", unpack_ratio=2.0, policy=policy)
    assert "--delete-archives" in sentence(error)
    assert site.requests == []
    fetch_dataset(dataset, tmp_path / "S", unpack_ratio=2.0, keep_archives=False, policy=policy)
    assert tree(tmp_path / "S") == FILES


# The command line, with a catalogue of this test's own.
INJECTED = """
import json, sys
from data_prep.datasets import catalogue
rows = json.loads(sys.argv.pop(1))
catalogue._table = lambda: {"tiny_set": tuple(catalogue.Package(**row) for row in rows)}
from asc_nas.cli.main import main
main(sys.argv[1:])
"""


def command_line(dataset, *arguments):
    rows = json.dumps([vars(package) for package in dataset])
    return subprocess.run(
        [sys.executable, "-c", INJECTED, rows, "data", "download", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env=ENVIRONMENT,
        check=False,
    )


def test_the_command_downloads_and_names_the_next_step(site, dataset, tmp_path):
    folder = tmp_path / "S"
    site.faults["S.audio.1.zip"] = [faults.cut_off]
    first = command_line(dataset, "tiny_set", "--to", folder, "--only", "meta,doc")
    assert first.returncode == 0, first.stderr
    assert f"asc-nas data download tiny_set --to {folder}" in first.stdout
    done = command_line(dataset, "tiny_set", "--to", folder, "--delete-archives")
    assert done.returncode == 0, done.stderr
    assert f"asc-nas data prepare tiny_set {folder}" in done.stdout
    assert tree(folder) == FILES


def test_the_command_says_what_is_wrong_in_one_line(site, dataset, tmp_path):
    site.always["S.meta.zip"] = faults.status(404)
    for arguments, code, message in (
        (["tiny_st", "--to", tmp_path], 2, "Did you mean 'tiny_set'"),
        (["tiny_set", "--to", tmp_path, "--only", "adio"], 2, "Did you mean 'audio'"),
        (["tiny_set", "--to", tmp_path], 1, "404 Not Found"),
    ):
        done = command_line(dataset, *arguments)
        assert done.returncode == code, done.stderr
        errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
        assert len(errors) == 1
        assert message in errors[0]
        assert "Traceback" not in done.stderr


def test_plain_lines_show_speed_and_time_left(capsys):
    now = iter([0.0, 5.0, 20.0]).__next__
    lines = Lines("x", "bytes", clock=now)
    for done in (1_000_000_000, 1_500_000_000, 2_000_000_000):
        lines.show(done, 45_800_000_000, "a.zip")
    shown = capsys.readouterr().err.splitlines()
    expected = "x: 2.0 GB of 45.8 GB, 50.0 MB/s, 0:14:36 left, a.zip"
    assert shown == [expected]


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 bytes"), (1500, "1.5 kB"), (45_801_046_900, "45.8 GB")]
)
def test_sizes_for_people(count, text):
    assert human(count) == text
