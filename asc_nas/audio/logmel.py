"""The log-mel front end: settings and transform, in NumPy alone.

The numbers are those of ``librosa.feature.melspectrogram`` (power 2, Slaney mel scale and norm,
centred frames, zero padding) followed by ``librosa.power_to_db(ref=1, amin=1e-10, top_db=None)``,
within 1e-3 dB; the tests hold them to that.
"""

from collections.abc import Mapping
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from asc_nas.audio.mel_bands import hann_window, mel_bands
from asc_nas.core.config import Config
from asc_nas.core.errors import UsageError, closest
from asc_nas.core.files import fingerprint

ALGORITHM = 1
"""Version of the transform; raise it when the same settings give other numbers."""
FLOOR = 1e-10
"""Smallest mel power: silence is -100 dB."""
FLOOR_DB = -100.0
"""The same in dB."""
LEFT_OUT = 0.02
"""Share of a window that need not be heard at the end: encoders add as much."""
Short = Literal["silence", "repeat"]
"""What fills an example that the recording does not, see `FrontEnd`."""
BLOCK_SAMPLES = 40_960
"""Samples, in overlapping frames, transformed together: few enough for the processor's cache, and
for an hour of audio to need little memory."""


class FrontEnd(Config):
    """Settings of the log-mel front end."""

    sample_rate: int = Field(ge=100, le=1_000_000)
    """Hertz; audio at another rate is resampled to it. Take the lowest rate that is common among
    the recordings, so that a rate cannot give a class away."""
    n_mels: int = Field(gt=0, le=1024)
    """Number of mel bands. `asc-nas init` takes 40 up to 16 kHz and 64 above. Twice as many double
    the MACs; on ESC-10, 128 bands gained nothing."""
    win_length: int = Field(gt=1)
    """Length of the Hann window, samples. `asc-nas init` takes 160 ms for examples of 4 s and
    more, 80 from 2 s, else 40: on ESC-10, 160 ms were as good as 40, at a quarter of the MACs. On
    the fifty classes of ESC-50, 40 ms were seven points better; take them where MACs and RAM allow
    it."""
    hop_length: int = Field(gt=0)
    """Step between frames, samples; usually half a window. Twice the step, half the MACs."""
    n_fft: int = Field(gt=1, le=2**18)
    """Length of the Fourier transform, samples: even, and at least `win_length`, which is the usual
    choice. Times `n_mels` it is at most 2^24, times the frames of an example at most 2^28: no model
    takes gigabytes or minutes for its features."""
    fmin: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    """Lower edge of the lowest mel band, hertz. Raise it to leave out what is below, such as
    hum."""
    fmax: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Upper edge of the highest mel band, hertz; null is half the sample rate. Lower it to leave
    out what is above."""
    seconds: float = Field(gt=0, le=3600, allow_inf_nan=False)
    """Length of one example, seconds, with at most 2^25 samples and 2^22 values of log-mel: at 32
    kHz 17 minutes. Training hears the beginning of a longer clip, a classifier one window after the
    other. Shorter examples make every network cheaper."""
    short: Short = "silence"
    """What fills an example that the recording does not: silence at its end, or the recording once
    more. A network for long clips is often wrong about a second of sound and four of silence: so
    repeat recordings that were cut from longer ones."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.win_length > self.n_fft:
            raise ValueError(
                f"win_length ({self.win_length}) is longer than n_fft ({self.n_fft}); "
                "make n_fft at least as long"
            )
        if self.n_fft % 2:
            raise ValueError(f"n_fft ({self.n_fft}) must be even")
        half = self.sample_rate / 2
        if self.fmax is not None and self.fmax > half:
            raise ValueError(f"fmax ({self.fmax:g} Hz) is above half the sample rate ({half:g} Hz)")
        if self.fmin >= self.highest:
            raise ValueError(f"fmin ({self.fmin:g} Hz) is not below fmax ({self.highest:g} Hz)")
        if self.samples < 1:
            raise ValueError(f"seconds ({self.seconds:g}) is shorter than one sample")
        for what, size, power in (
            ("n_mels x n_fft", self.n_mels * self.n_fft, 24),
            ("seconds x sample_rate", self.samples, 25),
            ("n_mels x frames", self.n_mels * self.frames, 22),
            ("n_fft x frames", self.n_fft * self.frames, 28),
        ):
            if size > 2**power:
                raise ValueError(f"{what} is {size:,}, more than 2^{power}; make one of them less")
        return self

    @property
    def highest(self) -> float:
        """Upper edge of the highest band in hertz."""
        return self.sample_rate / 2 if self.fmax is None else self.fmax

    @property
    def samples(self) -> int:
        """Samples of one example."""
        return round(self.seconds * self.sample_rate)

    @property
    def frames(self) -> int:
        """Frames of one example."""
        return 1 + self.samples // self.hop_length

    @property
    def size(self) -> tuple[int, int]:
        """Log-mel of one example: (mels, frames)."""
        return self.n_mels, self.frames

    @property
    def fingerprint(self) -> str:
        """Short hash of all settings and of the algorithm: equal where the features are."""
        settings = {**self.model_dump(), "fmax": self.highest, "algorithm": ALGORITHM}
        if self.short == "silence":  # as features were made before there was a choice
            del settings["short"]
        return fingerprint(settings)


PRESETS: dict[str, FrontEnd] = {
    "dcase2018_task5": FrontEnd(
        sample_rate=16000, n_mels=40, win_length=640, hop_length=320, n_fft=640, seconds=10
    ),
    "esc10": FrontEnd(
        sample_rate=32000, n_mels=64, win_length=1280, hop_length=640, n_fft=1280, seconds=5
    ),
    "esc10_coarse": FrontEnd(
        sample_rate=32000,
        n_mels=64,
        win_length=5120,
        hop_length=2560,
        n_fft=5120,
        seconds=5,
        short="repeat",
    ),
}


