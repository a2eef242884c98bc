"""The front end on a device: log-mel of waveforms, and what may come before it, with PyTorch.

Log-mel is that of `asc_nas.audio.logmel` within 1e-3 dB, where the device has double precision.
Responses and another rate are for training loops of one's own; torchaudio computes them.
"""

from types import ModuleType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from asc_nas.audio.logmel import FLOOR, FrontEnd
from asc_nas.audio.mel_bands import filter_bank, hann_window
from asc_nas.core.errors import AscNasError, UsageError

FILTER = {
    "lowpass_filter_width": 96,
    "rolloff": 0.9565,
    "resampling_method": "sinc_interp_kaiser",
    "beta": 13.5,
}
"""Low-pass filter of the resampler: that of soxr at its HQ quality, as near as three numbers go."""

SAMPLES_AT_ONCE = 1 << 22
"""Samples, in overlapping frames, that are transformed together: some 100 MB."""


class DeviceFrontEnd:
    """Makes log-mel of waveforms on a device.

    Parameters
    ----------
    device : as PyTorch names it
    """

    def __init__(self, settings: FrontEnd, device: str | torch.device = "cpu") -> None:
        self.settings, self.device = settings, torch.device(device)
        # An Apple GPU has no double precision.
        precision = torch.float32 if self.device.type == "mps" else torch.float64
        bank = filter_bank(
            settings.sample_rate, settings.n_fft, settings.n_mels, settings.fmin, settings.highest
        )
        window = hann_window(settings.win_length, settings.n_fft)
        self._bank = torch.from_numpy(bank).to(self.device, precision)
        self._window = torch.from_numpy(window.copy()).to(self.device, precision)

    def __call__(self, wave: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what `asc_nas.audio.logmel.log_mel` does of `wave` (..., samples), on the CPU.

        Raises
        ------
        AscNasError
            If the device has too little memory.
        """
        try:
            there = torch.from_numpy(np.ascontiguousarray(wave)).to(self.device)
            mel: NDArray[np.float32] = self.log_mel(there).cpu().numpy()
        except torch.OutOfMemoryError as error:
            raise AscNasError(
                f"{self.device}: has too little free memory to make features; set "
                "compute.features_on_device to false."
            ) from error
        return mel

    def log_mel(self, wave: Tensor) -> Tensor:
        """Return the log-mel (..., mels, frames) float32 of `wave` (..., samples), in dB."""
        settings = self.settings
        half, samples = settings.n_fft // 2, wave.shape[-1]
        shape = *wave.shape[:-1], settings.n_mels, 1 + samples // settings.hop_length
        mel = torch.empty(shape, dtype=torch.float32, device=self.device)
        at_once = max(1, SAMPLES_AT_ONCE // settings.n_fft)
        signals = wave.reshape(-1, samples)
        for signal, own in zip(signals, mel.view(len(signals), *shape[-2:]), strict=True):
            framed = F.pad(signal, (half, half)).unfold(0, settings.n_fft, settings.hop_length)
            for first in range(0, len(framed), at_once):
                windowed = framed[first : first + at_once] * self._window
                power = torch.fft.rfft(windowed).abs().square()
                level = 10 * (self._bank @ power.T).clamp_min(FLOOR).log10()
                own[:, first : first + at_once] = level
        return mel

    def recorded_with(self, wave: Tensor, responses: Tensor) -> Tensor:
        """Return each of `wave` (batch, n) as a device or room with its response would record it.

        Parameters
        ----------
        responses : (batch or 1, m)
            Impulse responses at the rate of `wave`.

        Returns
        -------
        recorded : (batch, n)
            The convolution's beginning: what sounds on behind the end is left out.

        Raises
        ------
        UsageError
            If torchaudio is not installed.
        """
        convolve = _torchaudio().fftconvolve
        convolved: Tensor = convolve(wave, responses.expand(len(wave), -1))
        return convolved[:, : wave.shape[-1]]

    def resampled(self, wave: Tensor, sample_rate: int) -> Tensor:
        """Return `wave` (..., n) at the front end's rate, in float32.

        It is another resampler than the SoX resampler of `asc_nas.audio.io`: of white noise, from
        48 and 44.1 kHz to 32, 22.05 and 16 kHz, log-mel is within 0.15 dB in the highest bands,
        where the filters fall, and 0.06 dB below. To a higher rate it is up to 3 dB off at the edge
        of what there is to hear. Between rates with no large common divisor it takes gigabytes.

        Raises
        ------
        UsageError
            If torchaudio is not installed.
        """
        if sample_rate == self.settings.sample_rate:
            return wave
        resample = _torchaudio().resample
        resampled: Tensor = resample(wave, sample_rate, self.settings.sample_rate, **FILTER)
        return resampled


def _torchaudio() -> ModuleType:
    try:
        import torchaudio.functional
    except ImportError as error:
        raise UsageError(
            "responses and resampling on a device need torchaudio: install it with pip install "
            "'asc-nas[gpu]'."
        ) from error
    functional: ModuleType = torchaudio.functional
    return functional
