"""Augmentation that mixes examples of a batch: mixup, shuffle-and-mix, Freq-MixStyle."""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from asc_nas.data.drawn import beside
from asc_nas.data.warping import frames_at

NEPERS_PER_DB = math.log(10) / 10
"""Natural logarithm of power per decibel."""
MIXSTYLE_ALPHA = 0.3
"""Parameter of the Beta distribution of Freq-MixStyle's shares, its authors' choice."""


def mixup(
    x: Tensor, soft: Tensor, alpha: float, rng: np.random.Generator, *, sounds: bool
) -> tuple[Tensor, Tensor]:
    """Mix every example with another; return the mixtures and their soft targets.

    Parameters
    ----------
    x : (n, 1, mels, frames) float32, dB
    soft : (n, classes) float32
    alpha : float
        The larger share comes first, and is one of Beta(alpha, alpha).
    sounds : bool
        Sum powers, as the sounds' waveforms would, after bringing both to shares of what is heard
        (between-class learning, Tokozume et al., arXiv 1711.10282, equation 2); otherwise decibels
        are averaged. What two waveforms' phases add or take away is left out.
    """
    n = len(x)
    drawn = rng.beta(alpha, alpha, n)
    share = beside(x, np.maximum(drawn, 1 - drawn))
    other = beside(x, rng.permutation(n))
    keep = share[:, None, None, None]
    if sounds:
        level = loudest_frame(x)
        ratio = 10 ** ((level - level[other]) / 20) * (1 - keep) / keep
        amplitude = 1 / (1 + ratio)
        power = amplitude**2 / (amplitude**2 + (1 - amplitude) ** 2)
        x = sum_powers(x, x[other], power)
    else:
        x = keep * x + (1 - keep) * x[other]
    return x, share[:, None] * soft + (1 - share[:, None]) * soft[other]


def loudest_frame(x: Tensor) -> Tensor:
    """Return the level in dB of each example's loudest frame, (n, 1, 1, 1)."""
    level: Tensor = (x * NEPERS_PER_DB).logsumexp(2, keepdim=True).amax(3, keepdim=True)
    return level / NEPERS_PER_DB


def sum_powers(first: Tensor, second: Tensor, weight: Tensor) -> Tensor:
    """Return in dB `weight` of the power of `first` and the rest of that of `second`, both dB."""
    mixed = torch.logaddexp(
        first * NEPERS_PER_DB + weight.log(), second * NEPERS_PER_DB + (1 - weight).log()
    )
    return mixed / NEPERS_PER_DB


def mixstyle(x: Tensor, rng: np.random.Generator) -> Tensor:
    """Give each example a mixture of its own and another's mean and deviation of every band."""
    n = len(x)
    share = beside(x, rng.beta(MIXSTYLE_ALPHA, MIXSTYLE_ALPHA, n))[:, None, None, None]
    other = beside(x, rng.permutation(n))
    deviation, mean = torch.std_mean(x, 3, keepdim=True)
    deviation = deviation.clamp(min=1e-3)
    mixed_mean = share * mean + (1 - share) * mean[other]
    mixed_deviation = share * deviation + (1 - share) * deviation[other]
    return (x - mean) / deviation * mixed_deviation + mixed_mean


def shuffle_and_mix(
    x: Tensor, targets: Tensor, probability: float, segments: int, rng: np.random.Generator
) -> Tensor:
    """Return the batch with some examples replaced by mixtures within their class.

    Powers are mixed, w of the example and 1 - w of its partner, w uniform from 0 to 1. `targets`
    (n,) are on the CPU.
    """
    n, frames = len(x), x.shape[3]
    chosen = beside(x, rng.random(n) < probability)
    partner = beside(x, _partners_in_class(targets.numpy(), rng))
    own = frames_at(x, beside(x, _shuffled_segments(n, frames, segments, rng)))
    other = frames_at(x[partner], beside(x, _shuffled_segments(n, frames, segments, rng)))
    weight = beside(x, rng.random(n))[:, None, None, None]
    return torch.where(chosen[:, None, None, None], sum_powers(own, other, weight), x)


def _partners_in_class(targets: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Return for each example (n,) the place of another of its class; its own if it is alone."""
    order = np.lexsort((rng.random(len(targets)), targets))  # classes in a row, each shuffled
    first = np.searchsorted(targets[order], targets[order], side="left")
    end = np.searchsorted(targets[order], targets[order], side="right")
    following = np.arange(len(targets)) + 1
    partners = np.empty_like(order)
    partners[order] = order[np.where(following == end, first, following)]
    return partners


def _shuffled_segments(
    n: int, frames: int, segments: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return for n examples which frame goes where, (n, frames), equal segments being shuffled."""
    segment_of_frame = np.arange(frames) * segments // frames
    places = rng.random((n, segments))[:, segment_of_frame]
    return np.argsort(places, axis=1, kind="stable")
