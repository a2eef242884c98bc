"""Unpacking without trust: into the folder, or one sentence and nothing outside of it."""

import errno
import shutil
import stat
import tarfile
from collections import namedtuple

import pytest
from archive_makers import FILES, MAKERS, make_tar, make_zip, tree

from asc_nas.core.errors import AscNasError
from data_prep.download import archives
from data_prep.download.archive_readers import Member
from data_prep.download.archives import unpack, unpacked

Usage = namedtuple("Usage", "total used free")


def assert_nothing_but_the_archive(root, archive):
    assert [path for path in root.rglob("*") if path.is_file()] == [archive]


@pytest.mark.parametrize("name", MAKERS)
def test_the_shared_top_folder_is_left_out(name, tmp_path, inside):
    paths = unpack(MAKERS[name](tmp_path / name, FILES), inside)
    assert tree(inside) == {"meta.csv": b"rows", "audio/a.wav": b"sound" * 1000}
    assert paths == [inside / "meta.csv", inside / "audio" / "a.wav"]


@pytest.mark.parametrize(
    "names",
    [["audio/a.wav", "audio/b.wav"], ["evaluation_setup/f.csv"], ["scenes_stereo/bus01.wav"],
     ["top/a.wav", "b.wav"], ["x/a.wav", "y/a.wav"], ["a.wav"]],
)  # fmt: skip
def test_a_folder_of_the_layout_stays(names, tmp_path, inside):
    unpack(make_zip(tmp_path / "a.zip", dict.fromkeys(names, b"")), inside)
    assert sorted(tree(inside)) == sorted(names)


def test_litter_of_other_systems_is_left_out(tmp_path, inside):
    names = ["S/a.wav", "__MACOSX/S/._a.wav", "S/.DS_Store", "S/._b.wav"]
    unpack(make_zip(tmp_path / "a.zip", dict.fromkeys(names, b"")), inside)
    assert sorted(tree(inside)) == ["a.wav"]


def test_folders_and_backslashes(tmp_path, inside):
    unpack(make_zip(tmp_path / "a.zip", {"S/": b"", "S\\audio\\a.wav": b"x"}), inside)
    assert tree(inside) == {"audio/a.wav": b"x"}


@pytest.mark.parametrize(
    "bad",
    ["", "../out.wav", "S/../../out.wav", "/tmp/out.wav", "..\\out.wav", "\\out.wav",
     "C:\\out.wav", "C:out.wav", "S/audio/..", "//server/out.wav"],
)  # fmt: skip
@pytest.mark.parametrize("name", MAKERS)
def test_a_path_outside_of_the_folder_is_refused(bad, name, tmp_path, inside):
    archive = MAKERS[name](tmp_path / name, FILES | {bad: b"evil"})
    with pytest.raises(AscNasError, match="outside of its folder"):
        unpack(archive, inside)
    assert_nothing_but_the_archive(tmp_path, archive)


TYPES = [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE]


@pytest.mark.parametrize("kind", TYPES)
def test_links_and_devices_in_a_tar_are_refused(kind, tmp_path, inside):
    archive = make_tar(tmp_path / "a.tar", {"S/x": b""}, "w", type=kind, linkname="/etc/passwd")
    with pytest.raises(AscNasError, match="'S/x' is a link or a device"):
        unpack(archive, inside)
    assert_nothing_but_the_archive(tmp_path, archive)


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO])
def test_links_and_devices_in_a_zip_are_refused(kind, tmp_path, inside):
    mode = (kind | 0o777) << 16
    archive = make_zip(tmp_path / "a.zip", {"S/x": b"/etc/passwd"}, external_attr=mode)
    with pytest.raises(AscNasError, match="'S/x' is a link or a device"):
        unpack(archive, inside)
    assert_nothing_but_the_archive(tmp_path, archive)


def test_an_encrypted_member_is_refused(tmp_path, inside):
    archive = make_zip(tmp_path / "a.zip", FILES)
    raw = bytearray(archive.read_bytes())
    entry = raw.rindex(b"PK\x01\x02")  # the last row of the table of contents
    raw[entry + 8] |= 1  # the flag for encryption
    archive.write_bytes(raw)
    with pytest.raises(AscNasError, match="encrypted"):
        unpack(archive, inside)
    assert_nothing_but_the_archive(tmp_path, archive)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_file_that_is_listed_twice_is_refused(tmp_path, inside):
    archive = make_zip(tmp_path / "a.zip", {"S/a.wav": b"1", "S//a.wav": b"2"})
    with pytest.raises(AscNasError, match="twice"):
        unpack(archive, inside)
    assert_nothing_but_the_archive(tmp_path, archive)


