"""The log-mel of overlapping windows: a frame that two of them share is computed once."""

import numpy as np
from numpy.typing import NDArray

from asc_nas.audio.logmel import FrontEnd, log_mel, log_mel_of_frames


class WindowMel:
    """Computes what `log_mel` gives for each window of a stream, within 1e-5 dB.

    Frames that reach over an end of their window see zeros there, so they are its own; those
    between are taken from the window before, if the step from one to the next is whole hops.
    Without overlap nothing is shared, and the numbers are those of `log_mel` to the last bit.
    """

    def __init__(self, settings: FrontEnd) -> None:
        self._settings = settings
        hop, half = settings.hop_length, settings.n_fft // 2
        self._first = -(-half // hop)
        """The first frame that lies inside the window."""
        self._end = (settings.samples - half) // hop + 1
        """The first one after it that reaches over the window's end."""
        self._last: tuple[int, NDArray[np.float32]] | None = None

    def __call__(self, wave: NDArray[np.float32], start: int) -> NDArray[np.float32]:
        """Return the log-mel of a window.

        Parameters
        ----------
        wave : (channels, `FrontEnd.samples`) float32
            Where it overlaps the window before, the same samples.
        start : int
            Place of its first sample in the stream.

        Returns
        -------
        mel : (channels, mels, frames) float32
        """
        mel = self._shared(wave, start)
        if mel is None:
            mel = log_mel(wave, self._settings)
        self._last = start, mel
        return mel

    def _shared(self, wave: NDArray[np.float32], start: int) -> NDArray[np.float32] | None:
        """Return the log-mel with the help of the window before, or None if it is of none."""
        if self._last is None:
            return None
        settings, (before, last) = self._settings, self._last
        hop, half, first = settings.hop_length, settings.n_fft // 2, self._first
        shift, rest = divmod(start - before, hop)
        known = self._end - shift  # frames before this one are there already
        if rest or shift < 1 or known <= first:
            return None
        mel = np.empty_like(last)
        mel[..., first:known] = last[..., first + shift : self._end]
        if first:
            begin = wave[:, : (first - 1) * hop + half]
            mel[..., :first] = log_mel_of_frames(_padded(begin, half, 0), settings)
        ending = wave[:, known * hop - half :]
        mel[..., known:] = log_mel_of_frames(_padded(ending, 0, half), settings)
        return mel


def _padded(wave: NDArray[np.float32], before: int, after: int) -> NDArray[np.float32]:
    return np.pad(wave, ((0, 0), (before, after)))
