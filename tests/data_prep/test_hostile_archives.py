"""Archives made with intent: refused before they take memory or disk, or write elsewhere."""

import gzip
import io
import tarfile

import pytest
from archive_makers import FILES, make_tar, tree
from peak_memory import peak

from asc_nas.core.errors import AscNasError
from data_prep.download.archives import unpack

NAMING = {
    "a long name": tarfile.GNUTYPE_LONGNAME,
    "a long link": tarfile.GNUTYPE_LONGLINK,
    "settings": tarfile.XHDTYPE,
    "settings of all": tarfile.XGLTYPE,
}


def with_header(path, kind, size, following=b""):
    info = tarfile.TarInfo("S/x.wav")
    info.type, info.size = kind, size
    with gzip.open(path, "wb") as packed:
        packed.write(info.tobuf(tarfile.GNU_FORMAT) + following)
    return path


@pytest.mark.parametrize("kind", NAMING.values(), ids=NAMING)
@pytest.mark.parametrize("size", [2**21, 2**33 - 1, 2**50])
def test_a_name_or_settings_of_gigabytes_are_not_read(tmp_path, kind, size):
    archive = with_header(tmp_path / "a.tar.gz", kind, size, bytes(4 << 20))
    with pytest.raises(AscNasError, match=r"a\.tar\.gz: not a whole .* \(a name, settings"):
        unpack(archive, tmp_path / "in")
    assert tree(tmp_path / "in") == {}


def test_a_tar_archive_that_asks_for_gigabytes_costs_little(tmp_path):
    archive = with_header(tmp_path / "a.tar.gz", tarfile.XHDTYPE, 2**33 - 1, bytes(1 << 29))
    told, megabytes = peak(
        "from data_prep.download.archives import unpack\nunpack(*map(Path, sys.argv[1:]))",
        archive,
        tmp_path / "in",
    )
    assert "not a whole" in told
    assert megabytes < 200


def test_a_file_of_negative_size_is_refused(tmp_path):
    archive = with_header(tmp_path / "a.tar.gz", tarfile.REGTYPE, -(2**40))
    with pytest.raises(AscNasError, match="not a whole"):
        unpack(archive, tmp_path / "in")


def test_a_file_with_holes_is_refused(tmp_path):
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("S/x.wav")
        info.pax_headers = {"GNU.sparse.map": "0,1", "GNU.sparse.size": str(2**33)}
        info.size = 1
        archive.addfile(info, io.BytesIO(b"x"))
    with pytest.raises(AscNasError, match=r"'S/x\.wav' is a file with holes"):
        unpack(path, tmp_path / "in")


def test_a_tar_archive_that_goes_on_behind_a_damaged_header_is_not_taken_for_whole(tmp_path):
    path = make_tar(tmp_path / "a.tar", FILES, mode="w")
    raw = bytearray(path.read_bytes())
    second = raw.index(b"S-dev/audio/a.wav")
    raw[second] ^= 1  # the header's own sum does not fit any more
    path.write_bytes(raw)
    with pytest.raises(AscNasError, match="goes on behind its end"):
        unpack(path, tmp_path / "in")
    assert tree(tmp_path / "in") == {}


def test_zeros_without_end_behind_the_last_file_are_not_read(tmp_path):
    path = tmp_path / "a.tar.gz"
    plain = make_tar(tmp_path / "a.tar", FILES, mode="w").read_bytes()
    path.write_bytes(gzip.compress(plain + bytes(70 << 20), 1))
    with pytest.raises(AscNasError, match="goes on behind its end"):
        unpack(path, tmp_path / "in")


@pytest.mark.parametrize("format_", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_long_names_are_taken(tmp_path, format_):
    name = "S/" + "folder/" * 40 + "é" * 60 + ".wav"
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w", format=format_) as archive:
        for each in (name, "T/a.wav"):
            info = tarfile.TarInfo(each)
            info.size = 1
            archive.addfile(info, io.BytesIO(b"x"))
    unpack(path, tmp_path / "in")
    assert tree(tmp_path / "in") == {name: b"x", "T/a.wav": b"x"}
