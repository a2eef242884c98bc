"""Atomic files: written beside the target, flushed, then moved over it."""

import hashlib
import json
import os
import reprlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from asc_nas.core.errors import AscNasError


@contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """Give a temporary path beside `target`; on success it is moved over `target`.

    A killed process or a full disk leaves what stood there before.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        with temporary.open("rb+") as handle:
            os.fsync(handle.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(target: Path, text: str) -> None:
    """Write `text` to `target` atomically."""
    with atomic_path(target) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(target: Path, value: Any) -> None:
    """Write `value` as indented JSON with a stable key order, atomically."""
    write_text(target, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path, format_name: str) -> dict[str, Any]:
    """Read a JSON object whose ``format`` key is `format_name`.

    Raises
    ------
    AscNasError
        If the file is missing, is not JSON, or has another format.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise AscNasError(f"{path}: no such file.") from error
    except (OSError, ValueError, RecursionError) as error:
        raise AscNasError(f"{path}: not readable as JSON ({error}).") from error
    found = value.get("format") if isinstance(value, dict) else None
    if found != format_name:
        shown = reprlib.repr(found)
        raise AscNasError(f"{path}: expected the format '{format_name}', found {shown}.")
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
