"""Arrays of samples that a caller gives in place of a recording."""

import numpy as np
from numpy.typing import NDArray

from asc_nas.audio.io import AudioError
from asc_nas.core.errors import UsageError

_HIGHEST_RATE = 10_000_000


def rate_of_array(sample_rate: int | None) -> int:
    """Return the sample rate of an array, in hertz; UsageError if it is none."""
    if sample_rate is None:
        raise UsageError("an array of samples needs its sample_rate, in hertz.")
    number = isinstance(sample_rate, (int, float, np.integer, np.floating))
    if not number or not 1 <= sample_rate <= _HIGHEST_RATE or sample_rate != int(sample_rate):
        raise UsageError(
            f"sample_rate {sample_rate!r}: expected whole hertz, 1 to {_HIGHEST_RATE:,}."
        )
    return int(sample_rate)


def checked_array(audio: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return an array as (channels, samples) float32; AudioError if it holds no audio."""
    wave = np.atleast_2d(audio).astype(np.float32)
    if not wave.size:
        raise AudioError("audio array: has no samples.")
    if wave.ndim != 2 or wave.shape[0] > wave.shape[1]:
        hint = "; transpose it" if wave.ndim == 2 else ""
        raise AudioError(
            f"audio array of shape {audio.shape}: expected (samples,) or (channels, samples){hint}."
        )
    if not np.isfinite(wave).all():
        raise AudioError("audio array: contains NaN or infinite samples.")
    if not np.issubdtype(audio.dtype, np.floating):
        raise AudioError(f"audio array of {audio.dtype}: expected floating point, full scale at 1.")
    return wave
