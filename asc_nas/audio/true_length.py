"""Lengths that a header gets wrong: unknown when it was written (a pipe), or guessed (MP3).

libsndfile believes the header, and its own guess for an MP3 file that has none. Here the true
length is found; `Corrected` is the same audio behind a header that says it.
"""

import io
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

import soundfile

from asc_nas.audio.mp3 import count_frames

SHORTFALL_SECONDS = 0.1
"""How much less audio than announced is still taken as complete (encoders pad and trim)."""
_UNKNOWN = (0x7F000008, 0x7FFFF000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
"""Sizes, less up to 255 bytes, that writers announce where they cannot know."""
_MOST_CHUNKS = 1000
"""Chunks before the data that are looked at."""
_FLAC_LENGTH = slice(18, 26)
"""In a FLAC file: 28 bits of something else, then 36 of the number of samples; 0 is unknown."""


class Corrected(io.RawIOBase):
    """A file with another beginning.

    Parameters
    ----------
    file : the file, open for this alone
    head : bytes
        What is read in place of its first bytes.
    skip : int
        How many these are.
    """

    def __init__(self, file: BinaryIO, head: bytes, skip: int) -> None:
        self._file, self._head, self._skip, self._at = file, head, skip, 0

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to a place, and return it."""
        length = len(self._head) - self._skip + self._file.seek(0, io.SEEK_END)
        self._at = offset + (0, self._at, length)[whence]
        return self._at

    def tell(self) -> int:
        """Return the place."""
        return self._at

    def readinto(self, buffer: Any, /) -> int:
        """Fill a buffer as far as the file reaches; return the number of bytes."""
        view = memoryview(buffer).cast("B")
        head = self._head[self._at : self._at + len(view)]
        view[: len(head)] = head
        done = len(head)
        if done < len(view):
            self._file.seek(self._at + done - len(self._head) + self._skip)
            done += self._file.readinto(view[done:])  # type: ignore[attr-defined]
        self._at += done
        return done


@dataclass(frozen=True)
class Correction:
    """A header that says the truth, as `Corrected` takes it; or how much is missing.

    Attributes
    ----------
    head : bytes
    skip : int
    cut_off : str
        What the file has of what it announces, if it ends too early; else empty.
    """

    head: bytes = b""
    skip: int = 0
    cut_off: str = ""


def is_unknown(size: int) -> bool:
    """Return whether a number of bytes in a header stands for "unknown"."""
    return size >= 1 << 62 or any(0 <= mark - size < 256 for mark in _UNKNOWN)


def correction(path: Path, audio: soundfile.SoundFile) -> Correction | None:
    """Return what is wrong with the length that libsndfile tells of a file, or None."""
    if audio.format not in ("MP3", "FLAC", "WAV", "WAVEX", "RF64"):
        return None
    found = path.stat()
    return _correction(
        path, (found.st_size, found.st_mtime_ns), audio.format, audio.frames, audio.samplerate
    )


# A long recording is opened once for every clip that was cut from it.
@lru_cache(maxsize=64)
def _correction(
    path: Path, version: tuple[int, int], kind: str, frames: int, rate: int
) -> Correction | None:
    with path.open("rb", buffering=1 << 18) as file:
        if kind == "MP3":
            return _of_mp3(file, frames, rate)
        if kind == "FLAC":
            return _of_flac(file) if frames >= 1 << 36 else None
        return _of_riff(file, version[0])


def _of_mp3(file: BinaryIO, frames: int, rate: int) -> Correction | None:
    counted = count_frames(file)
    if counted is None:
        return None
    length = counted.count * counted.samples
    # What an announced length leaves out is silence that encoders add, of up to three frames.
    slack = SHORTFALL_SECONDS * rate + counted.announced * 3 * counted.samples
    if abs(length - frames) <= slack:
        return None
    if counted.announced and length < frames:
        return Correction(cut_off=f"{length / rate:.2f} of {frames / rate:.2f} s")
    return Correction(counted.info_frame(), counted.first)


class _ToItsEnd(soundfile.SoundFile):
    """A file that is read to its end, not to its announced length."""

    def seekable(self) -> bool:
        """Say no, so that reading neither stops at that length nor seeks."""
        return False


def _of_flac(file: BinaryIO) -> Correction | None:
    start = file.read(1 << 16)
    mark = start.find(b"fLaC")
    if mark < 0:
        return None
    file.seek(0)
    frames = 0
    with _ToItsEnd(file) as audio:
        while found := len(audio.read(1 << 16, dtype="int32", always_2d=True)):
            frames += found
    head = bytearray(start[: mark + _FLAC_LENGTH.stop])
    place = slice(mark + _FLAC_LENGTH.start, mark + _FLAC_LENGTH.stop)
    others = int.from_bytes(head[place], "big") >> 36 << 36
    head[place] = (others | min(frames, (1 << 36) - 1)).to_bytes(8, "big")
    return Correction(bytes(head), len(head))


def _of_riff(file: BinaryIO, size: int) -> Correction | None:
    """Look for audio that lies behind the announced end of the data, unless a chunk does."""
    form = file.read(12)[:4]
    order: Any = "big" if form == b"RIFX" else "little"
    ds64 = -1
    for _ in range(_MOST_CHUNKS):
        chunk = file.read(8)
        said, start = int.from_bytes(chunk[4:], order), file.tell()
        if chunk[:4] == b"ds64":
            ds64 = start
        if chunk[:4] == b"data":
            break
        file.seek(start + said + said % 2)
    else:
        return None
    if ds64 >= 0 and said == 0xFFFFFFFF:  # RF64
        file.seek(ds64 + 8)
        said = int.from_bytes(file.read(8), order)
    behind = size - start - said
    if behind <= said or is_unknown(said):
        return None
    file.seek(start + said + said % 2)
    following = file.read(8)
    if _is_chunk(following, order, behind):
        return None
    file.seek(0)
    head = bytearray(file.read(start))
    if ds64 >= 0:
        head[ds64 + 8 : ds64 + 16] = (size - start).to_bytes(8, order)
    else:
        head[start - 4 : start] = b"\xff\xff\xff\xff"
    return Correction(bytes(head), start)


def _is_chunk(header: bytes, order: Any, room: int) -> bool:
    name, size = header[:4], int.from_bytes(header[4:], order)
    return len(header) == 8 and all(0x20 <= byte < 0x7F for byte in name) and size <= room
