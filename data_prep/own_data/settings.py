"""Settings that suit the amount and the kind of recordings."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import floor

from asc_nas.core.errors import UsageError

HIGHEST_RATE = 32000
LONGEST, SHORTEST = 10.0, 0.25
"""Seconds of one example, unless the user says otherwise."""
RARE = 0.05
"""Share of files below which a sample rate does not count."""
HOPS_PER_SECOND = 50
FEWEST_FRAMES = 50
"""Of an example, where hops are longer than that."""
STEPS = 6000
"""Optimiser steps of a training, where 200 epochs have as many. On ESC-50 2,400 in place of 4,800
cost nine points (docs/results/own_data.md)."""
MANY_STEPS = 30
"""Steps of an epoch from which one epoch of warm-up will do."""


@dataclass(frozen=True)
class Settings:
    """What a starter config sets by the data.

    Attributes
    ----------
    seconds : float
        Length of one example.
    sample_rate : int
        Hertz that the network hears.
    n_mels, hop_length, win_length : int
        Log-mel: windows of two hops.
    time_mask : int
        Frames that SpecAugment may hide.
    batch_size, epochs, warmup_epochs : int
        Of every training.
    """

    seconds: float
    sample_rate: int
    n_mels: int
    hop_length: int
    win_length: int
    time_mask: int
    batch_size: int
    epochs: int
    warmup_epochs: int


def choose_settings(
    examples: int,
    rates: Counter[int],
    seconds: float,
    sample_rate: int | None = None,
    coarser: int = 1,
) -> Settings:
    """Return settings for `examples` training examples (clips times channels).

    Parameters
    ----------
    rates : number of files by hertz
    seconds : length of one example, see `example_seconds`
    sample_rate : hertz, where the user chose it
    coarser : how many times as long windows and hops are as they would be

    Raises
    ------
    UsageError
        If the chosen rate is not positive.
    """
    if sample_rate is not None and sample_rate <= 0:
        raise UsageError(f"a sample rate of {sample_rate} Hz: it must be positive, such as 16000.")
    rate = sample_rate or common_rate(rates)
    hop = coarser * max(1, rate // HOPS_PER_SECOND // (2 if seconds < 1 else 1))
    batch = next(size for limit, size in _BATCHES if examples < limit)
    steps = max(1, examples // batch)
    return Settings(
        seconds=seconds,
        sample_rate=rate,
        n_mels=40 if rate <= 16000 else 64,
        hop_length=hop,
        win_length=2 * hop,
        time_mask=_within(int(seconds * rate / hop) // 8, 1, 24),
        batch_size=batch,
        epochs=_within(round(STEPS / steps), 30, 200),
        warmup_epochs=3 if steps < MANY_STEPS else 1,
    )


def coarsenesses(seconds: float) -> list[int]:
    """Return how many times as long hops may be for examples of a length, the coarsest first.

    On ESC-10, windows four times as long did no worse, at a quarter of the work
    (docs/results/recipe.md); on ESC-50 they do once trainings are long (docs/results/own_data.md).
    """
    frames = seconds * HOPS_PER_SECOND
    return [times for times in (4, 2, 1) if times == 1 or frames >= FEWEST_FRAMES * times]


_BATCHES = ((32, 4), (128, 16), (4000, 32), (12000, 64), (float("inf"), 128))
"""Batch size for fewer than so many training examples."""


def common_rate(rates: Counter[int]) -> int:
    """Return the lowest rate that is not rare, at most 32 kHz.

    With the highest one, empty upper bands would tell devices apart, and classes that go with them.
    """
    files = sum(rates.values())
    return min(HIGHEST_RATE, *(rate for rate, n in rates.items() if n >= RARE * files))


def example_seconds(lengths: Sequence[float]) -> float:
    """Return the length of one example: that of the median clip, at most 10 s."""
    middle = sorted(lengths)[len(lengths) // 2]
    if middle >= 2:
        return min(LONGEST, float(floor(middle + 0.05)))  # 4.98 s count as 5
    return max(SHORTEST, floor(middle * 20 + 0.5) / 20)


def _within(value: int, least: int, most: int) -> int:
    return min(most, max(least, value))
