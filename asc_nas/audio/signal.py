"""Which channels of a recording are heard, in training, in tests and by a model alike."""

import numpy as np
from numpy.typing import NDArray

NO_SIGNAL = 2.0**-13
"""A channel whose samples differ by no more is silent: four steps of 16 bits, which are what dither
and codecs make of zeros."""


def has_signal(wave: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return, for each channel of `wave` (channels, n), whether it is more than silence."""
    found: NDArray[np.bool_] = np.ptp(wave, axis=1) > NO_SIGNAL
    return found


def level(wave: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the level of each channel of `wave` (channels, n), dBFS: of its RMS without the mean.

    Full scale is 1; -inf dBFS is a constant.
    """
    with np.errstate(divide="ignore"):
        found: NDArray[np.float64] = 20 * np.log10(wave.std(axis=1, dtype=np.float64))
    return found


def voting(wave: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return which channels are heard: those with a signal, or all where none has any."""
    live = has_signal(wave)
    return live if live.any() else ~live


def first_heard(wave: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the first channel with a signal, or the first where none has any: (n,)."""
    return wave[int(voting(wave).argmax())]
