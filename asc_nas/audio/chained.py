"""Ogg and FLAC files whose end says more than libsndfile does: cut off, or several in one."""

from pathlib import Path
from typing import BinaryIO

_HEADER = 27
"""Bytes of an Ogg page before the sizes of its parts."""
_LARGEST_PAGE = _HEADER + 255 + 255 * 255
_TAGS = 1 << 17
"""Bytes behind the audio that may be tags."""
_MOST_BLOCKS = 1000
"""Blocks of metadata that are looked at."""


def ends_inside_a_page(path: Path) -> bool:
    """Return whether an Ogg file's last page is incomplete, or is not marked as the last."""
    page = _last_page(path)
    if not page:
        return False
    if len(page) < _HEADER or len(page) < _HEADER + page[26]:
        return True
    return len(page) < _page_bytes(page) or not page[5] & 4


def holds_several(path: Path, kind: str, frames: int) -> bool:
    """Return whether a second recording follows the first, which alone libsndfile reads.

    Parameters
    ----------
    kind : a format as soundfile names it; of others than OGG and FLAC nothing is known
    frames : how long the first is
    """
    if kind == "OGG":
        last = _last_page(path)
        return len(last) >= _HEADER and last[14:18] not in _first_streams(path)
    return kind == "FLAC" and _more_than_announced(path, frames)


def _last_page(path: Path) -> bytes:
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - _LARGEST_PAGE))
        tail = file.read()
    page = tail[tail.rfind(b"OggS") :]
    return page if page.startswith(b"OggS") else b""


def _page_bytes(page: bytes) -> int:
    sizes = page[_HEADER : _HEADER + page[26]]
    return _HEADER + len(sizes) + sum(sizes)


def _first_streams(path: Path) -> set[bytes]:
    """Return the serial numbers of the streams that begin an Ogg file, side by side."""
    serials = set()
    with path.open("rb") as file:
        at = 0
        while (
            len(page := file.read(_HEADER + 255)) >= _HEADER and page[:4] == b"OggS" and page[5] & 2
        ):
            serials.add(page[14:18])
            at += _page_bytes(page)
            file.seek(at)
    return serials


def _more_than_announced(path: Path, frames: int) -> bool:
    """Return whether a FLAC file is larger than as many of its largest blocks as it announces."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(0)
        start = file.read(1 << 16)
        mark = start.find(b"fLaC") + 4
        block, largest = start[mark + 4 : mark + 6], start[mark + 11 : mark + 14]
        audio = _behind_metadata(file, mark)
    shortest, largest_bytes = int.from_bytes(block, "big"), int.from_bytes(largest, "big")
    if mark < 4 or not shortest or not largest_bytes:
        return False
    return size - audio > (frames // shortest + 1) * largest_bytes + _TAGS


def _behind_metadata(file: BinaryIO, at: int) -> int:
    for _ in range(_MOST_BLOCKS):
        file.seek(at)
        header = file.read(4)
        at += 4 + int.from_bytes(header[1:], "big")
        if len(header) < 4 or header[0] >= 0x80:
            break
    return at