def frontend_from(value: str | Mapping[str, Any] | FrontEnd) -> FrontEnd:
    """Return the settings that a preset's name or a mapping (as YAML gives it) stands for.

    Raises
    ------
    UsageError
        If no preset has that name, or a setting is misspelt, missing or impossible.
    """
    if isinstance(value, FrontEnd):
        return value
    if isinstance(value, str):
        if value not in PRESETS:
            hint = closest(value, list(PRESETS))
            raise UsageError(f"unknown front end '{value}'.{hint} Known: {', '.join(PRESETS)}.")
        return PRESETS[value]
    return FrontEnd.parse(value, "frontend")


def log_mel(wave: NDArray[np.float32], settings: FrontEnd) -> NDArray[np.float32]:
    """Return the log-mel spectrogram of each signal.

    Parameters
    ----------
    wave : (..., samples) float32
        Signals at the settings' sample rate, of any length.

    Returns
    -------
    mel : (..., mels, frames) float32
        Decibels, ``10 log10(max(mel power, 1e-10))``; frames = 1 + samples // hop.
    """
    wave = np.asarray(wave)
    half = settings.n_fft // 2
    padded = np.zeros((*wave.shape[:-1], wave.shape[-1] + 2 * half), np.float32)
    padded[..., half : half + wave.shape[-1]] = wave
    return log_mel_of_frames(padded, settings)


def log_mel_of_frames(wave: NDArray[np.float32], settings: FrontEnd) -> NDArray[np.float32]:
    """Return the log-mel of every frame that lies inside each signal: nothing is padded.

    Parameters
    ----------
    wave : (..., samples) float32
        At least `n_fft` samples each.

    Returns
    -------
    mel : (..., mels, frames) float32
        As `log_mel`; frames = 1 + (samples - n_fft) // hop.
    """
    framed = np.lib.stride_tricks.sliding_window_view(wave, settings.n_fft, axis=-1)
    framed = framed[..., :: settings.hop_length, :]
    mel = np.empty((*wave.shape[:-1], settings.n_mels, framed.shape[-2]), np.float32)
    for signal in np.ndindex(wave.shape[:-1]):
        _transform(framed[signal], settings, mel[signal])
    return mel


def fit_length(
    wave: NDArray[np.float32], samples: int, short: Short = "silence"
) -> NDArray[np.float32]:
    """Return `wave` (channels, n) as (channels, samples): its start, or filled as `short` says."""
    wave = wave[..., :samples]
    missing = samples - wave.shape[-1]
    if not missing:
        return wave
    how: Any = {"mode": "wrap"} if short == "repeat" and wave.shape[-1] else {"mode": "constant"}
    return np.pad(wave, ((0, 0), (0, missing)), **how)


def windows(
    wave: NDArray[np.float32], samples: int, hop: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Cut a recording into successive windows.

    The first window is always there, padded with zeros where the recording is shorter. A last one
    ends with the recording where the windows before it leave out more than `LEFT_OUT` of a window:
    so all is heard, and a clip of 5.02 s gives one window of 5 s, equal to `fit_length`.

    Parameters
    ----------
    wave : (channels, n) float32
        The recording.
    samples, hop : int
        Length of a window, and the step between the starts of two.

    Returns
    -------
    cut : (windows, channels, samples) float32
    starts : (windows,) int64
        First sample of each.

    Raises
    ------
    UsageError
        If `samples` or `hop` is below 1.
    """
    if samples < 1 or hop < 1:
        raise UsageError(
            f"a window of {samples} and a hop of {hop} samples: both must be positive."
        )
    padded = fit_length(wave, max(wave.shape[-1], samples))
    last = padded.shape[-1] - samples
    starts = np.arange(0, last + 1, hop, dtype=np.int64)
    if last - starts[-1] > LEFT_OUT * samples:
        starts = np.append(starts, last)
    cut = np.lib.stride_tricks.sliding_window_view(padded, samples, axis=-1)[:, starts]
    return cut.transpose(1, 0, 2), starts


def _transform(framed: NDArray[np.float32], settings: FrontEnd, mel: NDArray[np.float32]) -> None:
    """Write the log-mel of `framed` (frames, n_fft) into `mel` (mels, frames)."""
    window = hann_window(settings.win_length, settings.n_fft)
    groups = mel_bands(
        settings.sample_rate, settings.n_fft, settings.n_mels, settings.fmin, settings.highest
    )
    at_once = max(1, min(len(framed), BLOCK_SAMPLES // settings.n_fft))
    windowed = np.empty((at_once, settings.n_fft))
    spectrum = np.empty((at_once, 1 + settings.n_fft // 2), np.complex128)
    power = np.empty((at_once, 2 + settings.n_fft), np.float32)
    for first in range(0, len(framed), at_once):
        block = framed[first : first + at_once]
        n = len(block)
        # The float64 window makes the transform float64: in float32 a loud low band would blur a
        # band that is 80 dB below it by more than the promised 1e-3 dB.
        windowed[:n] = block
        windowed[:n] *= window
        np.fft.rfft(windowed[:n], out=spectrum[:n])
        power[:n] = spectrum[:n].view(np.float64)  # real and imaginary parts, in turns
        np.square(power[:n], out=power[:n])
        for bands, parts, weights in groups:
            np.matmul(weights, power[:n, parts].T, out=mel[bands, first : first + n])
    np.maximum(mel, FLOOR, out=mel)
    np.log10(mel, out=mel)
    mel *= 10
