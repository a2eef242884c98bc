"""Augmentation in time and pitch: other speeds, shifts and cuts of each example."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from asc_nas.audio.logmel import FLOOR_DB
from asc_nas.data.drawn import beside

Factors = NDArray[np.float64]

SHORTEST = 0.2
"""Least share of an example that `shorten` leaves, to be repeated."""


def draw_factors(
    n: int, speed: float, tempo: float, pitch: float, rng: np.random.Generator
) -> tuple[Factors, Factors]:
    """Draw by which factors the time and the frequencies of n examples are multiplied, (n,) each.

    Parameters
    ----------
    speed, tempo : largest relative change of both together, and of time alone
    pitch : largest change of frequencies alone, semitones
    """
    together = (1 + speed) ** rng.uniform(-1, 1, n)
    faster = together * (1 + tempo) ** rng.uniform(-1, 1, n)
    higher = together * 2 ** (rng.uniform(-pitch, pitch, n) / 12)
    return faster, higher


def warp(x: Tensor, faster: Factors, higher: Factors, frequencies: NDArray[np.float64]) -> Tensor:
    """Return x (n, 1, mels, frames) played faster and with multiplied frequencies.

    An approximation on the features of what resampling does to the waveform: decibels are
    interpolated between bands and frames. A clip that ends too early begins again; above the
    highest band that is known, its level goes on.

    Parameters
    ----------
    faster, higher : (n,)
    frequencies : (mels,), centre of each band in hertz
    """
    n, _, mels, frames = x.shape
    looped = torch.cat([x, x[..., :1]], dim=3)
    time = np.arange(frames) * faster[:, None] % frames
    sources = frequencies / higher[:, None]
    band = np.interp(sources, frequencies, np.arange(mels, dtype=np.float64))
    grid = torch.empty(n, mels, frames, 2, device=x.device)
    grid[..., 0] = beside(x, 2 * time / frames - 1)[:, None, :]
    grid[..., 1] = beside(x, 2 * band / max(1, mels - 1) - 1)[:, :, None]
    return F.grid_sample(looped, grid, padding_mode="border", align_corners=True)


def roll(x: Tensor, share: float, rng: np.random.Generator) -> Tensor:
    """Shift each example circularly by up to `share` of its length, either way."""
    n, frames = len(x), x.shape[3]
    limit = int(share * frames)
    shifts = beside(x, rng.integers(-limit, limit + 1, n))
    return frames_at(x, (torch.arange(frames, device=x.device) - shifts[:, None]) % frames)


def shift(x: Tensor, share: float, rng: np.random.Generator) -> Tensor:
    """Shift each example by up to `share` of its length, either way; silence comes in."""
    n, frames = len(x), x.shape[3]
    limit = int(share * frames)
    shifts = beside(x, rng.integers(-limit, limit + 1, n))
    sources = torch.arange(frames, device=x.device) - shifts[:, None]
    inside = (sources >= 0) & (sources < frames)
    return frames_at(x, sources.clamp(0, frames - 1)).where(inside[:, None, None], FLOOR_DB)


def crop(x: Tensor, share: float, rng: np.random.Generator) -> Tensor:
    """Cut `share` of each example away; what is left begins at random."""
    n, frames = len(x), x.shape[3]
    length = max(1, round((1 - share) * frames))
    starts = beside(x, rng.integers(0, frames - length + 1, n))
    return frames_at(x, starts[:, None] + torch.arange(length, device=x.device))


def shorten(x: Tensor, probability: float, rng: np.random.Generator) -> Tensor:
    """Repeat a random part of some examples until it fills them, as short recordings are.

    The part has any length from `SHORTEST` of the example, every ratio of lengths equally often.
    """
    n, frames = len(x), x.shape[3]
    chosen = rng.random(n) < probability
    shares = np.where(chosen, SHORTEST ** rng.random(n), 1.0)
    lengths = np.maximum(1, np.round(shares * frames)).astype(np.int64)
    starts = beside(x, rng.integers(0, frames - lengths + 1))
    index = torch.arange(frames, device=x.device) % beside(x, lengths)[:, None]
    return frames_at(x, starts[:, None] + index)


def frames_at(x: Tensor, index: Tensor) -> Tensor:
    """Return x (n, 1, mels, frames) with each example's frames taken at `index` (n, frames)."""
    return x.gather(3, index[:, None, None, :].expand(-1, -1, x.shape[2], -1))
