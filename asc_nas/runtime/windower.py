"""A stream cut into the windows that the network hears."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from asc_nas.audio.logmel import LEFT_OUT, Short, fit_length


@dataclass(frozen=True, eq=False)
class Window:
    """One network window: (channels, samples) float32, filled up behind sample `end`.

    The timeline takes its answer from sample `since` on: that is its `start`, but for a last window
    that ends with the recording.
    """

    wave: NDArray[np.float32]
    start: int
    since: int
    end: int


class Windower:
    """Cuts a stream into the windows that `asc_nas.audio.logmel.windows` cuts a recording into.

    It holds no more than two windows and the last chunk.
    """

    def __init__(self, samples: int, hop: int, short: Short = "silence") -> None:
        self._samples, self._hop, self._short = samples, hop, short
        self._chunks: list[NDArray[np.float32]] = []  # joined only when there is a window in them
        self._origin = 0  # place of the first sample in them
        self._next = 0  # start of the next window
        self.samples_fed = 0

    def push(self, wave: NDArray[np.float32]) -> Iterator[Window]:
        """Add samples (channels, n); yield the windows that are full. To be exhausted."""
        self.samples_fed += wave.shape[1]
        self._chunks.append(wave)
        if self.samples_fed < self._next + self._samples:
            return
        held = np.concatenate(self._chunks, axis=1)
        while (end := self._next + self._samples) <= self.samples_fed:
            first = self._next - self._origin
            yield Window(held[:, first : first + self._samples], self._next, self._next, end)
            self._next += self._hop
        # A window that ends with the recording begins behind the start of the one before.
        first = self._next - self._hop - self._origin
        self._chunks, self._origin = [held[:, first:].copy()], self._origin + first

    def finish(self) -> Iterator[Window]:
        """Yield the only window, filled, or a last one that ends with the recording."""
        end, since = self.samples_fed, self._next
        start = end - self._samples
        if not end or (since and start - (since - self._hop) <= LEFT_OUT * self._samples):
            return
        held = np.concatenate(self._chunks, axis=1)
        if not since:
            yield Window(fit_length(held, self._samples, self._short), 0, 0, end)
        else:
            yield Window(held[:, start - self._origin :], start, since, end)
