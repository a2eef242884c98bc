"""Building blocks of the sources: shaped noise, level, table oscillators, events placed in time."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

RATE = 16_000  # samples per second
Signal = NDArray[np.float32]
Curve = Sequence[tuple[float, float]]  # (Hz, dB) knots, joined by lines over log-frequency


def gains(curve: Curve, bins: int) -> Signal:
    """Return the amplitude of `curve` at `bins` frequencies from 0 to 8 kHz: (bins,)."""
    hertz = np.log(np.maximum(np.linspace(0, RATE / 2, bins), 20.0))
    knots = np.array(curve, dtype=float)
    decibels = np.interp(hertz, np.log(knots[:, 0]), knots[:, 1])
    return (10 ** (decibels / 20)).astype(np.float32)


def random_curve(
    rng: np.random.Generator, slope: float, ripple: float
) -> list[tuple[float, float]]:
    """Return a random smooth spectrum: `slope` dB per octave and knots of `ripple` dB deviation."""
    hertz = np.geomspace(40, 8000, 9)
    decibels = slope * np.log2(hertz / 500) + rng.normal(0, ripple, 9)
    return list(zip(hertz.tolist(), decibels.tolist(), strict=True))


def noise(rng: np.random.Generator, samples: int, curve: Curve) -> Signal:
    """Return Gaussian noise with the spectrum `curve` and unit RMS: (samples,)."""
    bins = samples // 2 + 1
    parts = rng.standard_normal((bins, 2), dtype=np.float32)
    spectrum = parts.view(np.complex64)[:, 0] * gains(curve, bins)
    spectrum[0] = 0
    return unit_rms(np.fft.irfft(spectrum, samples).astype(np.float32))


def filtered(signal: Signal, curve: Curve) -> Signal:
    """Return `signal` (..., samples) with zero-phase gain `curve`."""
    samples = signal.shape[-1]
    spectrum = np.fft.rfft(signal) * gains(curve, samples // 2 + 1)
    return np.fft.irfft(spectrum, samples).astype(np.float32)


def unit_rms(signal: Signal) -> Signal:
    """Return `signal` scaled to an RMS of one; silence stays silence."""
    rms = float(np.sqrt(np.mean(np.square(signal))))
    return signal / np.float32(rms) if rms > 0 else signal


def unit_active(signal: Signal, frame: int = 320) -> Signal:
    """Return `signal` scaled so that its active 20 ms frames have an RMS of one.

    A frame is active within 20 dB of the loudest; sparse events are so as loud as dense ones.
    """
    usable = signal[: len(signal) // frame * frame].reshape(-1, frame)
    power = np.mean(np.square(usable), axis=1)
    peak = float(power.max(initial=0))
    if peak == 0:
        return signal
    return signal / np.float32(np.sqrt(power[power > 0.01 * peak].mean()))


def slow(rng: np.random.Generator, samples: int, seconds: float) -> Signal:
    """Return a smooth random walk around 0 with unit deviation at knots every `seconds`."""
    knots = max(int(samples / RATE / seconds) + 2, 4)
    values = rng.standard_normal(knots)
    return np.interp(np.linspace(0, knots - 1, samples), np.arange(knots), values).astype(
        np.float32
    )


def waveform(amplitudes: NDArray[np.float64], phases: NDArray[np.float64]) -> Signal:
    """Return one period of a harmonic sum as a table of 2048 samples; harmonic 1 comes first."""
    spectrum = np.zeros(1025, dtype=np.complex128)
    spectrum[1 : 1 + len(amplitudes)] = amplitudes * np.exp(1j * phases)
    return (np.fft.irfft(spectrum) * 1024).astype(np.float32)


def oscillate(table: Signal, hertz: Signal, start: float = 0.0) -> Signal:
    """Return the table read at the instantaneous frequency `hertz` (..., samples)."""
    phase = np.cumsum(hertz.astype(np.float64), axis=-1) / RATE + start
    return table[(phase * 2048).astype(np.int64) & 2047]


def placed(frames: Signal, onsets: NDArray[np.int64], samples: int) -> Signal:
    """Return the sum of `frames` (events, length), each begun at its onset: (samples,)."""
    out = np.zeros(samples + frames.shape[-1], dtype=np.float32)
    for frame, onset in zip(frames, onsets, strict=True):
        out[onset : onset + len(frame)] += frame
    return out[:samples]


def poisson(rng: np.random.Generator, samples: int, per_second: float) -> NDArray[np.int64]:
    """Return onsets of a Poisson process, at least one, in order."""
    count = max(int(rng.poisson(per_second * samples / RATE)), 1)
    return np.sort(rng.integers(0, samples, count))
