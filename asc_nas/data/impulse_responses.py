"""Impulse responses of devices, as what they do to the level of each mel band."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from asc_nas.audio.io import AUDIO_SUFFIXES, load_audio
from asc_nas.audio.logmel import FrontEnd
from asc_nas.audio.mel_bands import filter_bank
from asc_nas.audio.signal import first_heard
from asc_nas.core.errors import UsageError

SILENT = 1e-10
"""Least power, relative to the mean, that a band of a response has."""


def read_responses(folder: str | Path, frontend: FrontEnd) -> Tensor:
    """Return the response of every audio file in `folder` in dB, (files, mels), mean power 1.

    A response that is short against the front end's window multiplies the spectrum of every frame:
    so it is a number of dB per mel band. Long reverberation is not imitated.

    Raises
    ------
    UsageError
        If the folder is missing or holds no audio file.
    AscNasError
        If a file cannot be read.
    """
    paths = [p for p in sorted(Path(folder).glob("*")) if p.suffix.lower() in AUDIO_SUFFIXES]
    if not paths:
        raise UsageError(
            f"{folder}: holds no impulse responses (audio files); give another folder as "
            "augment.device_responses."
        )
    return torch.stack([_response(path, frontend) for path in paths])


def _response(path: Path, frontend: FrontEnd) -> Tensor:
    samples = first_heard(load_audio(path, frontend.sample_rate))
    n_fft = max(frontend.n_fft, 1 << (len(samples) - 1).bit_length())
    power = np.abs(np.fft.rfft(samples, n_fft)) ** 2
    bank = filter_bank(
        frontend.sample_rate, n_fft, frontend.n_mels, frontend.fmin, frontend.highest
    )
    bands = bank @ power / np.maximum(bank.sum(1), 1e-12)
    relative = bands / max(float(bands.mean()), 1e-30)
    return torch.from_numpy(10 * np.log10(np.maximum(relative, SILENT))).float()
