"""Impulse responses of devices and rooms, as what they do to the level of each mel band.

Convolving a waveform with a response that is short against the front end's window multiplies the
spectrum of every frame. A longer one also lets a frame be heard in those after it: the response is
cut into parts by their delay, and in every band the powers of the parts' frames are summed. For a
reverberation, whose parts are not in phase, that is what convolving the waveform does on average
(Lebart et al., "A new method based on spectral subtraction for speech dereverberation", 2001).
"""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from asc_nas.audio.io import AUDIO_SUFFIXES, load_audio
from asc_nas.audio.logmel import FrontEnd
from asc_nas.audio.mel_bands import filter_bank
from asc_nas.core.errors import UsageError

SILENT = 1e-10
"""Least power, relative to the mean, that a band of a response has."""


def read_responses(folder: str | Path, frontend: FrontEnd) -> Tensor:
    """Return the response of every audio file in `folder` in dB, (files, mels, delays).

    A delay is one frame; with the last of them the longest response, or the example, ends. The
    power over all delays is 1 in the mean of the bands.

    Raises
    ------
    UsageError
        If the folder is missing or holds no audio file, or a response is silent.
    AscNasError
        If a file cannot be read.
    """
    paths = [p for p in sorted(Path(folder).glob("[!.]*")) if p.suffix.lower() in AUDIO_SUFFIXES]
    if not paths:
        raise UsageError(
            f"{folder}: holds no impulse responses (audio files); give another folder as "
            "augment.device_responses."
        )
    responses = [_response(path, frontend) for path in paths]
    delays = max(response.shape[1] for response in responses)
    padded = [np.pad(each, ((0, 0), (0, delays - each.shape[1]))) for each in responses]
    return torch.from_numpy(10 * np.log10(np.maximum(padded, SILENT))).float()


def _response(path: Path, frontend: FrontEnd) -> NDArray[np.float64]:
    """Return the power of a response in each band and delay, (mels, delays)."""
    channels = load_audio(path, frontend.sample_rate).astype(np.float64)
    loudest = channels[int(np.square(channels).sum(1).argmax())]
    samples = np.trim_zeros(loudest, "b")
    if not len(samples):
        raise UsageError(
            f"{path}: an impulse response that is silent; take it out of augment.device_responses."
        )
    parts = [samples]
    if len(samples) > frontend.win_length:
        direct, hop = int(np.abs(samples).argmax()), frontend.hop_length
        last = min(-(-(len(samples) - 1 - direct) // hop), frontend.frames - 1)
        parts = []
        for delay in range(last + 1):
            # What comes before the direct sound is heard with it.
            start = direct + (delay - 1) * hop if delay else 0
            part = samples[start : direct + (delay + 1) * hop]
            places = np.maximum(np.arange(start, start + len(part)) - direct, 0) / hop
            # Of a sample between two delays each gets a share of the power.
            parts.append(part * np.sqrt(np.maximum(0, 1 - np.abs(places - delay))))
    longest = max(map(len, parts))
    n_fft = max(frontend.n_fft, 1 << (longest - 1).bit_length())
    bank = filter_bank(
        frontend.sample_rate, n_fft, frontend.n_mels, frontend.fmin, frontend.highest
    )
    widths = np.maximum(bank.sum(1), 1e-12)
    bands = [bank @ np.abs(np.fft.rfft(part, n_fft)) ** 2 / widths for part in parts]
    power = np.stack(bands, axis=1)
    relative: NDArray[np.float64] = power / power.sum(1).mean()
    return relative
