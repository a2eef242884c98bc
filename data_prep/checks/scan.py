"""One clip's audio: whether it decodes, and what must be known to compare it with the others.

A recording is decoded block by block, so that a long one needs no more memory than a short one.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from asc_nas.audio.io import AudioError, open_audio

BLOCK = 1 << 16
"""Samples per channel that are decoded together."""
FULL_SCALE = 0.9999
"""Absolute value from which a sample counts as being at full scale (16 bit reach 0.99997)."""
FULL_SCALE_8_BIT = 0.99
SHORTFALL_SECONDS = 0.1
"""How much less audio than announced is still taken as complete (encoders pad and trim)."""


@dataclass(frozen=True)
class ScanTask:
    """A part of a file to look at: place in the manifest, file, start and duration in seconds."""

    number: int
    path: Path
    start: float
    duration: float


@dataclass(frozen=True)
class Broken:
    """A clip that cannot be used: the check that it fails, and why."""

    check: str
    message: str


@dataclass(frozen=True)
class Scan:
    """What a clip that decodes is like.

    Attributes
    ----------
    sample_rate : int
        Hertz.
    channels : int
    seconds : float
        Length of the clip.
    peak : float
        Largest absolute sample, full scale 1.
    clipped : float
        Share of the samples at full scale.
    finite : bool
        Whether no sample is NaN or infinite.
    digest : bytes
        Hash of rate, channels and decoded samples.
    """

    sample_rate: int
    channels: int
    seconds: float
    peak: float
    clipped: float
    finite: bool
    digest: bytes


def scan_clip(task: ScanTask) -> Scan | Broken:
    """Decode a clip from its start to its end."""
    if not task.path.exists():
        return Broken("missing", f"{task.path}: no such audio file; get it or exclude the clip.")
    try:
        with open_audio(task.path) as audio:
            return _scan(task, audio)
    except AudioError as error:
        return Broken(_kind(str(error)), str(error))


def _kind(message: str) -> str:
    if "is cut off" in message:
        return "truncated"
    return "empty" if "zero length" in message or "file is empty" in message else "unreadable"


def _scan(task: ScanTask, audio: soundfile.SoundFile) -> Scan | Broken:
    rate = audio.samplerate
    first = round(task.start * rate)
    if not 0 <= first < audio.frames:
        return Broken(
            "empty",
            f"{task.path}: the part from {task.start:g} s on lies outside the recording, which has "
            f"{audio.frames / rate:.2f} s; correct its start or exclude it.",
        )
    wanted = audio.frames - first
    if task.duration > 0:
        wanted = min(wanted, max(1, round(task.duration * rate)))
    if first:
        audio.seek(first)
    eight_bit = audio.subtype in ("PCM_S8", "PCM_U8")
    full_scale = FULL_SCALE_8_BIT if eight_bit else FULL_SCALE
    digest = hashlib.blake2b(f"{rate} {audio.channels} ".encode(), digest_size=16)
    done, clipped, peak, finite = 0, 0, 0.0, True
    while done < wanted:
        block = audio.read(min(BLOCK, wanted - done), dtype="float32", always_2d=True)
        if not len(block):
            break
        done += len(block)
        digest.update(block.tobytes())
        size = np.abs(block)
        clipped += int((size >= full_scale).sum())
        peak = max(peak, float(size.max()))
        finite = finite and bool(np.isfinite(size).all())
    if done < wanted - SHORTFALL_SECONDS * rate or not done:
        return Broken(
            "truncated",
            f"{task.path}: the file is cut off or damaged ({done / rate:.2f} of "
            f"{wanted / rate:.2f} s can be decoded); get it again or exclude it.",
        )
    share = clipped / (done * audio.channels)
    return Scan(rate, audio.channels, done / rate, peak, share, finite, digest.digest())
