"""A folder at a URL that fsspec knows, such as ``s3://bucket/runs/a``: whole files in and out."""

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from asc_nas.core.errors import AscNasError, UsageError
from asc_nas.core.files import atomic_path

_VERSION = ("ETag", "etag", "generation", "LastModified", "last_modified", "mtime", "created")
"""What the file systems of fsspec tell of a file's version, each some of it."""
_FORBIDDEN = ("NoCredentials", "PartialCredentials", "ProfileNotFound", "PermissionError")


class UnreachableError(AscNasError):
    """Something at a URL could not be read or written now; trying again may help."""


@dataclass(frozen=True)
class Stored:
    """A file at the URL: its bytes, and a text that is another one after it was written anew."""

    size: int
    version: str


def is_url(place: object) -> bool:
    """Tell whether a place is a URL and not a path; ``C:/runs`` and ``C://runs`` are paths."""
    return isinstance(place, str) and re.match(r"[a-z][a-z0-9+.-]+://", place) is not None


class Bucket:
    """The files below a URL.

    Parameters
    ----------
    url : str

    Raises
    ------
    UsageError
        If fsspec, or what it needs for this kind of URL, is not installed, or there is none such.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        kind = url.partition(":")[0]
        try:
            from fsspec.core import url_to_fs

            self._system, self._root = url_to_fs(self.url)
        except ImportError as error:
            raise UsageError(
                f"{url}: '{kind}' needs one more package: pip install 'asc-nas[remote]' for "
                f"S3; else: {str(error).rstrip('.')}."
            ) from error
        except ValueError as error:
            raise UsageError(f"{url}: no such kind of URL, '{kind}' ({error}).") from error

    def list(self) -> dict[str, Stored]:
        """Return all files by their path below the URL, without those that begin with a dot."""
        with self._telling():
            self._system.invalidate_cache()
            found = self._system.find(self._root, detail=True)
        root = self._root.strip("/")
        names = {path.strip("/").removeprefix(root).strip("/"): path for path in found}
        return {name: _stored(found[names[name]]) for name in sorted(names) if _is_plain(name)}

    def get(self, name: str, target: Path, size: int | None = None) -> None:
        """Write a file to `target`, whole or not at all.

        Parameters
        ----------
        size : bytes that it must have
        """
        with self._telling(name), atomic_path(target) as temporary:
            self._system.get_file(self._path(name), str(temporary))
            there = temporary.stat().st_size
            if size not in (None, there):
                raise UnreachableError(
                    f"{self.url}/{name}: has {there:,} bytes in place of {size:,}, as it is half "
                    "written or was just changed; run again."
                )

    def put(self, source: Path, name: str) -> None:
        """Write a file of this machine to the URL."""
        with self._telling(name):
            self._system.put_file(str(source), self._path(name))

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        with self._telling(name):
            try:
                self._system.rm_file(self._path(name))
            except FileNotFoundError:
                return

    def read(self, name: str) -> bytes | None:
        """Return what a small file holds; None if there is none."""
        with self._telling(name):
            try:
                self._system.invalidate_cache()
                content: bytes = self._system.cat_file(self._path(name))
            except FileNotFoundError:
                return None
        return content

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    @contextmanager
    def _telling(self, name: str = "") -> Iterator[None]:
        """Say in a sentence what fsspec and its file systems raise, each in its own way."""
        try:
            yield
        except AscNasError:
            raise
        except Exception as error:
            if isinstance(error, OSError) and error.errno == errno.ENOSPC:
                raise  # it is the disk of this machine
            where = f"{self.url}/{name}".rstrip("/")
            reason = f"{type(error).__name__}: {error}".rstrip(".: ")
            kinds = {kind.__name__ for kind in type(error).__mro__}
            if isinstance(error, FileNotFoundError):
                raise AscNasError(
                    f"{where}: {str(error).rstrip('.')}; correct the URL, or make the bucket."
                ) from error
            if any(kind.startswith(_FORBIDDEN) for kind in kinds):
                raise UnreachableError(
                    f"{where}: no access ({reason}); check the credentials and what they allow."
                ) from error
            raise UnreachableError(
                f"{where}: cannot be reached ({reason}); check the network and the URL."
            ) from error


def _stored(info: dict[str, Any]) -> Stored:
    version = " ".join(str(info[key]) for key in _VERSION if key in info)
    return Stored(info["size"] or 0, f"{info['size']} {version}")


def _is_plain(name: str) -> bool:
    """Tell whether a name is below the folder wherever it is put, and not one of ours for us."""
    path = Path(name)
    parts = {*PurePosixPath(name).parts, *path.parts}
    return bool(parts) and not path.anchor and not any(part.startswith(".") for part in parts)
