"""From posteriors of network windows to a timeline of steps, averaged and smoothed.

Each stage takes one item at a time and gives what is final by then, so that a stream and a file go
through the same code.
"""

from collections import deque
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from asc_nas.core.config import Config


class TimelineConfig(Config):
    """How the answers of the network, one per window, become a timeline. All times in seconds."""

    hop: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """From the start of one network window to the next, at most the network's own length; None is
    that length: windows without overlap. A fifth of it is five times the work."""
    window: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Length of a timeline step; None is `hop`. Its posterior is the mean over the network windows
    that lie in it or overlap it, each weighted by the time they share."""
    smooth: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    """Length of the moving average over steps, rounded up to an odd number of them; fewer at both
    ends of a recording. 0 is none."""
    merge: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    """None makes a segment of every step. Otherwise neighbours with one label are joined, and a
    label that holds for less than `merge` takes that of the segment before it."""
    min_confidence: float = Field(default=0.0, ge=0, le=1)
    """Smallest probability of a label; below it the label is "unknown"."""
    reject: bool = True
    """Whether a window whose largest probability is below the card's `reject_below` is "none of
    these"; a card without such a limit rejects nothing."""
    only: tuple[str, ...] = ()
    """The labels to look for; the probability of all others goes to "none of these". None given is
    all of the card."""
    silence: float = Field(default=-70.0, le=0, allow_inf_nan=False)
    """Level in dBFS (RMS without the mean, full scale at 1) below which a channel is silent; a
    window of silent channels is "silent", and the network is not asked. The default is 25 dB below
    the quietest recording of ESC-10."""


@dataclass(frozen=True, eq=False)
class Step:
    """The posterior (outcomes,) float64 of one step of the timeline; `start`, `end` in seconds.

    Its places are those of `asc_nas.runtime.segments.outcomes`.
    """

    start: float
    end: float
    posterior: NDArray[np.float64]


class WindowAverage:
    """Averages the network windows that share a timeline step.

    Parameters
    ----------
    hop, step : int
        From one window to the next, and length of a step, in samples.
    sample_rate : int
        Hertz.
    """

    def __init__(self, hop: int, step: int, sample_rate: int) -> None:
        self._hop, self._length, self._rate = hop, step, sample_rate
        self._first = 0  # number of the first open step
        self._open: deque[tuple[int, NDArray[np.float64]]] = deque()  # samples averaged, mean
        self._end = 0

    def push(self, start: int, end: int, posterior: NDArray[np.float64]) -> list[Step]:
        """Add a window of the samples `start` to `end`; return the steps that are final now."""
        length = self._length
        for number in range(start // length, (end - 1) // length + 1):
            shared = min(end, (number + 1) * length) - max(start, number * length)
            self._add(number - self._first, shared, posterior)
        self._end = max(self._end, end)
        final = min(start + self._hop, end) // length - self._first
        return [self._close() for _ in range(final)]

    def finish(self) -> list[Step]:
        """Return the remaining steps; the last ends with the last window."""
        return [self._close() for _ in range(len(self._open))]

    def _add(self, place: int, shared: int, posterior: NDArray[np.float64]) -> None:
        if place == len(self._open):
            self._open.append((shared, posterior))
            return
        total, mean = self._open[place]
        total += shared
        self._open[place] = (total, mean + (posterior - mean) * (shared / total))

    def _close(self) -> Step:
        start = self._first * self._length
        end = min(start + self._length, self._end)
        self._first += 1
        return Step(start / self._rate, end / self._rate, self._open.popleft()[1])


class MovingAverage:
    """Gives each step the mean posterior of it and of `half` steps on both sides."""

    def __init__(self, half: int) -> None:
        self._half = half
        self._near: deque[Step] = deque(maxlen=2 * half + 1)
        self._next = 0  # place in `_near` of the step that is smoothed next

    def push(self, step: Step) -> list[Step]:
        """Add a step; return the one that all neighbours of are known now, if there is one."""
        if len(self._near) == self._near.maxlen:
            self._next -= 1
        self._near.append(step)
        return [self._smoothed()] if len(self._near) - self._next > self._half else []

    def finish(self) -> list[Step]:
        """Return the steps that were waiting for neighbours."""
        return [self._smoothed() for _ in range(len(self._near) - self._next)]

    def _smoothed(self) -> Step:
        place, self._next = self._next, self._next + 1
        first = max(0, place - self._half)
        near = [step.posterior for step in islice(self._near, first, place + self._half + 1)]
        step = self._near[place]
        return Step(step.start, step.end, near[0] if len(near) == 1 else np.mean(near, axis=0))
