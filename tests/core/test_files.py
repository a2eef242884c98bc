"""Atomic files: what killed processes left is removed, what was changed is noticed."""

import errno
import json
import os
import subprocess
import sys
import time

import pytest
from edited import document

from asc_nas.core import files
from asc_nas.core.errors import AscNasError, told
from asc_nas.core.files import read_json, write_json, write_text

KILLED = (
    "import os, sys; from pathlib import Path; from asc_nas.core.files import atomic_path\n"
    "with atomic_path(Path(sys.argv[1])) as temporary:\n"
    "    temporary.write_text('half'); os.kill(os.getpid(), 9)\n"
)


@pytest.fixture(autouse=True)
def as_in_a_new_process():
    files._remove_leftovers.cache_clear()


def test_a_killed_process_leaves_the_old_file_and_what_it_left_goes_with_the_next_write(tmp_path):
    target = tmp_path / "a.txt"
    write_text(target, "old")
    done = subprocess.run([sys.executable, "-c", KILLED, str(target)], check=False)
    assert done.returncode == -9
    assert target.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 2
    files._remove_leftovers.cache_clear()
    write_text(tmp_path / "b.txt", "another")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.txt", "b.txt"]


def no_room(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_leaves_the_old_file_and_its_error_names_the_file(tmp_path, monkeypatch):
    target = tmp_path / "a.txt"
    write_text(target, "old")
    monkeypatch.setattr(files.os, "fsync", no_room)
    with pytest.raises(OSError, match="No space left") as error:
        write_text(target, "new")
    assert told(error.value).startswith(f"{target}: No space left on device; free space")
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_a_file_that_may_not_be_written_is_named_and_not_its_temporary_one(tmp_path):
    with pytest.raises(IsADirectoryError) as error:
        write_text(tmp_path, "a folder is here")
    assert told(error.value).startswith(f"{tmp_path}: Is a directory; ")


def test_what_a_living_process_or_another_machine_writes_is_left(tmp_path):
    host = files._HOST
    living = tmp_path / f".a.{host}.{os.getppid()}.tmp"
    elsewhere = tmp_path / ".a.another-machine.1.tmp"
    old = tmp_path / ".b.another-machine.1.tmp"
    not_ours = tmp_path / ".hidden.tmp"
    for path in (living, elsewhere, old, not_ours):
        path.touch()
    two_days_ago = time.time() - 2 * 86400
    os.utime(old, (two_days_ago, two_days_ago))
    os.utime(not_ours, (two_days_ago, two_days_ago))
    write_text(tmp_path / "a", "")
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"a", living.name, elsewhere.name, not_ours.name}


VALUES = {"format": "x/1", "numbers": {"10": 0.1, "9": 1e300}, "text": "é\ud800", "list": [1, None]}


def test_a_document_reads_back_without_its_checksum(tmp_path):
    write_json(tmp_path / "a.json", VALUES)
    assert read_json(tmp_path / "a.json", "x/1") == VALUES
    assert list(json.loads((tmp_path / "a.json").read_text()))[-1] == "checksum"


@pytest.mark.parametrize(("old", "new"), [(b"0.1", b"0.3"), (b"null", b"7.25"), (b'"9"', b'"8"')])
def test_a_changed_document_is_noticed_and_taken_without_its_checksum(tmp_path, old, new):
    path = tmp_path / "a.json"
    write_json(path, VALUES)
    path.write_bytes(path.read_bytes().replace(old, new))
    with pytest.raises(AscNasError, match=r"a\.json: not as it was written.*'checksum'\.$"):
        read_json(path, "x/1")
    path.write_text(json.dumps(document(path)))
    assert read_json(path, "x/1") != VALUES


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_no_number_that_json_lacks_is_written(tmp_path, bad):
    target = tmp_path / "a.json"
    write_json(target, {"format": "f", "score": 1.0})
    with pytest.raises(AscNasError, match=r"a\.json: not written.*not finite"):
        write_json(target, {"format": "f", "score": [bad]})
    assert read_json(target, "f") == {"format": "f", "score": 1.0}
