"""When a recording began, from its metadata or its name.

Recorders write it in a chunk of a WAV file (GUANO, the comment of an AudioMoth, Broadcast Wave), or
in the file's name. Files come from strangers: what is read is bounded, and a chunk that is broken
says nothing.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, BinaryIO

_FORMS: dict[bytes, Any] = {b"RIFF": "little", b"RIFX": "big", b"RF64": "little", b"BW64": "little"}
"""Beginnings of WAV files, and the order of the bytes in their numbers."""
_MOST_CHUNKS = 1000
_MOST_BYTES = 1 << 16
"""Of a chunk that are read."""
_YEARS = range(1990, 2101)
"""A recorder whose clock was never set begins at 1970 or 1980."""
_DATE, _TIME = r"(\d{4})[-_.]?(\d\d)[-_.]?(\d\d)", r"(\d\d)[-_.:h]?(\d\d)[-_.:m]?(\d\d)"
_NAMED = re.compile(rf"(?<!\d){_DATE}(?:[-_ ]|(T)){_TIME}(?(4)(Z|[+-]\d{{4}})?)(?!\d)", re.ASCII)
_AUDIOMOTH_NAME = re.compile(r"(?:[0-9A-F]{16}_)?\d{8}_\d{6}T?", re.ASCII)
_AUDIOMOTH_HEX = re.compile(r"(?=.*[A-F])[0-9A-F]{8}")
"""Seconds since 1970; eight digits without a letter are more likely something else."""
_AUDIOMOTH_COMMENT = re.compile(
    r"Recorded at (\d\d):(\d\d):(\d\d)(?:\.(\d{3}))? (\d\d)/(\d\d)/(\d{4})"
    r"(?: \(UTC(?:([+-])(\d{1,2})(?::(\d\d))?)?\))?",
    re.ASCII,
)
_AUDIOMOTH_SINCE, _AUDIOMOTH_UNTIL = 0x5685C180, 0x7FFFFFFF
"""The first AudioMoths are of 2016."""


def recording_start(path: Path) -> datetime | None:
    """Return when a recording began, or None where nothing tells it.

    The first of: the ``Timestamp`` of a GUANO chunk, the comment of an AudioMoth, the origination
    of a Broadcast Wave, the file's name. It has a time zone where one is told, else it is the time
    of the place. Names of AudioMoths (``20240131_054500``, ``65B9DC7C``) are in UTC; a date and a
    time in another name (``SM4_20240131_054500``, ``2024-01-31_05-45-00``) are those of the place.
    """
    return _from_metadata(path) or _from_name(path.stem)


def moment(start: datetime, seconds: float) -> datetime:
    """Return the time so many seconds after the start, to a millisecond."""
    return start + timedelta(milliseconds=round(1000 * seconds))


def time_text(start: datetime | None, seconds: float = 0.0) -> str:
    """Return the time so many seconds after the start in ISO 8601; empty where it is not known."""
    if start is None:
        return ""
    found = moment(start, seconds)
    return found.isoformat(timespec="milliseconds" if found.microsecond else "seconds")


def comment(start: datetime, seconds: float) -> str:
    """Return a comment, as an AudioMoth writes it, that `recording_start` reads again."""
    found = moment(start, seconds)
    zone = ""
    if (offset := found.utcoffset()) is not None:
        minutes = round(offset.total_seconds() / 60)
        hours, rest = divmod(abs(minutes), 60)
        shift = f"{'+' if minutes > 0 else '-'}{hours}{f':{rest:02d}' if rest else ''}"
        zone = f" (UTC{shift if minutes else ''})"
    return f"Recorded at {found:%H:%M:%S}.{found.microsecond // 1000:03d} {found:%d/%m/%Y}{zone}"


def _from_metadata(path: Path) -> datetime | None:
    found: dict[bytes, datetime] = {}
    with suppress(OSError):
        if not path.is_file():  # a pipe would be waited for
            return None
        with path.open("rb") as file:
            for name, content in _chunks(file):
                start = _READERS[name](content)
                if start is not None:
                    found.setdefault(name, start)
    return next((found[name] for name in _READERS if name in found), None)


def _chunks(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """Yield name and content of the chunks that may tell the time."""
    head = file.read(12)
    order = _FORMS.get(head[:4])
    if order is None or head[8:] != b"WAVE":
        return
    end, data_bytes = file.seek(0, 2), 0
    at = len(head)
    for _ in range(_MOST_CHUNKS):
        file.seek(at)
        header = file.read(8)
        name, size = header[:4], int.from_bytes(header[4:], order)
        if len(header) < 8:
            return
        if name == b"ds64":
            data_bytes = int.from_bytes(file.read(16)[8:], order)
        elif name == b"data" and size == 0xFFFFFFFF:
            size = data_bytes
        elif name in _READERS:
            yield name, file.read(min(size, _MOST_BYTES))
        at += 8 + size + size % 2
        if at >= end:
            return


def _guano(content: bytes) -> datetime | None:
    for line in content.decode("utf-8", "replace").splitlines():
        key, _, value = line.partition(":")
        if key.strip("\ufeff \t") == "Timestamp" and len(value.strip()) > len("2024-01-31"):
            with suppress(ValueError):
                return _plausible(datetime.fromisoformat(value.strip()))
    return None


def _info(content: bytes) -> datetime | None:
    """Look for the comment in a list of information."""
    if content[:4] != b"INFO":
        return None
    at = 4
    while at + 8 <= len(content):
        name, size = content[at : at + 4], int.from_bytes(content[at + 4 : at + 8], "little")
        if name == b"ICMT":
            return _audiomoth(content[at + 8 : at + 8 + size].decode("latin-1"))
        at += 8 + size + size % 2
    return None


def _audiomoth(text: str) -> datetime | None:
    found = _AUDIOMOTH_COMMENT.search(text)
    if found is None:
        return None
    hour, minute, second, thousandths, day, month, year, sign, hours, minutes = found.groups()
    zone = UTC if "(UTC" in found[0] or "AudioMoth" in text else None
    if sign:
        shift = timedelta(hours=int(hours), minutes=int(minutes or 0))
        if shift >= timedelta(hours=24) or int(minutes or 0) > 59:
            return None
        zone = timezone(-shift if sign == "-" else shift)
    made = _made(year, month, day, hour, minute, second, zone)
    return made and made.replace(microsecond=1000 * int(thousandths or 0))


def _broadcast_wave(content: bytes) -> datetime | None:
    """Look for the date and time behind description, originator and its reference."""
    written = content[320:338].decode("latin-1")
    found = re.fullmatch(r"(\d{4}).(\d\d).(\d\d)(\d\d).(\d\d).(\d\d)", written, re.ASCII)
    return found and _made(*found.groups())


_READERS: dict[bytes, Callable[[bytes], datetime | None]] = {
    b"guan": _guano,
    b"LIST": _info,
    b"bext": _broadcast_wave,
}
"""How the chunks are read; the first that tells the time is believed."""


def _from_name(stem: str) -> datetime | None:
    if _AUDIOMOTH_HEX.fullmatch(stem):
        seconds = int(stem, 16)
        known = _AUDIOMOTH_SINCE <= seconds <= _AUDIOMOTH_UNTIL
        return datetime.fromtimestamp(seconds, UTC) if known else None
    if (found := _NAMED.search(stem)) is not None:
        year, month, day, _, hour, minute, second, zone = found.groups()
        where = UTC if zone == "Z" or _AUDIOMOTH_NAME.fullmatch(stem) else None
        made = _made(year, month, day, hour, minute, second, where)
        if made is None or zone in (None, "Z"):
            return made
        with suppress(ValueError):
            return datetime.fromisoformat(f"{made.isoformat()}{zone}")
    return None


def _made(
    year: str, month: str, day: str, hour: str, minute: str, second: str, zone: Any = None
) -> datetime | None:
    """Return the time that the digits are, or None if they are none."""
    numbers = map(int, (year, month, day, hour, minute, second))
    with suppress(ValueError):
        return _plausible(datetime(*numbers, tzinfo=zone))  # type: ignore[misc, arg-type]
    return None


def _plausible(found: datetime) -> datetime | None:
    return found if found.year in _YEARS else None
