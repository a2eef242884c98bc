"""Augmentation of how a scene is recorded: noise, the device's response, level, band limit."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from asc_nas.audio.logmel import FLOOR, FLOOR_DB
from asc_nas.data.drawn import beside
from asc_nas.data.mixing import NEPERS_PER_DB

Bands = NDArray[np.float64]

SNR_DB = (0.0, 30.0)
"""Signal-to-noise ratios that are drawn, of mean powers."""
FLUCTUATION_DB = 3.0
"""Deviation of the noise's level in one band of one frame."""
LOWEST_CUT = 2000.0
"""Lowest frequency, in hertz, above which a band limit leaves nothing."""
RIPPLES = 6
"""Half-periods over the octaves of all bands of the finest part of a random response."""


def change_level(x: Tensor, gain_db: float, rng: np.random.Generator) -> Tensor:
    """Shift each example by up to `gain_db`; digital silence stays silent."""
    louder = x + beside(x, rng.uniform(-gain_db, gain_db, (len(x), 1, 1, 1)))
    return louder.clamp(min=FLOOR_DB).where(x > FLOOR_DB, x)


def respond(x: Tensor, range_db: float, frequencies: Bands, rng: np.random.Generator) -> Tensor:
    """Record each example with a random response of a range up to `range_db`.

    It is smooth over octaves, as that of a microphone is: its bass may roll off within few bands.
    """
    n = len(x)
    octaves = np.log2(frequencies / frequencies[0])
    waves = np.cos(np.pi * np.outer(np.arange(1, RIPPLES + 1), octaves / octaves[-1]))
    curves = rng.normal(size=(n, RIPPLES)) @ waves
    ranges = curves.max(1) - curves.min(1)
    curves *= (rng.uniform(0, range_db, n) / np.maximum(ranges, 1e-9))[:, None]
    return _filtered(x, beside(x, curves))


def respond_as(x: Tensor, responses: Tensor, rng: np.random.Generator) -> Tensor:
    """Record each example with one of `responses` (responses, mels, delays) in dB.

    A frame is heard in those that come as many frames later as there are delays.
    """
    chosen = torch.from_numpy(rng.integers(len(responses), size=len(x)))
    curves = responses[chosen].to(x.device)
    if curves.shape[2] == 1:
        return _filtered(x, curves[..., 0])
    n, _, mels, frames = x.shape
    power = (x * NEPERS_PER_DB).exp().where(x > FLOOR_DB, 0)
    earlier = F.pad(power, (curves.shape[2] - 1, 0)).reshape(1, n * mels, -1)
    weights = (curves.flip(2) * NEPERS_PER_DB).exp().reshape(n * mels, 1, -1)
    heard = F.conv1d(earlier, weights, groups=n * mels).reshape(n, 1, mels, frames)
    return (heard.clamp_min(FLOOR).log() / NEPERS_PER_DB).clamp(min=FLOOR_DB)


def _filtered(x: Tensor, curves: Tensor) -> Tensor:
    return (x + curves[:, None, :, None]).clamp(min=FLOOR_DB)


def limit_band(
    x: Tensor, probability: float, frequencies: Bands, rng: np.random.Generator
) -> Tensor:
    """Silence the bands above a random frequency in some examples."""
    n = len(x)
    highest = max(frequencies[-1], LOWEST_CUT)
    cut = LOWEST_CUT * (highest / LOWEST_CUT) ** rng.random(n)
    silent = (rng.random(n) < probability)[:, None] & (frequencies > cut[:, None])
    return x.masked_fill(beside(x, silent)[:, None, :, None], FLOOR_DB)


def add_noise(
    x: Tensor, probability: float, frequencies: Bands, rng: np.random.Generator
) -> Tensor:
    """Add noise of a random colour, white to pink, and level to some examples.

    The ratio of `SNR_DB` is that of the mean powers of clip and noise, bands weighted by width.
    """
    chosen = np.flatnonzero(rng.random(len(x)) < probability)
    if not len(chosen):
        return x
    places = beside(x, chosen)
    colour = -10 * rng.random((len(chosen), 1)) * np.log10(frequencies / frequencies[-1])
    noise = beside(x, colour)[:, None, :, None].expand(-1, 1, -1, x.shape[3])
    fluctuation = rng.standard_normal(noise.shape, dtype=np.float32)
    noise = noise + FLUCTUATION_DB * beside(x, fluctuation)
    widths = beside(x, np.log(np.gradient(frequencies)))[:, None]
    snr = beside(x, rng.uniform(*SNR_DB, (len(chosen), 1, 1, 1)))
    clips = x[places]
    noise = noise + _level(clips, widths) - _level(noise, widths) - snr
    x = x.clone()
    x[places] = torch.logaddexp(clips * NEPERS_PER_DB, noise * NEPERS_PER_DB) / NEPERS_PER_DB
    return x


def _level(x: Tensor, log_widths: Tensor) -> Tensor:
    """Return the level in dB of each example, up to a constant, (n, 1, 1, 1)."""
    level: Tensor = (x * NEPERS_PER_DB + log_widths).logsumexp((2, 3), keepdim=True)
    return level / NEPERS_PER_DB
