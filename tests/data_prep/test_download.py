"""Downloads: what is kept between calls, what is chosen, and what is checked."""

import errno
import io
import json
import re
import shutil
from collections import namedtuple
from pathlib import Path

import local_server as faults
import pytest
from local_server import BODY, NAME, final_files, is_right, package, sentence

from asc_nas.core.errors import AscNasError, UsageError
from data_prep.download.disk import alone_in
from data_prep.download.files import download

Usage = namedtuple("Usage", "total used free")


@pytest.mark.parametrize(
    ("part", "requests"),
    [
        (BODY[:1000], ["bytes=1000-"]),
        (BODY, [f"bytes={len(BODY)}-"]),
        (BODY + b"more", [f"bytes={len(BODY) + 4}-", None]),
        (b"wrong" * 100, ["bytes=500-", None]),
        (b"", [None]),
    ],
    ids=["beginning", "whole", "too long", "wrong", "empty"],
)
def test_what_an_earlier_call_left_is_used_if_it_is_right(part, requests, site, tmp_path, policy):
    (tmp_path / f"{NAME}.part").write_bytes(part)
    download([package(site)], tmp_path, policy=policy)
    assert is_right(tmp_path)
    assert [asked for _, asked in site.requests] == requests


def test_a_listed_size_that_is_rounded_does_no_harm(site, tmp_path, policy):
    for listed in (len(BODY) - 900, len(BODY) + 900):
        for answer in (faults.whole, faults.no_length):
            folder = tmp_path / f"{listed}{answer.__name__}"
            site.always[NAME] = answer
            download([package(site, bytes=listed)], folder, policy=policy)
            assert is_right(folder)
    assert len(site.requests) == 4


def test_a_second_call_asks_nothing_and_reads_nothing(site, tmp_path, policy, monkeypatch):
    download([package(site)], tmp_path, policy=policy)
    before = (tmp_path / NAME).stat()
    site.requests.clear()
    monkeypatch.setattr("data_prep.download.files.md5", lambda path: pytest.fail(f"{path} is read"))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1, 1, 0))
    assert download([package(site)], tmp_path, policy=policy) == [tmp_path / NAME]
    assert site.requests == []
    assert (tmp_path / NAME).stat() == before


def test_a_right_file_without_a_marker_is_taken(site, tmp_path, policy):
    (tmp_path / NAME).write_bytes(BODY)
    (tmp_path / ".verified.json").write_text("damaged")
    download([package(site)], tmp_path, policy=policy)
    assert is_right(tmp_path)
    assert site.requests == []
    assert json.loads((tmp_path / ".verified.json").read_text())["format"] == "asc-nas/downloads/1"


@pytest.mark.parametrize("found", [BODY[:5000], b"?" * len(BODY)], ids=["unfinished", "wrong"])
def test_a_wrong_file_is_replaced_and_does_not_keep_its_name(found, site, tmp_path, policy):
    download([package(site)], tmp_path, policy=policy)
    (tmp_path / NAME).write_bytes(found)
    site.always[NAME] = faults.status(404)
    with pytest.raises(AscNasError):
        download([package(site)], tmp_path, policy=policy)
    assert final_files(tmp_path) == []
    del site.always[NAME]
    download([package(site)], tmp_path, policy=policy)
    assert is_right(tmp_path)


def test_another_published_checksum_makes_an_old_file_wrong(site, tmp_path, policy):
    download([package(site)], tmp_path, policy=policy)
    site.files[NAME] = BODY[::-1]
    download([package(site)], tmp_path, policy=policy)
    assert is_right(tmp_path, body=BODY[::-1])


def test_too_little_room_is_said_before_anything_is_fetched(site, tmp_path, policy, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1, 1, 200_000))
    with pytest.raises(AscNasError, match=r"needs 307.2 kB, and 200.0 kB are free"):
        download([package(site)], tmp_path, policy=policy)
    assert site.requests == []
    (tmp_path / f"{NAME}.part").write_bytes(BODY[:200_000])  # this needs no room any more
    download([package(site)], tmp_path, policy=policy)
    assert is_right(tmp_path)


def test_a_disk_that_fills_up_keeps_the_part(site, tmp_path, policy, monkeypatch):
    class Full(io.FileIO):
        room = 100_000

        def write(self, data):
            if not Full.room:
                raise OSError(errno.ENOSPC, "No space left on device")
            written = super().write(data[: Full.room])
            Full.room -= written
            return written

    def open_full(self, mode="r", *args, **kwargs):
        if self.suffix == ".part" and mode in ("ab", "wb"):
            return io.BufferedWriter(Full(self, mode))
        return real_open(self, mode, *args, **kwargs)

    real_open = Path.open
    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", open_full)
        with pytest.raises(AscNasError, match=r"the disk is full.*is kept") as error:
            download([package(site)], tmp_path, policy=policy)
    assert NAME in sentence(error)
    assert len(site.requests) == 1
    assert (tmp_path / f"{NAME}.part").read_bytes() == BODY[:100_000]
    download([package(site)], tmp_path, policy=policy)
    assert is_right(tmp_path)
    assert site.requests[1:] == [(NAME, "bytes=100000-")]


def test_a_second_download_into_the_same_folder_is_refused(site, tmp_path, policy):
    with (
        alone_in(tmp_path),
        pytest.raises(AscNasError, match="another download into this folder is running"),
    ):
        download([package(site)], tmp_path, policy=policy)
    assert site.requests == []
    download([package(site)], tmp_path, policy=policy)
    assert is_right(tmp_path)


def test_only_some_contents(site, tmp_path, policy):
    site.files |= {"set.doc.zip": b"doc", "set.audio.zip": b"audio"}
    wanted = [package(site, "set.doc.zip", "documentation"), package(site),
              package(site, "set.audio.zip", "audio")]  # fmt: skip
    paths = download(wanted, tmp_path, only=["meta", "doc"], policy=policy)
    assert [path.name for path in paths] == ["set.doc.zip", NAME]
    assert sorted(final_files(tmp_path)) == ["set.doc.zip", NAME]


def test_an_unknown_content_gets_the_closest(site, tmp_path):
    with pytest.raises(UsageError, match=r"holds 'mata'\. Did you mean 'meta'\?"):
        download([package(site)], tmp_path, only=["mata"])
    assert site.requests == []


def test_a_name_with_a_folder_is_refused(site, tmp_path):
    site.files["../x.zip"] = BODY
    with pytest.raises(AscNasError, match="not a plain file name"):
        download([package(site, "../x.zip")], tmp_path / "in")


def test_progress_counts_what_was_there_and_ends_with_all(site, tmp_path, policy):
    site.files["b.zip"] = BODY[:5000]
    site.faults[NAME] = [faults.status(503)]
    (tmp_path / f"{NAME}.part").write_bytes(BODY[:1000])
    seen = []
    both = [package(site), package(site, "b.zip", bytes=4000)]
    download(both, tmp_path, policy=policy, progress=lambda *row: seen.append(row))
    assert seen[0][:2] == (1000, len(BODY) + 4000)
    assert re.search(r"503 .*next try in", seen[0][2])
    assert seen[-1][:2] == (len(BODY) + 5000, len(BODY) + 5000)
    done = [row[0] for row in seen]
    assert done == sorted(done)