@pytest.mark.parametrize("disk", [5_000_000, 10**9])
@pytest.mark.parametrize("name", MAKERS)
def test_what_cannot_fit_is_refused_before_anything_is_written(
    name, disk, tmp_path, inside, monkeypatch
):
    archive = MAKERS[name](tmp_path / name, {"S/a": bytes(3_000_000), "S/b": bytes(3_000_000)})
    assert archive.stat().st_size < 100_000
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(disk, 1, 4_000_000))
    with pytest.raises(AscNasError, match=r"needs 6.0 MB, and 4.0 MB are free"):
        unpack(archive, inside)
    assert_nothing_but_the_archive(tmp_path, archive)


def test_a_listing_without_end_is_not_read_to_its_end(tmp_path):
    listing = iter([Member(f"S/{i}", 10**12, None) for i in range(100_000)])
    with pytest.raises(AscNasError, match="free"):
        archives._checked(tmp_path / "a.zip", listing, tmp_path)
    assert next(listing, None) is not None


def test_files_of_an_interrupted_call_need_no_room_again(tmp_path, inside, monkeypatch):
    archive = make_zip(tmp_path / "a.zip", {"S/a": bytes(3_000_000), "S/b": bytes(3_000_000)})
    inside.mkdir(parents=True)
    (inside / "a").write_bytes(bytes(3_000_000))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**9, 1, 4_000_000))
    unpack(archive, inside)
    assert sorted(tree(inside)) == ["a", "b"]


def test_an_absurd_claim_is_refused(tmp_path, inside):
    archive = make_zip(tmp_path / "a.zip", {f"S/{i}": b"x" for i in range(3)})
    raw = archive.read_bytes()
    first = raw.index(b"PK\x01\x02")
    claimed = raw[: first + 24] + b"\xfe\xff\xff\xff" + raw[first + 28 :]  # 4 GB
    archive.write_bytes(claimed)
    real = shutil.disk_usage(tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _: real._replace(free=10**9))
        with pytest.raises(AscNasError, match=r"needs 4.3 GB"):
            unpack(archive, inside)
    assert_nothing_but_the_archive(tmp_path, archive)


def test_a_second_call_writes_nothing(tmp_path, inside):
    archive = make_zip(tmp_path / "a.zip", FILES)
    first = unpack(archive, inside, checksum="1")
    before = [path.stat().st_mtime_ns for path in first]
    archive.unlink()  # nor needs it the archive
    assert unpack(archive, inside, checksum="1") == first
    assert [path.stat().st_mtime_ns for path in first] == before


def test_a_lost_file_or_another_archive_is_unpacked_again(tmp_path, inside):
    archive = make_zip(tmp_path / "a.zip", FILES)
    unpack(archive, inside, checksum="1")
    (inside / "meta.csv").unlink()
    unpack(archive, inside, checksum="1")
    assert (inside / "meta.csv").read_bytes() == b"rows"
    make_zip(archive, {"S-dev/meta.csv": b"new rows"})
    unpack(archive, inside, checksum="2")
    assert (inside / "meta.csv").read_bytes() == b"new rows"


def test_a_damaged_marker_does_not_count(tmp_path, inside):
    archive = make_zip(tmp_path / "a.zip", FILES)
    unpack(archive, inside)
    for text in ("", "{}", '{"format": "asc-nas/unpacked/1", "files": 3}'):
        (inside / ".unpacked" / "a.zip.json").write_text(text)
        assert unpacked("a.zip", inside) is None
    unpack(archive, inside)
    assert unpacked("a.zip", inside) is not None


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left")])
def test_an_interrupted_call_leaves_no_half_file_and_is_done_again(
    stop, tmp_path, inside, monkeypatch
):
    archive = make_zip(tmp_path / "a.zip", FILES)

    def copy_half(source, target, *_):
        content = source.read()
        if len(content) > 100:
            target.write(content[:100])
            raise stop
        target.write(content)

    with monkeypatch.context() as patch:
        patch.setattr(archives.shutil, "copyfileobj", copy_half)
        with pytest.raises((KeyboardInterrupt, AscNasError)) as error:
            unpack(archive, inside)
    if isinstance(stop, OSError):
        assert "the disk is full" in str(error.value)
    assert tree(inside) == {"meta.csv": b"rows"}
    assert unpacked("a.zip", inside) is None
    unpack(archive, inside)
    assert (inside / "audio" / "a.wav").read_bytes() == b"sound" * 1000


def test_a_missing_archive(tmp_path, inside):
    with pytest.raises(AscNasError, match="no such file"):
        unpack(tmp_path / "a.zip", inside)


def test_a_file_where_a_folder_must_be(tmp_path, inside):
    archive = make_zip(tmp_path / "a.zip", {"S/a": b"1", "S/a/b": b"2"})
    with pytest.raises(AscNasError, match=r"a\.zip"):
        unpack(archive, inside)
    assert unpacked("a.zip", inside) is None


def test_progress_counts_files(tmp_path, inside):
    seen = []
    unpack(make_zip(tmp_path / "a.zip", FILES), inside, progress=lambda *row: seen.append(row))
    assert seen == [(1, 2), (2, 2)]
