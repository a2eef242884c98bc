"""Archives as a download may bring them: zip, tar and compressed tar."""

import bz2
import gzip
import io
import lzma
import stat
import tarfile
import warnings
import zipfile
from random import Random
from typing import Any

from fuzz.case import Case, Kind, load
from fuzz.mutators import mutated_bytes

NAMES = (
    *("S/meta.csv", "S/audio/a.wav", "S/audio/b.wav", "T/c.wav", "a.wav", "S/", "S", "audio/x.wav"),
    *("../outside", "S/../../outside", "/tmp/asc-nas-fuzz-outside", "C:\\x", "..\\outside"),
    *("", "."),
    *("S/audio", "s/meta.csv", "S//meta.csv", "./S/meta.csv", "a/" * 400 + "x", "x" * 300),
    *("S/\x1b[2J",),
    *("S/\udcff", "con", "S/é", ".unpacked/a.zip.json", "__MACOSX/._x", "S/.DS_Store"),
    *("..", "S/..."),
)
CONTENTS = (b"", b"rows", b"sound" * 1000, bytes(100_000), bytes(8 << 20))
PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
SETTINGS = ("path", "size", "mtime", "GNU.sparse.size")
MODES = ("w", "w:gz", "w:bz2", "w:xz")


def _zip(rng: Random) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w") as archive:
        warnings.simplefilter("ignore")  # names that stand twice are meant
        for name in _names(rng):
            info = zipfile.ZipInfo("x")
            info.filename = name.encode("utf-8", "replace").decode()
            info.compress_type = rng.choice(PACKED)
            kind = rng.choice((0,) * 12 + (stat.S_IFLNK, stat.S_IFIFO, stat.S_IFBLK, stat.S_IFDIR))
            info.external_attr = (kind | 0o777) << 16
            archive.writestr(info, _content(rng))
        archive.comment = rng.randbytes(rng.choice((0, 0, 60_000)))
    content = buffer.getvalue()
    if rng.random() < 0.3:  # sizes that are not those of the contents
        at = content.find(rng.choice((b"PK\1\2", b"PK\3\4")))
        place = at + rng.choice((20, 24, 18, 22))
        size = rng.choice((0, 1, 2**31, 2**32 - 2)).to_bytes(4, "little")
        content = content[:place] + size + content[place + 4 :]
    return content


def _tar(rng: Random, mode: str) -> bytes:
    buffer = io.BytesIO()
    form = rng.choice((tarfile.PAX_FORMAT, tarfile.GNU_FORMAT))
    with tarfile.open(fileobj=buffer, mode=mode, format=form) as archive:
        for name in _names(rng):
            info = tarfile.TarInfo(name or "x")
            content = _content(rng)
            info.size = len(content)
            if rng.random() < 0.15:
                info.type = rng.choice((tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE,
                                        tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE,
                                        tarfile.GNUTYPE_SPARSE, tarfile.CONTTYPE))  # fmt: skip
                info.linkname = rng.choice(("/etc/passwd", "../outside", "S/meta.csv"))
                info.size = 0
            if rng.random() < 0.1:
                value = rng.choice(("../outside", "9" * 30, "-1", "nan", "x"))
                info.pax_headers = {rng.choice(SETTINGS): value}
            archive.addfile(info, io.BytesIO(content[: info.size]))
    return buffer.getvalue()


def _bomb(rng: Random, mode: str) -> bytes:
    """A tar archive with one header that asks for much: a name, a list of settings, or a file."""
    kind = rng.choice((tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.REGTYPE))
    info = tarfile.TarInfo("S/a.wav")
    info.type, info.size = kind, rng.choice((10**9, 2**33 - 1, 2**50, 20 << 20))
    header = info.tobuf(tarfile.GNU_FORMAT)
    body = header + bytes(rng.choice((0, 512, 64 << 20)))
    buffer = io.BytesIO()
    if mode == "w":
        return body[: 4 << 20]
    packer: Any = {"w:gz": gzip, "w:bz2": bz2, "w:xz": lzma}[mode]
    with packer.open(buffer, "wb") as packed:
        packed.write(body)
    return buffer.getvalue()


def _names(rng: Random) -> list[str]:
    usual = rng.random() < 0.4
    names = NAMES[:4] if usual else NAMES
    return [rng.choice(names) for _ in range(rng.choice((0, 1, 2, 3, 5)))]


def _content(rng: Random) -> bytes:
    return rng.choice(CONTENTS[:4] if rng.random() < 0.95 else CONTENTS)


def _case(rng: Random) -> Case:
    mode = rng.choice(("zip", *MODES))
    bomb = mode != "zip" and rng.random() < 0.1
    content = _zip(rng) if mode == "zip" else (_bomb if bomb else _tar)(rng, mode)
    made = f"{'bomb' if bomb else 'made'} {mode}"
    if not bomb and rng.random() < 0.4:
        change, content = mutated_bytes(content, rng)
        made += f", {change}"
    ending = "zip" if mode == "zip" else "tar" if mode == "w" else f"tar.{mode[2:]}"
    name = f"x.{ending if rng.random() < 0.95 else rng.choice(('zip', 'tar.gz'))}"
    return Case(made, ("unpack", name, "out"), {name: content})


def _prepare() -> None:
    load("data_prep.download.archives")


KINDS = (Kind("archive", _case, _prepare),)
