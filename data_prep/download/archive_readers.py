"""Readers of zip and tar archives that know files and folders, and refuse all else."""

import lzma
import stat
import tarfile
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self

from asc_nas.core.errors import AscNasError

# EOFError and zlib.error: a stream that ends early or is garbled; RuntimeError: zipfile's for an
# unknown compression; ValueError: a name in no encoding.
DAMAGE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    EOFError,
    zlib.error,
    lzma.LZMAError,
    RuntimeError,
    ValueError,
)
"""What reading a damaged archive raises, besides an OSError without a number."""


LONGEST_NAMING, MOST_PADDING = 1 << 20, 1 << 26
"""Bytes of a name or of settings in a tar archive, and of padding at its end."""

_NAMING = (
    *(tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE),
    tarfile.SOLARIS_XHDTYPE,
)


@dataclass(frozen=True)
class Member:
    """One regular file of an archive: its name there, its size in bytes, how to find it."""

    name: str
    size: int
    handle: Any


class Reader(ABC):
    """One kind of archive, open for reading."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @abstractmethod
    def members(self) -> Iterator[Member]:
        """Yield the regular files; raise an AscNasError for what is neither file nor folder."""

    @abstractmethod
    def open(self, member: Member) -> IO[bytes]:
        """Open one file for reading."""

    @abstractmethod
    def close(self) -> None:
        """Close the archive."""

    def refuse(self, name: str, what: str) -> AscNasError:
        """Return the error for a member that is not taken."""
        return AscNasError(f"{self.path}: {name!r} is {what}; nothing was unpacked.")


class _Zip(Reader):
    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._zip = zipfile.ZipFile(path)

    def members(self) -> Iterator[Member]:
        for info in self._zip.infolist():
            kind = stat.S_IFMT(info.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise self.refuse(info.filename, "a link or a device")
            if info.flag_bits & 0x1:
                raise self.refuse(info.filename, "encrypted, and no password is known")
            if not info.filename.endswith("/"):
                yield Member(info.filename, info.file_size, info)

    def open(self, member: Member) -> IO[bytes]:
        return self._zip.open(member.handle)

    def close(self) -> None:
        self._zip.close()


class _BoundedInfo(tarfile.TarInfo):
    """A header; one with a name or settings behind it, which are read at once, has few of them."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """Return the header that a block holds; raise a ValueError for one that asks for much."""
        info = super().frombuf(buf, encoding, errors)
        if info.size < 0 or (info.type in _NAMING and info.size > LONGEST_NAMING):
            raise ValueError(f"a name, settings or a file of {info.size:,} bytes")
        return info


class _Tar(Reader):
    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._tar = tarfile.open(path, tarinfo=_BoundedInfo)  # noqa: SIM115 (closed by `close`)

    def members(self) -> Iterator[Member]:
        for info in self._tar:
            if not (info.isreg() or info.isdir()):
                raise self.refuse(info.name, "a link or a device")
            if info.issparse():
                raise self.refuse(info.name, "a file with holes")
            if info.isreg():
                yield Member(info.name, info.size, info)
        # What follows the last file is padding, and the compression's checksum, which tarfile
        # leaves unread; if it is more, a header was damaged, which tarfile takes for the end.
        read = 0
        while self._tar.fileobj is not None and (rest := self._tar.fileobj.read(1 << 20)):
            read += len(rest)
            if any(rest) or read > MOST_PADDING:
                raise tarfile.ReadError("it goes on behind its end")

    def open(self, member: Member) -> IO[bytes]:
        source = self._tar.extractfile(member.handle)
        assert source is not None  # it is a regular file
        return source

    def close(self) -> None:
        self._tar.close()


def open_archive(archive: Path) -> Reader:
    """Open a zip archive (by its name) or a tar archive with any compression."""
    return _Zip(archive) if archive.suffix.lower() == ".zip" else _Tar(archive)
