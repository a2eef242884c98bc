"""Read recordings: decode with libsndfile, resample with the SoX resampler, refuse what is broken.

Every problem is an `AudioError`, one sentence with the file, what is wrong and what to do.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from asc_nas.audio.chained import ends_inside_a_page, holds_several
from asc_nas.audio.true_length import SHORTFALL_SECONDS, Corrected, correction, is_unknown
from asc_nas.core.errors import AscNasError

AUDIO_SUFFIXES = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff")
"""Endings, in lower case, of the files that are taken for audio in a folder."""

LOWEST_RATE, HIGHEST_RATE, MOST_CHANNELS = 100, 10_000_000, 256
"""Rates in hertz, and channels, beyond which a header is not believed: a file of 1 Hz and a few
kilobytes would be hours of sound."""
BLOCK_VALUES = 1 << 20
"""Samples of all channels that are decoded, or resampled, together."""

_SIZES = re.compile(
    r"^ *(?:data|SSND|Data Size|riff|Riff size) *: (\d+) \(should be (\d+)\)", re.MULTILINE
)
"""Where libsndfile says that a WAV, AIFF, AU, W64 or RF64 file is cut off."""


class AudioError(AscNasError):
    """A recording is missing, is not audio, or is damaged."""


@dataclass(frozen=True)
class AudioInfo:
    """Rate in hertz, number of channels, length in seconds."""

    sample_rate: int
    channels: int
    seconds: float


def audio_info(path: Path | str) -> AudioInfo:
    """Return rate, channels and length, without decoding the audio where a header tells it.

    Damage that only decoding shows (a cut FLAC file, NaN) is found by `load_audio`.

    Raises
    ------
    AudioError
        If the file is missing, cannot be opened, is not audio, is empty or is cut off.
    """
    with open_audio(Path(path)) as audio:
        return AudioInfo(audio.samplerate, audio.channels, audio.frames / audio.samplerate)


def load_audio(
    path: Path | str, sample_rate: int, start: float = 0.0, duration: float = 0.0
) -> NDArray[np.float32]:
    """Decode a recording, or a part of it, at the given rate.

    Parameters
    ----------
    sample_rate : int
        Hertz of the result; resampled at soxr's HQ quality where the file has another rate.
    start : float
        Seconds from the file's beginning.
    duration : float
        Seconds at most; 0 means to the file's end.

    Returns
    -------
    wave : (channels, samples) float32
        Full scale is 1; lossy files and resampling may exceed it, nothing is clipped.

    Raises
    ------
    AudioError
        As for `audio_info`; also if decoding fails or ends early, if a sample is NaN or infinite,
        or if `start` lies behind the file's end.
    """
    path = Path(path)
    with open_audio(path) as audio:
        rate = audio.samplerate
        first = round(start * rate)
        if not 0 <= first < audio.frames:
            raise AudioError(
                f"{path}: the part from {start:g} s on lies outside the recording, which has "
                f"{audio.frames / rate:.2f} s; correct its start."
            )
        wanted = audio.frames - first
        if duration > 0:
            wanted = min(wanted, max(1, round(duration * rate)))
        if first:
            audio.seek(first)
        wave = audio.read(wanted, dtype="float32", always_2d=True)
    if len(wave) < wanted - SHORTFALL_SECONDS * rate or not len(wave):
        raise _cut_off(path, f"{len(wave) / rate:.2f} of {wanted / rate:.2f} s")
    if not np.isfinite(wave).all():
        raise _not_finite(path)
    if rate != sample_rate:
        wave = soxr.resample(wave, rate, sample_rate, quality="HQ")
        if not len(wave):
            raise AudioError(f"{path}: too short to be resampled to {sample_rate} Hz; remove it.")
    return np.ascontiguousarray(wave.T)


def audio_blocks(path: Path | str, frames: int = 65_536) -> Iterator[NDArray[np.float32]]:
    """Decode a recording block by block, at its own rate, so that its length costs no memory.

    Parameters
    ----------
    frames : int
        Samples per channel of a block, fewer where there are many channels; the last is shorter.

    Yields
    ------
    block : (channels, at most `frames`) float32
        Together what `load_audio` gives at the file's own rate (of MP3, but for rounding). A view
        of samples that lie as in the file, channel by channel, which is what the resampler takes.

    Raises
    ------
    AudioError
        As `load_audio`; what only decoding shows (a file that ends early, NaN) when it is reached.
    """
    path = Path(path)
    with open_audio(path) as audio:
        found, announced, rate = 0, audio.frames, audio.samplerate
        frames = min(frames, max(1, BLOCK_VALUES // audio.channels))
        while len(block := audio.read(frames, dtype="float32", always_2d=True)):
            found += len(block)
            if not np.isfinite(block).all():
                raise _not_finite(path)
            yield block.T
    if found < announced - SHORTFALL_SECONDS * rate or not found:
        raise _cut_off(path, f"{found / rate:.2f} of {announced / rate:.2f} s")


@contextmanager
def open_audio(path: Path) -> Iterator[soundfile.SoundFile]:
    """Open an audio file that has audio in it; turn every failure inside into an `AudioError`.

    Its length is the true one, and what it is called or lies beside does not matter.
    """
    try:
        _check_is_file(path)
        # By a descriptor, as by a name libsndfile takes `._x` for the resource fork of `x`.
        with path.open("rb") as file, soundfile.SoundFile(file.fileno(), closefd=False) as audio:
            _check_header(path, audio)
            better = correction(path, audio)
            if better is None:
                _check_complete(path, audio)
                yield audio
                return
        if better.cut_off:
            raise _cut_off(path, better.cut_off)
        with (
            path.open("rb") as source,
            soundfile.SoundFile(Corrected(source, better.head, better.skip)) as audio,
        ):
            _check_complete(path, audio)
            yield audio
    except (soundfile.LibsndfileError, RuntimeError) as error:
        reason = getattr(error, "error_string", str(error)).removeprefix("Error : ").rstrip(". ")
        raise AudioError(
            f"{path}: not readable as audio ({reason}); convert it to WAV or FLAC, or remove it."
        ) from error
    except OSError as error:
        raise _not_opened(path, error) from error


def _check_is_file(path: Path) -> None:
    if path.is_dir():
        why = "is a folder, not an audio file; name a file in it."
        closed = "a folder that cannot be searched (permission denied); check its permissions."
        raise AudioError(f"{path}: {why if os.access(path, os.R_OK | os.X_OK) else closed}")
    if path.exists() and not path.is_file():
        raise AudioError(f"{path}: is a pipe or a device, not a file; write its audio to a file.")
    try:
        with path.open("rb") as handle:
            empty = not handle.read(1)
    except FileNotFoundError as error:
        raise AudioError(f"{path}: no such audio file; check the path.") from error
    if empty:
        raise AudioError(f"{path}: the file is empty; get it again or remove it.")


def _check_header(path: Path, audio: soundfile.SoundFile) -> None:
    """Refuse what no recording is, before anything is decoded, resampled or allocated."""
    for what, said, least, most in (
        ("samples a second", audio.samplerate, LOWEST_RATE, HIGHEST_RATE),
        ("channels", audio.channels, 1, MOST_CHANNELS),
    ):
        if not least <= said <= most:
            raise AudioError(
                f"{path}: announces {said:,} {what}, where {least:,} to {most:,} can be read; "
                "write it anew, or remove it."
            )


def _check_complete(path: Path, audio: soundfile.SoundFile) -> None:
    """Refuse a file without samples, and one that ends before its header says it does."""
    if audio.frames < 1:
        raise AudioError(f"{path}: holds no audio (zero length); get it again or remove it.")
    log = audio.extra_info  # libsndfile says only here that a file is cut off
    for size in _SIZES.finditer(log):
        said, found = int(size[1]), int(size[2])
        lost = (said / found - 1) * audio.frames if 0 < found < said else 0
        if lost > SHORTFALL_SECONDS * audio.samplerate and not is_unknown(said):
            raise _cut_off(path, f"{found:,} of {said:,} bytes")
    if "lacks an end-of-stream bit" in log or (
        "Ogg: Junk after the last page" in log and ends_inside_a_page(path)
    ):
        raise _cut_off(path, "its last page is missing")
    if holds_several(path, audio.format, audio.frames):
        raise AudioError(
            f"{path}: holds more than its header says, or several recordings, of which only the "
            "first can be read; write it anew, as with ffmpeg -i FILE NEW.wav."
        )


def _not_opened(path: Path, error: OSError) -> AudioError:
    reason = (error.strerror or "input/output error").lower()
    return AudioError(f"{path}: cannot be opened ({reason}); check its permissions.")


def _cut_off(path: Path, detail: str) -> AudioError:
    return AudioError(f"{path}: the file is cut off ({detail}); get it again or remove it.")


def _not_finite(path: Path) -> AudioError:
    return AudioError(f"{path}: contains NaN or infinite samples; write the recording again.")
