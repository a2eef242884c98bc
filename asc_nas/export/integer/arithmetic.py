"""The arithmetic of integers that Python, the exported C code and TFLite share.

Values are ``scale * (integer - zero)``. Sums of products are exact in 32 bits; what follows them is
that of the reference kernels of TensorFlow Lite, which themselves follow gemmlowp (Jacob et al.,
CVPR 2018, arXiv 1712.05877): a real factor below 1 is a 31-bit multiplier and a shift to the right,
applied with two roundings, `rescale`. Averages are rounded to the nearest, halves away from zero.
Everything is written once more in C, in ``firmware/asc_network.c``, under the same names.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]

LOWEST, HIGHEST = -128, 127
"""Of an 8-bit value."""
SUM_SHIFT = 20
"""Bits by which both sides of a sum are widened before they are brought to one scale."""


@dataclass(frozen=True)
class Scale:
    """What 8-bit integers stand for: ``scale * (integer - zero)``; `scale` is a float32 number."""

    scale: float
    zero: int

    @classmethod
    def of_range(cls, low: float, high: float) -> "Scale":
        """Return the scale on which the values from `low` to `high`, and 0, are representable."""
        low, high = min(low, 0.0), max(high, 0.0)
        scale = float(np.float32(max(high - low, 1e-6) / (HIGHEST - LOWEST)))
        zero = min(max(round(LOWEST - low / scale), LOWEST), HIGHEST)
        return cls(scale, zero)

    def integers(self, values: NDArray[np.floating]) -> Integers:
        """Return the nearest integers to real values."""
        nearest = np.rint(np.asarray(values, np.float64) / self.scale).astype(np.int64)
        return np.clip(nearest + self.zero, LOWEST, HIGHEST)

    def values(self, integers: Integers) -> NDArray[np.floating]:
        """Return what integers stand for."""
        return (integers - self.zero) * self.scale


@dataclass(frozen=True)
class Factor:
    """Real factors below 1, each ``multiplier * 2 ** -(31 + shift)``.

    Attributes
    ----------
    multiplier : (n,) int64
        From 2 ** 30 to 2 ** 31 - 1; 0 for a factor that rounds to nothing.
    shift : (n,) int64
        From 0 to 31.
    """

    multiplier: Integers
    shift: Integers

    @classmethod
    def of(cls, factors: NDArray[np.float64] | float) -> "Factor":
        """Return the nearest to real `factors`.

        Raises
        ------
        ValueError
            If one is negative, or 1 or more.
        """
        pairs = [_multiplier(float(factor)) for factor in np.atleast_1d(factors)]
        multiplier, shift = np.array(pairs, np.int64).T
        return cls(multiplier, shift)


def _multiplier(factor: float) -> tuple[int, int]:
    if not 0 <= factor < 1:
        raise ValueError(f"a factor of {factor}: must be at least 0 and below 1")
    fraction, exponent = math.frexp(factor)
    multiplier = math.floor(fraction * 2**31 + 0.5)
    if multiplier == 2**31:
        multiplier, exponent = 2**30, exponent + 1
    if exponent < -31:
        return 0, 0
    if exponent > 0:  # just below 1
        return 2**31 - 1, 0
    return multiplier, -exponent


def rescale(values: Integers, factor: Factor, axis: int = 0) -> Integers:
    """Return 32-bit `values` times `factor`, one per index along `axis` or one for all."""
    shape = [1] * values.ndim
    shape[axis] = -1
    multiplier, shift = factor.multiplier.reshape(shape), factor.shift.reshape(shape)
    product = values * multiplier
    nudged = product + np.where(product >= 0, 2**30, 1 - 2**30)
    high = np.sign(nudged) * (np.abs(nudged) >> 31)  # towards zero
    mask = (np.int64(1) << shift) - 1
    threshold = (mask >> 1) + (high < 0)
    return (high >> shift) + ((high & mask) > threshold)


def average(totals: Integers, counts: Integers | int) -> Integers:
    """Return totals divided by counts, rounded to the nearest, halves away from zero."""
    return np.sign(totals) * ((np.abs(totals) + np.asarray(counts) // 2) // counts)


def clamped(values: Integers, lowest: int = LOWEST) -> Integers:
    """Return values limited to 8 bits, and from below to `lowest` (the zero, for a ReLU)."""
    return np.clip(values, lowest, HIGHEST)
