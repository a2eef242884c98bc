"""The frames of an MP3 file: how long it is, whatever its header says or leaves out."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import BinaryIO

_KBPS = {
    True: (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    False: (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
"""Bit rates of MPEG-1, and of MPEG-2 and 2.5, from index 1 on."""
_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
"""Hertz by the version bits of a header."""
_INFO_BITRATE = 9
"""Index of a bit rate whose frames are large enough for the tag."""
_TAGS = (b"ID3", b"TAG", b"APE")
_SYNC = re.compile(rb"\xff[\xe2\xe3\xf2\xf3\xfa\xfb]")
"""How a header of layer III begins."""
_SEARCHED = 1 << 16  # bytes read at a time where a frame is looked for


@dataclass(frozen=True)
class Frames:
    """What was counted.

    Attributes
    ----------
    first : int
        Place in the file of the first frame with audio.
    header : bytes
        Its header.
    count : int
        Whole frames with audio.
    samples : int
        Samples per channel in a frame.
    announced : bool
        Whether the file begins with a frame that says its length (Xing, Info or VBRI).
    """

    first: int
    header: bytes
    count: int
    samples: int
    announced: bool

    def info_frame(self) -> bytes:
        """Return a frame to put before the first one, which says how many there are."""
        _, second, third, fourth = self.header
        header = bytes((0xFF, second | 1, _INFO_BITRATE << 4 | third & 0x0C, fourth))
        tag = b"Info" + (1).to_bytes(4, "big") + self.count.to_bytes(4, "big")
        frame = header + bytes(_side_bytes(header)) + tag
        return frame.ljust(_size(header), b"\0")


def count_frames(file: BinaryIO) -> Frames | None:
    """Count the frames of an MP3 file from its beginning to its end; None if there are none.

    What lies between frames (tags, other bytes) is passed over.
    """
    at = _next(file, 0, None)
    if at is None:
        return None
    file.seek(at)
    header = file.read(4)
    start = file.read(_side_bytes(header) + 36)
    announced = any(tag in start for tag in (b"Xing", b"Info", b"VBRI"))
    first = at + _size(header) if announced else at
    end = file.seek(0, 2)
    count, place = 0, first
    while place + 4 <= end:
        file.seek(place)
        found = file.read(4)
        size = _size(found) if _alike(found, header) else 0
        if place + size > end:
            break
        if size:
            count += 1
            place += size
        elif (resumed := _next(file, place, header)) is not None:
            place = resumed
        else:
            break
    return Frames(first, header, count, 1152 if _is_mpeg1(header) else 576, announced)


def _next(file: BinaryIO, at: int, like: bytes | None) -> int | None:
    """Return where the next frame begins that another one, or the file's end, follows."""
    end = file.seek(0, 2)
    while at + 4 <= end:
        file.seek(at)
        if (tag := file.read(10))[:3] == b"ID3" and len(tag) == 10:
            at += 10 + sum((byte & 0x7F) << 7 * (3 - i) for i, byte in enumerate(tag[6:]))
            continue
        block = tag + file.read(_SEARCHED)
        for found in _SYNC.finditer(block):
            place = found.start()
            header = block[place : place + 4]
            if size := _size(header) if like is None or _alike(header, like) else 0:
                file.seek(at + place + size)
                follows = file.read(4)
                if len(follows) < 4 or _alike(follows, header) or follows[:3] in _TAGS:
                    return at + place
        at += len(block) - 3
    return None


def _is_mpeg1(header: bytes) -> bool:
    return header[1] & 0x18 == 0x18


def _side_bytes(header: bytes) -> int:
    mono = header[3] >> 6 == 3
    return (17 if mono else 32) if _is_mpeg1(header) else (9 if mono else 17)


def _alike(header: bytes, other: bytes) -> bool:
    """Return whether two headers are of one version, layer and rate, as in one file."""
    return (
        len(header) == 4
        and header[0] == 0xFF
        and header[1] | 1 == other[1] | 1
        and not (header[2] ^ other[2]) & 0x0C
        and _size(header) > 0
    )


def _size(header: bytes) -> int:
    """Return the bytes of the layer III frame that a header begins, or 0 if it begins none."""
    return _size_of(header[1], header[2]) if len(header) == 4 and header[0] == 0xFF else 0


@lru_cache(maxsize=1 << 12)
def _size_of(second: int, third: int) -> int:
    rates, bitrate, rate = _RATES.get(second >> 3 & 3), third >> 4, third >> 2 & 3
    if second & 0xE6 != 0xE2 or rates is None or rate == 3 or bitrate in (0, 15):
        return 0
    mpeg1 = second & 0x18 == 0x18
    kilobits = _KBPS[mpeg1][bitrate - 1]
    return (144_000 if mpeg1 else 72_000) * kilobits // rates[rate] + (third >> 1 & 1)
