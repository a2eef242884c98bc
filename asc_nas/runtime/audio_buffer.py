"""Audio between the thread that records it and the one that listens."""

from collections import deque
from threading import Condition

import numpy as np
from numpy.typing import NDArray


class Buffer:
    """Audio on its way from one thread to another, of bounded length: the oldest is dropped.

    Parameters
    ----------
    frames : int
        Held at most; when there are more, the older half is dropped, so that what is left is in
        one piece.
    """

    def __init__(self, frames: int) -> None:
        self._limit = frames
        self._chunks: deque[NDArray[np.float32]] = deque()
        self._held = self._lost = 0
        self._changed = Condition()

    def put(self, wave: NDArray[np.float32]) -> None:
        """Add a chunk (channels, n); never waits for the other side."""
        with self._changed:
            self._chunks.append(wave)
            self._held += wave.shape[1]
            if self._held > self._limit:
                while self._chunks and self._held > self._limit // 2:
                    dropped = self._chunks.popleft().shape[1]
                    self._held -= dropped
                    self._lost += dropped
            self._changed.notify()

    def get(self, seconds: float) -> tuple[int, NDArray[np.float32] | None]:
        """Wait at most so long; return the frames lost before a chunk, and it or None."""
        with self._changed:
            if not self._changed.wait_for(lambda: bool(self._chunks), seconds):
                return 0, None
            wave, lost = self._chunks.popleft(), self._lost
            self._held -= wave.shape[1]
            self._lost = 0
            return lost, wave
