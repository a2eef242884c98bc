"""Augmentation of a batch of log-mel: shuffle-and-mix, mixup, SpecAugment, time roll, gain."""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveInt
from torch import Tensor
from torch.nn import functional as F

from asc_nas.config import Config

NEPERS_PER_DB = math.log(10) / 10
"""Natural logarithm of power per decibel."""


class AugmentConfig(Config):
    """How training batches are varied; 0 turns a part off.

    Attributes
    ----------
    shuffle_mix : float, 0 to 1
        Probability that an example is replaced by a mixture with another of its class, of both the
        segments shuffled (Inoue et al., "Domestic activities classification based on CNN using
        shuffling and mixing data augmentation", DCASE 2018 Task 5; there on waveforms).
    shuffle_segments : int
        Segments of a clip that are shuffled.
    mixup_alpha : float
        Parameter of the Beta distribution (Zhang et al., arXiv 1710.09412).
    frequency_mask, time_mask : int
        Largest width of one masked stripe, mel bands or frames (SpecAugment, Park et al. 2019).
    time_roll : float
        Largest circular shift as a share of the clip.
    gain_db : float
        Largest change of level, dB, either way.
    """

    shuffle_mix: float = Field(0.0, ge=0, le=1)
    shuffle_segments: PositiveInt = 5
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
    if config.shuffle_mix:
        x = _shuffle_and_mix(x, targets, config, rng)
    if config.time_roll:
        limit = int(config.time_roll * frames)
        shifts = torch.from_numpy(rng.integers(-limit, limit + 1, n))
        x = _frames_at(x, (torch.arange(frames) - shifts[:, None]) % frames)
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


def _shuffle_and_mix(
    x: Tensor, targets: Tensor, config: AugmentConfig, rng: np.random.Generator
) -> Tensor:
    """Return the batch with some examples replaced by mixtures within their class.

    Powers are mixed, w of the example and 1 - w of its partner, w uniform from 0 to 1.
    """
    n, frames = len(x), x.shape[3]
    chosen = torch.from_numpy(rng.random(n) < config.shuffle_mix)
    partner = torch.from_numpy(_partners_in_class(targets.numpy(), rng))
    own = _frames_at(x, _shuffled_segments(n, frames, config.shuffle_segments, rng))
    other = _frames_at(x[partner], _shuffled_segments(n, frames, config.shuffle_segments, rng))
    weight = torch.from_numpy(rng.random(n)).float()[:, None, None, None]
    mixed = torch.logaddexp(
        own * NEPERS_PER_DB + weight.log(), other * NEPERS_PER_DB + (1 - weight).log()
    )
    return torch.where(chosen[:, None, None, None], mixed / NEPERS_PER_DB, x)


def _partners_in_class(targets: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Return for each example (n,) the place of another of its class; its own if it is alone."""
    order = np.lexsort((rng.random(len(targets)), targets))  # classes in a row, each shuffled
    first = np.searchsorted(targets[order], targets[order], side="left")
    end = np.searchsorted(targets[order], targets[order], side="right")
    following = np.arange(len(targets)) + 1
    partners = np.empty_like(order)
    partners[order] = order[np.where(following == end, first, following)]
    return partners


def _shuffled_segments(n: int, frames: int, segments: int, rng: np.random.Generator) -> Tensor:
    """Return for n examples which frame goes where, (n, frames), equal segments being shuffled."""
    segment_of_frame = np.arange(frames) * segments // frames
    places = rng.random((n, segments))[:, segment_of_frame]
    return torch.from_numpy(np.argsort(places, axis=1, kind="stable"))


def _frames_at(x: Tensor, index: Tensor) -> Tensor:
    """Return x (n, 1, mels, frames) with each example's frames taken at `index` (n, frames)."""
    return x.gather(3, index[:, None, None, :].expand(x.shape))


def _stripes(n: int, length: int, widest: int, rng: np.random.Generator) -> Tensor:
    """Return one random stripe per example as a mask (n, length)."""
    width = rng.integers(0, min(widest, length) + 1, n)
    start = rng.integers(0, length - width + 1)
    place = np.arange(length)[None, :]
    return torch.from_numpy((place >= start[:, None]) & (place < (start + width)[:, None]))
