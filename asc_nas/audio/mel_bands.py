"""The fixed parts of the log-mel transform: the window and the mel bands.

The mel scale and the filters are those of M. Slaney, Auditory Toolbox, Technical Report 1998-010.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

BANDS_AT_ONCE = 8
"""Bands of a group: more need fewer products, fewer hold fewer zeros."""

_LINEAR_STEP, _BREAK_HERTZ, _BREAK_MEL, _LOG_STEP = 200 / 3, 1000.0, 15.0, np.log(6.4) / 27


@lru_cache(maxsize=16)
def hann_window(length: int, n_fft: int) -> NDArray[np.float64]:
    """Return the periodic Hann window of `length`, centred in zeros: (n_fft,) float64."""
    phase = 2 * np.pi * np.arange(length) / length
    before = (n_fft - length) // 2
    window = np.zeros(n_fft)
    window[before : before + length] = 0.5 - 0.5 * np.cos(phase)
    window.flags.writeable = False
    return window


def filter_bank(
    sample_rate: int, n_fft: int, n_mels: int, fmin: float, fmax: float
) -> NDArray[np.float32]:
    """Return triangular filters of unit area in hertz, (mels, 1 + n_fft / 2) float32."""
    bins = np.linspace(0, sample_rate / 2, 1 + n_fft // 2)
    low, high = _hertz_to_mel(np.array([fmin, fmax]))
    edges = _mel_to_hertz(np.linspace(low, high, n_mels + 2))
    width = np.diff(edges)
    ramps = edges[:, None] - bins
    rising = -ramps[:-2] / width[:-1, None]
    falling = ramps[2:] / width[1:, None]
    area = (edges[2:] - edges[:-2])[:, None] / 2
    return (np.maximum(0, np.minimum(rising, falling)) / area).astype(np.float32)


def centre_frequencies(n_mels: int, fmin: float, fmax: float) -> NDArray[np.float64]:
    """Return the frequency in hertz at which each filter peaks, (mels,) float64."""
    low, high = _hertz_to_mel(np.array([fmin, fmax]))
    return _mel_to_hertz(np.linspace(low, high, n_mels + 2))[1:-1]


@lru_cache(maxsize=16)
def mel_bands(
    sample_rate: int, n_fft: int, n_mels: int, fmin: float, fmax: float
) -> tuple[tuple[slice, slice, NDArray[np.float32]], ...]:
    """Return the filter bank in groups of neighbouring bands, without most of its zeros.

    A product with one group is so small that BLAS computes it on one core, and so its sums do not
    depend, down to the last bit, on how many cores there are.

    Returns
    -------
    groups : tuple of (bands, parts, weights)
        The bands of the group, the numbers of the spectrum that it uses, and the weight of each
        in each band, (bands, parts) float32. Parts are the squared real and imaginary parts of
        each bin, in turns, and so every weight is there twice.
    """
    bank = filter_bank(sample_rate, n_fft, n_mels, fmin, fmax)
    groups = []
    for first in range(0, n_mels, BANDS_AT_ONCE):
        bands = slice(first, first + BANDS_AT_ONCE)
        used = np.flatnonzero(bank[bands].any(axis=0))  # none if all are narrower than a bin
        low, high = (used[0], used[-1] + 1) if len(used) else (0, 1)
        weights = np.repeat(bank[bands, low:high], 2, axis=1)
        groups.append((bands, slice(2 * low, 2 * high), weights))
    return tuple(groups)


def _hertz_to_mel(hertz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Slaney's scale: linear below 1 kHz, logarithmic above."""
    above = _BREAK_MEL + np.log(np.maximum(hertz, _BREAK_HERTZ) / _BREAK_HERTZ) / _LOG_STEP
    return np.where(hertz < _BREAK_HERTZ, hertz / _LINEAR_STEP, above)


def _mel_to_hertz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    above = _BREAK_HERTZ * np.exp(_LOG_STEP * (np.maximum(mel, _BREAK_MEL) - _BREAK_MEL))
    return np.where(mel < _BREAK_MEL, mel * _LINEAR_STEP, above)
