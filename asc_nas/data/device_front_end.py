"""The front end on a device: resampling, responses and log-mel of waveforms, with torchaudio.

Its log-mel is that of `asc_nas.audio.logmel` within 1e-3 dB, where the device has double precision.
Its resampler is another one than the SoX resampler of `asc_nas.audio.io`, with a filter as near to
that one as torchaudio's go: from 48 and 44.1 kHz to 32, 22.05 and 16 kHz the log-mel of white noise
is within 0.15 dB in the highest bands, where the filter falls, and within 0.06 dB below.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from asc_nas.audio.logmel import FLOOR, FrontEnd
from asc_nas.audio.mel_bands import filter_bank, hann_window
from asc_nas.core.errors import UsageError

FILTER = {
    "lowpass_filter_width": 96,
    "rolloff": 0.9565,
    "resampling_method": "sinc_interp_kaiser",
    "beta": 13.5,
}
"""Low-pass filter of the resampler: that of soxr at its HQ quality, as near as three numbers go."""


class DeviceFrontEnd:
    """Makes log-mel of waveforms on a device.

    Parameters
    ----------
    device : as PyTorch names it

    Raises
    ------
    UsageError
        If torchaudio is not installed.
    """

    def __init__(self, settings: FrontEnd, device: str | torch.device = "cpu") -> None:
        try:
            import torchaudio.functional
        except ImportError as error:
            raise UsageError(
                "features on a device need torchaudio: install it with pip install 'asc-nas[gpu]', "
                "or set compute.features_on_device to false."
            ) from error
        self._torchaudio = torchaudio.functional
        self.settings, self.device = settings, torch.device(device)
        # An Apple GPU has no double precision.
        self._precision = torch.float32 if self.device.type == "mps" else torch.float64
        bank = filter_bank(
            settings.sample_rate, settings.n_fft, settings.n_mels, settings.fmin, settings.highest
        )
        self._bank = self._there(bank, self._precision)
        window = hann_window(settings.win_length, settings.n_fft).copy()
        self._window = self._there(window, self._precision)

    def __call__(self, wave: NDArray[np.float32], sample_rate: int) -> NDArray[np.float32]:
        """Return the log-mel of one example of a recording.

        Parameters
        ----------
        wave : (channels, n) float32
            The recording's beginning at its own rate; a little more than an example, for its end.

        Returns
        -------
        mel : (channels, mels, frames) float32
            Decibels, on the CPU.
        """
        at_rate = self.resampled(self._there(wave), sample_rate)
        mel: NDArray[np.float32] = self.log_mel(self.of_an_example(at_rate)).cpu().numpy()
        return mel

    def resampled(self, wave: Tensor, sample_rate: int) -> Tensor:
        """Return `wave` (..., n) at the front end's rate, in float32."""
        if sample_rate == self.settings.sample_rate:
            return wave
        resampled: Tensor = self._torchaudio.resample(
            wave, sample_rate, self.settings.sample_rate, **FILTER
        )
        return resampled

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
        """
        convolved: Tensor = self._torchaudio.fftconvolve(wave, responses.expand(len(wave), -1))
        return convolved[:, : wave.shape[-1]]

    def of_an_example(self, wave: Tensor) -> Tensor:
        """Return the beginning of `wave` (channels, n), filled as the settings say, in length."""
        samples = self.settings.samples
        if self.settings.short == "repeat" and wave.shape[-1]:
            wave = wave.repeat(1, -(-samples // wave.shape[-1]))
        return F.pad(wave[:, :samples], (0, max(0, samples - wave.shape[-1])))

    def log_mel(self, wave: Tensor) -> Tensor:
        """Return the log-mel (..., mels, frames) float32 of `wave` (..., samples), in dB."""
        settings = self.settings
        flat = wave.reshape(-1, wave.shape[-1]).to(self._precision)
        spectrum = torch.stft(
            flat,
            settings.n_fft,
            settings.hop_length,
            window=self._window,
            pad_mode="constant",
            return_complex=True,
        )
        mel = self._bank @ spectrum.abs().square()
        level: Tensor = 10 * mel.clamp_min(FLOOR).log10()
        return level.float().reshape(*wave.shape[:-1], settings.n_mels, -1)

    def _there(self, values: NDArray[np.generic], precision: torch.dtype | None = None) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(values)).to(self.device, precision)
