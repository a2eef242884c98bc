"""Augmentation of a batch of log-mel: mixup, SpecAugment, time roll, gain."""

import numpy as np
import torch
from pydantic import NonNegativeFloat, NonNegativeInt
from torch import Tensor
from torch.nn import functional as F

from asc_nas.config import Config


class AugmentConfig(Config):
    """How training batches are varied; 0 turns a part off.

    Attributes
    ----------
    mixup_alpha : float
        Parameter of the Beta distribution (Zhang et al., arXiv 1710.09412).
    frequency_mask, time_mask : int
        Largest width of one masked stripe, mel bands or frames (SpecAugment, Park et al. 2019).
    time_roll : float
        Largest circular shift as a share of the clip.
    gain_db : float
        Largest change of level, dB, either way.
    """

    mixup_alpha: NonNegativeFloat = 0.3
    frequency_mask: NonNegativeInt = 8
    time_mask: NonNegativeInt = 24
    time_roll: NonNegativeFloat = 0.5
    gain_db: NonNegativeFloat = 0.0


def augment(
    x: Tensor,
    targets: Tensor,
    num_classes: int,
    fill: Tensor,
    config: AugmentConfig,
    rng: np.random.Generator,
) -> tuple[Tensor, Tensor]:
    """Return the varied batch and its soft targets.

    Parameters
    ----------
    x : (n, 1, mels, frames) float32, dB
    targets : (n,) int64
    fill : (mels,) float32
        What a masked stripe holds: the mean of each mel band, in dB.
    rng : numpy Generator

    Returns
    -------
    x : (n, 1, mels, frames) float32
    soft targets : (n, num_classes) float32, rows sum to 1
    """
    n, _, mels, frames = x.shape
    soft = F.one_hot(targets, num_classes).float()
    if config.time_roll:
        limit = int(config.time_roll * frames)
        shifts = torch.from_numpy(rng.integers(-limit, limit + 1, n))
        index = (torch.arange(frames) - shifts[:, None]) % frames
        x = x.gather(3, index[:, None, None, :].expand(n, 1, mels, frames))
    if config.gain_db:
        gain = rng.uniform(-config.gain_db, config.gain_db, (n, 1, 1, 1))
        x = x + torch.from_numpy(gain).float()
    if config.mixup_alpha:
        drawn = rng.beta(config.mixup_alpha, config.mixup_alpha, n)
        share = torch.from_numpy(np.maximum(drawn, 1 - drawn)).float()
        other = torch.from_numpy(rng.permutation(n))
        keep = share[:, None, None, None]
        x = keep * x + (1 - keep) * x[other]
        soft = share[:, None] * soft + (1 - share[:, None]) * soft[other]
    mask = _stripes(n, mels, config.frequency_mask, rng)[:, None, :, None]
    mask = mask | _stripes(n, frames, config.time_mask, rng)[:, None, None, :]
    return torch.where(mask, fill[None, None, :, None], x), soft


def _stripes(n: int, length: int, widest: int, rng: np.random.Generator) -> Tensor:
    """Return one random stripe per example as a mask (n, length)."""
    width = rng.integers(0, min(widest, length) + 1, n)
    start = rng.integers(0, length - width + 1)
    place = np.arange(length)[None, :]
    return torch.from_numpy((place >= start[:, None]) & (place < (start + width)[:, None]))
