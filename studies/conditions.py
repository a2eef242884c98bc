"""What may happen to a recording before it is classified: the conditions of ``robustness.py``.

A change takes samples (channels, n) float32, full scale at 1, their rate in hertz and a random
generator, and returns samples and rate. `write_under` writes the file that is classified.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
from numpy.random import Generator
from numpy.typing import NDArray

Wave = NDArray[np.float32]
Change = Callable[[Wave, int, Generator], tuple[Wave, int]]

PCM16 = {"format": "WAV", "subtype": "PCM_16"}
FLOAT = {"format": "WAV", "subtype": "FLOAT"}  # nothing is clipped
DEVICE_DB, DEVICE_KNOTS = 12.0, 8


@dataclass(frozen=True)
class Condition:
    """A change, and how its result is stored.

    Attributes
    ----------
    name : str
    change : Change or None
        None is the file as it was published.
    encoding : dict
        What soundfile is told.
    random : bool
        Whether the generator is used, so that several draws differ.
    per_clip : bool
        Whether each clip has a draw of its own; otherwise one is shared by all, as one device is.
    """

    name: str
    change: Change | None
    encoding: dict[str, Any] = field(default_factory=lambda: PCM16)
    random: bool = False
    per_clip: bool = True


def write_under(condition: Condition, wave: Wave, rate: int, rng: Generator, folder: Path) -> Path:
    """Write a clip under a condition; return the file."""
    changed, new_rate = condition.change(wave, rate, rng)
    path = folder / f"clip.{condition.encoding['format'].lower()}"
    soundfile.write(path, changed.T, new_rate, **condition.encoding)
    return path


def unchanged(wave: Wave, rate: int, rng: Generator) -> tuple[Wave, int]:
    return wave, rate


def resampled(new_rate: int) -> Change:
    def change(wave, rate, rng):
        return soxr.resample(wave.T, rate, new_rate, quality="HQ").T, new_rate

    return change


def gain(db: float) -> Change:
    return lambda wave, rate, rng: (wave * np.float32(10 ** (db / 20)), rate)


def noise(snr_db: float, exponent: float) -> Change:
    """Add Gaussian noise whose power falls with frequency to the power of `exponent`.

    The ratio is that of mean powers over the whole clip, digital silence included.
    """

    def change(wave, rate, rng):
        channels, n = wave.shape
        added = rng.normal(size=(channels, _fft_length(n)))
        if exponent:
            spectrum = np.fft.rfft(added)
            bins = np.maximum(np.arange(spectrum.shape[1]), 1)
            added = np.fft.irfft(spectrum * bins ** (-exponent / 2))
        added = added[:, :n]
        wanted = (wave.astype(np.float64) ** 2).mean() / 10 ** (snr_db / 10)
        added *= np.sqrt(wanted / (added**2).mean())
        return (wave + added).astype(np.float32), rate

    return change


def device(wave: Wave, rate: int, rng: Generator) -> tuple[Wave, int]:
    """Filter with a microphone's frequency response: smooth, random, a range of `DEVICE_DB`.

    Random levels at `DEVICE_KNOTS` frequencies from 50 Hz to 16 kHz, evenly spaced in octaves,
    joined by half cosines, constant beyond; no phase shift. The response does not depend on the
    rate.
    """
    knots = np.linspace(np.log2(50), np.log2(16_000), DEVICE_KNOTS)
    levels = rng.uniform(size=DEVICE_KNOTS)
    levels = (levels - levels.min()) / np.ptp(levels) - 0.5
    length = _fft_length(wave.shape[1])
    frequencies = np.log2(np.maximum(np.fft.rfftfreq(length, 1 / rate), 1))
    place = np.clip(np.interp(frequencies, knots, np.arange(DEVICE_KNOTS)), 0, DEVICE_KNOTS - 1)
    below = np.minimum(place.astype(int), DEVICE_KNOTS - 2)
    weight = (1 - np.cos(np.pi * (place - below))) / 2
    response_db = DEVICE_DB * ((1 - weight) * levels[below] + weight * levels[below + 1])
    filtered = np.fft.irfft(np.fft.rfft(wave, length) * 10 ** (response_db / 20))
    return filtered[:, : wave.shape[1]].astype(np.float32), rate


def _fft_length(samples: int) -> int:
    """Return the next power of two: lengths with large prime factors are slow."""
    return 1 << (samples - 1).bit_length()


def loudest(seconds: float) -> Change:
    """Keep the part with the most energy."""

    def change(wave, rate, rng):
        n = round(seconds * rate)
        energy = np.cumsum(np.pad((wave.astype(np.float64) ** 2).sum(axis=0), (1, 0)))
        start = int(np.argmax(energy[n:] - energy[:-n]))
        return wave[:, start : start + n], rate

    return change


def any_part(seconds: float) -> Change:
    """Keep a part that begins anywhere."""

    def change(wave, rate, rng):
        n = round(seconds * rate)
        start = int(rng.integers(wave.shape[1] - n + 1))
        return wave[:, start : start + n], rate

    return change


def later(seconds: float, *, rolled: bool) -> Change:
    """Let the clip begin later, as long as before: after silence, or after its own end."""

    def change(wave, rate, rng):
        n = round(seconds * rate)
        moved = np.roll(wave, n, axis=1)
        if not rolled:
            moved[:, :n] = 0
        return moved, rate

    return change


def _vorbis(quality: float) -> Condition:
    encoding = {"format": "OGG", "subtype": "VORBIS", "compression_level": 1 - quality}
    return Condition(f"Ogg Vorbis, quality {quality:g}", unchanged, encoding)


def _mp3(kilobits: int) -> Condition:
    level = min(0.99, (320 - kilobits) / (320 - 32))  # libsndfile refuses 1
    encoding = {"format": "MP3", "subtype": "MPEG_LAYER_III", "compression_level": level}
    return Condition(f"MP3, {kilobits} kbit/s", unchanged, encoding | {"bitrate_mode": "CONSTANT"})


def _moved(seconds: float, rolled: bool) -> Condition:
    what = "rolled" if rolled else "silence first"
    return Condition(f"{seconds:g} s later, {what}", later(seconds, rolled=rolled))


CLEAN = Condition("clean", None)
CONDITIONS = (
    CLEAN,
    *(
        Condition(f"{rate / 1000:g} kHz", resampled(rate))
        for rate in (8000, 11_025, 16_000, 22_050, 44_100, 48_000)
    ),
    *map(_vorbis, (0, 0.1, 0.3)),
    *map(_mp3, (32, 64, 128)),
    *(Condition(f"gain {db:+g} dB", gain(db)) for db in (-30, -20, -10, 10)),
    *(
        Condition(f"{colour} noise, {snr} dB", noise(snr, exponent), FLOAT, random=True)
        for colour, exponent in (("white", 0), ("pink", 1))
        for snr in (20, 10, 0)
    ),
    Condition("another microphone", device, FLOAT, random=True, per_clip=False),
    Condition("loudest second", loudest(1)),
    Condition("any second", any_part(1), random=True),
    *(_moved(seconds, rolled) for rolled in (False, True) for seconds in (0.5, 1)),
)
