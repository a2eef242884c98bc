"""Raw PCM, as it comes through a pipe: bytes in, samples out."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from asc_nas.core.errors import UsageError, closest
from asc_nas.runtime.containers import needs_more, why_not_pcm

CHUNK_BYTES = 65_536
"""Read at most at a time: as much as a pipe holds."""


def read_pcm(
    read: Callable[[int], bytes], sample_format: str, channels: int, say: Callable[[str], None]
) -> Iterator[NDArray[np.float32]]:
    """Decode interleaved PCM until it ends.

    Parameters
    ----------
    read : callable
        Returns up to so many bytes as soon as there are any, and none at the end.
    sample_format : str
        A name of `FORMATS`.
    channels : int
    say : callable
        Told, in a sentence, of bytes at the end that are not a whole frame.

    Yields
    ------
    wave : (channels, n) float32
        Full scale is 1. To the bit what `asc_nas.audio.io` gives for a file of these samples.

    Raises
    ------
    UsageError
        If there is no such format, or the bytes begin as an audio file or a text does.
    """
    if sample_format not in FORMATS:
        raise UsageError(
            f"no PCM format '{sample_format}'; choose one of {', '.join(FORMATS)}."
            + closest(sample_format, FORMATS)
        )
    width, decode = FORMATS[sample_format]
    frame = width * channels
    return _frames(read, frame, decode, channels, say)


def _frames(
    read: Callable[[int], bytes],
    frame: int,
    decode: Callable[[bytes], NDArray[np.float32]],
    channels: int,
    say: Callable[[str], None],
) -> Iterator[NDArray[np.float32]]:
    data, more = b"", b"..."
    while more and (not data or needs_more(data)):
        more = read(CHUNK_BYTES)
        data += more
    if reason := why_not_pcm(data):
        raise UsageError(reason)
    rest = b""
    while data:
        data = rest + data
        whole = len(data) // frame * frame
        rest = data[whole:]
        if whole:
            yield decode(data[:whole]).reshape(-1, channels).T
        data = read(CHUNK_BYTES) if more else b""
    if rest:
        say(f"the input ends inside a frame ({len(rest)} of {frame} bytes); these are left out.")


def _s16(data: bytes) -> NDArray[np.float32]:
    return np.frombuffer(data, "<i2").astype(np.float32) / np.float32(2**15)


def _s24(data: bytes) -> NDArray[np.float32]:
    wide = np.zeros((len(data) // 3, 4), np.uint8)
    wide[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
    return _s32(wide.tobytes())


def _s32(data: bytes) -> NDArray[np.float32]:
    return np.frombuffer(data, "<i4").astype(np.float32) / np.float32(2**31)


def _f32(data: bytes) -> NDArray[np.float32]:
    return np.frombuffer(data, "<f4").astype(np.float32)


FORMATS: dict[str, tuple[int, Callable[[bytes], NDArray[np.float32]]]] = {
    "s16le": (2, _s16),
    "s24le": (3, _s24),
    "s32le": (4, _s32),
    "f32le": (4, _f32),
}
"""Bytes per sample, and how they are decoded."""
