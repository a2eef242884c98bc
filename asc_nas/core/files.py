"""Atomic files: written beside the target, flushed, then moved over it."""

import hashlib
import json
import os
import re
import reprlib
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from asc_nas.core.errors import AscNasError

RESTORE = "restore it, or delete it and repeat the step that makes it"

_HOST = re.sub(r"[^\w-]", "-", socket.gethostname())


@contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """Give a temporary path beside `target`; on success it is moved over `target`.

    A killed process or a full disk leaves what stood there before. Temporary files that killed
    processes left in the folder are removed. An error of the system names `target`.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(target.parent.absolute())
    temporary = target.with_name(f".{target.name}.{_HOST}.{os.getpid()}.tmp")
    try:
        with naming(target, temporary):
            yield temporary
            with temporary.open("rb+") as handle:
                os.fsync(handle.fileno())
            temporary.replace(target)
    finally:
        with suppress(OSError):  # a folder that is read-only has none
            temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(target: Path) -> Iterator[Path]:
    """Give a new empty folder beside `target`; on success it takes the place of what was there.

    A killed process leaves what stood there before, or, in the instant between two renames, nothing
    but the new folder under its temporary name.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(target.parent.absolute())
    temporary, old = (
        target.with_name(f".{target.name}{which}.{_HOST}.{os.getpid()}.tmp")
        for which in ("", ".old")
    )
    try:
        with naming(target, temporary):
            temporary.mkdir()
            yield temporary
            if target.exists():
                target.replace(old)
            temporary.replace(target)
    finally:
        for folder in (temporary, old):
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def naming(file: Path, *also: Path) -> Iterator[None]:
    """Let an OSError say that it is about `file`, if it names no file, or one of `also`.

    A disk that is full is noticed when bytes are written, and the system does not say whither.
    """
    try:
        yield
    except OSError as error:
        named = None if error.filename is None else os.fsdecode(error.filename)
        if error.errno is not None and named in (None, *map(str, also)):
            error.filename = str(file)
        raise


@lru_cache(maxsize=1024)  # once per folder and process
def _remove_leftovers(folder: Path) -> None:
    """Remove temporary files of processes that are gone: of this machine, or after a day."""
    for path in folder.glob(".*.tmp"):
        made_by = re.search(r"\.([\w-]+)\.(\d+)\.tmp$", path.name)
        with suppress(OSError):  # another process may be at it, too
            here = made_by is not None and made_by[1] == _HOST and not _is_alive(int(made_by[2]))
            if made_by is not None and (here or time.time() - path.stat().st_mtime > 86400):
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def _is_alive(process: int) -> bool:
    if os.name != "posix":  # elsewhere the question would end the process
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # it is another user's
        return True
    return True


def write_text(target: Path, text: str) -> None:
    r"""Write `text` to `target` atomically; bytes of a file name that are no text as ``\udce9``."""
    with atomic_path(target) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")


def write_bytes(target: Path, content: bytes) -> None:
    """Write `content` to `target` atomically."""
    with atomic_path(target) as temporary:
        temporary.write_bytes(content)


def write_json(target: Path, value: Any) -> None:
    """Write `value` as indented JSON with a stable key order, atomically; `read_json` reads it."""
    with _finite(target):
        text = json_text(with_checksum(value), indent=2, ensure_ascii=False)
    write_text(target, text + "\n")


def json_text(value: Any, **options: Any) -> str:
    """Return JSON, which has no NaN and no Infinity.

    Raises
    ------
    ValueError
        If `value` holds one: what is undefined is None.
    """
    return json.dumps(value, allow_nan=False, **options)


@contextmanager
def _finite(target: Path) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise AscNasError(
            f"{target}: not written, as a number in it is not finite; a training diverged: use a "
            "lower learning_rate."
        ) from error


def with_checksum(value: dict[str, Any]) -> dict[str, Any]:
    """Return `value` with a last key ``checksum`` that tells whether it is what was written.

    Raises
    ------
    ValueError
        If a number in it is not finite.
    """
    return value | {"checksum": fingerprint(json.loads(json_text(value)))}


def check_sum(value: dict[str, Any]) -> bool:
    """Take out the checksum of `value`, if it has one; return whether it is right, or missing."""
    return value.pop("checksum", None) in (None, fingerprint(value))


def read_json(path: Path, format_name: str) -> dict[str, Any]:
    """Read a JSON object whose ``format`` key is `format_name`.

    Raises
    ------
    AscNasError
        If the file is missing, is not JSON, has another format, or has a checksum (which may be
        missing) of something else.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise AscNasError(f"{path}: no such file.") from error
    except (OSError, ValueError, RecursionError) as error:
        raise AscNasError(f"{path}: not readable as JSON ({error}): {RESTORE}.") from error
    found = value.get("format") if isinstance(value, dict) else None
    if found != format_name:
        shown = reprlib.repr(found)
        raise AscNasError(f"{path}: expected the format '{format_name}', found {shown}.")
    if not check_sum(value):
        raise AscNasError(
            f"{path}: not as it was written (its checksum differs): {RESTORE}; if the change was "
            "meant, remove its 'checksum'."
        )
    return value


@contextmanager
def as_written(path: Path, remedy: str) -> Iterator[None]:
    """Say in a sentence that the content of `path` is damaged, if using it fails.

    Parameters
    ----------
    remedy : str
        The end of the sentence: what to do.

    Raises
    ------
    AscNasError
        Instead of what a missing key or a value of a wrong type raises.
    """
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        what = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise AscNasError(f"{path}: not as asc-nas writes it ({what}); {remedy}.") from error


def sha256(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file's bytes."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def fingerprint(value: Any) -> str:
    """Return a short, stable hash of plain data (16 hexadecimal digits)."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
