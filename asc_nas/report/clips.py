"""Spectrograms and recordings, small enough to stand inside a page."""

import base64
import io
from pathlib import Path

import numpy as np
import soundfile
from matplotlib import colormaps
from matplotlib.image import imsave
from numpy.typing import NDArray

from asc_nas.audio.io import load_audio
from asc_nas.audio.signal import first_heard
from asc_nas.data.manifest import Clip

SECONDS = 5.0
SAMPLE_RATE = 16000
PEAK = 0.7
"""Peak of an embedded recording before coding, -3 dBFS: many scenes are too quiet to hear."""


def spectrogram_png(log_mel: NDArray[np.floating]) -> bytes:
    """Return a log-mel (mels, frames) in dB as PNG, a pixel per value, low bands at the bottom."""
    picture = io.BytesIO()
    values = np.asarray(log_mel, dtype=np.float32)[::-1]
    low, high = np.percentile(values, (2, 99.8))
    high = max(high, low + 1e-3)
    shade = np.clip((values - low) / (high - low), 0, 1)
    imsave(picture, colormaps["magma"](shade), format="png", metadata={"Software": ""})
    return picture.getvalue()


def audio_ogg(path: Path, clip: Clip) -> bytes:
    """Return the first `SECONDS` of a clip's first heard channel as Ogg Vorbis, its peak at `PEAK`.

    Raises
    ------
    AudioError
        If the recording is missing or damaged.
    """
    seconds = min(clip.duration or SECONDS, SECONDS)
    wave = first_heard(load_audio(path, SAMPLE_RATE, clip.start, seconds))
    loudest = float(np.abs(wave).max())
    if loudest > 0:
        wave = wave * (PEAK / loudest)
    encoded = io.BytesIO()
    # A second at a time: libsndfile's Vorbis encoder needs stack in proportion to what it is given.
    with soundfile.SoundFile(
        encoded, "w", SAMPLE_RATE, 1, format="OGG", subtype="VORBIS", compression_level=0.8
    ) as file:
        for first in range(0, len(wave), SAMPLE_RATE):
            file.write(wave[first : first + SAMPLE_RATE])
    return encoded.getvalue()


def data_uri(content: bytes, kind: str) -> str:
    """Return a ``data:`` URI of the media type `kind`."""
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
