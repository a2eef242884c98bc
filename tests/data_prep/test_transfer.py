"""A server that misbehaves: the right file, or one sentence and no wrong file."""

from dataclasses import replace

import local_server as faults
import pytest
from local_server import BODY, NAME, Site, final_files, is_right, package, sentence

from asc_nas.core.errors import AscNasError
from data_prep.download.files import download
from data_prep.download.transfer import Policy, transfer


def test_a_file_comes_whole_and_is_the_returned_path(site, tmp_path, policy):
    assert download([package(site)], tmp_path, policy=policy) == [tmp_path / NAME]
    assert is_right(tmp_path)


# What ends well, with the ranges that were asked for.
HALF = f"bytes={len(BODY) // 2}-"
MENDED = {
    "slow": ([faults.slow], [None]),
    "no range, no fault": ([faults.no_range], [None]),
    "no length": ([faults.no_length], [None]),
    "cut off once": ([faults.cut_off], [None, HALF]),
    "cut off twice": ([faults.cut_off] * 2, [None, HALF, f"bytes={len(BODY) * 3 // 4}-"]),
    "cut off, then no range": ([faults.cut_off, faults.no_range], [None, HALF]),
    "cut off without a length": ([faults.no_length_cut_off], [None, HALF]),
    "cut off in a chunk": ([faults.chunked_cut_off], [None, HALF]),
    "cut off, then a wrong range": ([faults.cut_off, faults.wrong_range], [None, HALF, None]),
    "stalled": ([faults.stall], [None, HALF]),
    "no answer": ([faults.silent], [None, None]),
    "503, then fine": ([faults.status(503)], [None, None]),
    "429, then fine": ([faults.status(429)], [None, None]),
    "wrong checksum once": ([faults.garbled], [None, None]),
    "cut off, then garbled": ([faults.cut_off, faults.garbled], [None, HALF, None]),
}


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("case", MENDED)
def test_a_passing_fault_is_mended(case, site, tmp_path, policy):
    site.faults[NAME], ranges = list(MENDED[case][0]), MENDED[case][1]
    download([package(site)], tmp_path, policy=policy)
    assert is_right(tmp_path)
    assert [asked for _, asked in site.requests] == ranges


# What does not: what the sentence says, the requests it takes, and how much is kept.
LASTING = {
    "cut off without range": (faults.cut_off_without_range, "4 tries.*closed after", 4, 0.5),
    "stalled without range": (faults.stall_without_range, "4 tries.*stalled", 4, 0.5),
    "stalled before a byte": (faults.silent, "4 tries.*does not answer", 4, 0),
    "503": (faults.status(503), "4 tries.*503 Service Unavailable", 4, 0),
    "404": (faults.status(404), "404 Not Found.*new address", 1, 0),
    "403": (faults.status(403), "403 Forbidden", 1, 0),
    "come back tomorrow": (faults.status(503, Retry_After=86400), "come back in 86400 s", 1, 0),
    "wrong checksum": (faults.garbled, "wrong checksum.*published", 2, 0),
    "endless": (faults.endless, "wrong checksum", 2, 0),
    "claims a terabyte": (faults.claims_a_terabyte, "needs 1000.0 TB", 1, 0),
}


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("case", LASTING)
def test_a_lasting_fault_is_one_sentence_and_no_wrong_file(case, site, tmp_path, policy):
    site.always[NAME], message, requests, kept = LASTING[case]
    with pytest.raises(AscNasError, match=message) as error:
        download([package(site)], tmp_path, policy=policy)
    assert NAME in sentence(error)
    assert len(site.requests) == requests
    assert final_files(tmp_path) == []
    part = tmp_path / f"{NAME}.part"
    assert (part.stat().st_size if part.exists() else 0) == kept * len(BODY)


def test_a_silent_server_is_given_up(site, tmp_path, policy):
    site.always[NAME] = faults.silent
    with pytest.raises(AscNasError, match=r"4 tries.*does not answer"):
        download([package(site)], tmp_path, policy=replace(policy, timeout=0.05))
    assert final_files(tmp_path) == []


def test_cut_off_again_and_again_ends_where_each_try_brings_something(site, tmp_path, policy):
    site.always[NAME] = faults.cut_off  # half of the rest each time: 19 tries to the last byte
    with pytest.raises(AscNasError, match="4 tries in a row"):
        download([package(site)], tmp_path, policy=policy)
    assert (tmp_path / f"{NAME}.part").stat().st_size == len(BODY) - 1
    assert 19 <= len(site.requests) <= 24


def test_no_connection_is_one_sentence(site, tmp_path, policy):
    with Site() as gone:
        gone.files[NAME] = BODY
        wanted = package(gone)
    with pytest.raises(AscNasError, match=r"4 tries.*no connection"):
        download([wanted], tmp_path, policy=policy)


def test_waits_double_and_are_bounded(site, tmp_path):
    waits = []
    site.always[NAME] = faults.status(500)
    policy = Policy(tries=5, first_wait=1.0, longest_wait=3.0, sleep=waits.append)
    with pytest.raises(AscNasError):
        download([package(site)], tmp_path, policy=policy)
    assert len(waits) == 4
    for wait, longest in zip(waits, [1.0, 2.0, 3.0, 3.0], strict=True):
        assert longest / 2 <= wait <= longest


def test_the_wait_that_the_server_asks_for_is_kept(site, tmp_path, policy, waits):
    site.faults[NAME] = [
        faults.status(503, Retry_After=7),
        faults.status(429, Retry_After="Wed, 21 Oct 2015 07:28:00 GMT"),
        faults.status(503, Retry_After="soon"),
    ]
    download([package(site)], tmp_path, policy=policy)
    assert waits[:2] == [7.0, 0.0]
    assert 0 < waits[2] < 1


def test_a_redirect_keeps_the_range(site, tmp_path, policy):
    site.files["old.zip"] = BODY
    site.always["old.zip"] = faults.moved(site.url(NAME))
    (tmp_path / "old.zip.part").write_bytes(BODY[:1000])
    download([package(site, "old.zip")], tmp_path, policy=policy)
    assert is_right(tmp_path, "old.zip")
    assert site.requests[-1] == (NAME, "bytes=1000-")


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://127.0.0.1/x"])
def test_only_the_web_is_asked(url, tmp_path, policy):
    with pytest.raises(AscNasError, match="not an http"):
        transfer(url, tmp_path / "x.part", expected=1, is_whole=bool, policy=policy, report=print)
