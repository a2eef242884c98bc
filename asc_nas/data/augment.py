"""Augmentation of a batch of log-mel, in the order in which sounds reach a recording.

Sounds are warped and placed in time (`warping`), mixed (`mixing`), recorded by a device
(`recording_channel`), and the outcome is masked. All of it works on the features, so that every
epoch costs little and no recording is read twice.
"""

import numpy as np
import torch
from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveInt
from torch import Tensor
from torch.nn import functional as F

from asc_nas.audio.mel_bands import centre_frequencies
from asc_nas.core.config import Config
from asc_nas.data import mixing, recording_channel, warping
from asc_nas.data.examples import Examples
from asc_nas.data.impulse_responses import read_responses


class AugmentConfig(Config):
    """How training batches are varied; 0 turns a part off.

    Attributes
    ----------
    speed, tempo : float
        Largest change of the playback speed, or of the tempo alone: at 0.25 a clip is up to 1.25
        times faster or slower.
    pitch : float
        Largest change of pitch alone, semitones.
    time_roll : float
        Largest circular shift as a share of the clip.
    pad : float
        Largest shift that is not circular, silence coming in, as a share of the clip.
    crop : float
        Share of the clip that is cut away, a random remainder being kept; this makes training
        faster by as much.
    shorten : float, 0 to 1
        Probability that a random part of an example, down to a fifth, is repeated until it fills
        the example, as the front end's ``short: repeat`` does with a recording that is too short.
    shuffle_mix : float, 0 to 1
        Probability that an example is replaced by a mixture with another of its class, of both the
        segments shuffled (Inoue et al., "Domestic activities classification based on CNN using
        shuffling and mixing data augmentation", DCASE 2018 Task 5; there on waveforms).
    shuffle_segments : int
        Segments of a clip that are shuffled.
    mixup_alpha : float
        Parameter of the Beta distribution (Zhang et al., arXiv 1710.09412).
    between_class : bool
        Mixup mixes sounds, as two waveforms sum, not decibels, by shares of what is heard: a loud
        clip does not cover a quiet one (Tokozume et al., arXiv 1711.10282; alpha 1 is theirs).
    mixstyle : float, 0 to 1
        Probability that a batch exchanges part of the mean and deviation of each band (Freq-
        MixStyle, Kim et al., arXiv 2206.12513; Schmid et al., DCASE 2022).
    gain_db : float
        Largest change of level, dB, either way.
    response_db : float
        Largest range, from its least to its most, of a random frequency response, dB; it is
        smooth over octaves.
    device_responses : str or None
        Folder of impulse responses of devices (audio files), one of which an example is recorded
        with.
    band_limit : float, 0 to 1
        Probability that nothing is left above some frequency from 2 kHz up, as of a recording at a
        low rate.
    noise : float, 0 to 1
        Probability of added noise, white to pink, with a signal-to-noise ratio of 0 to 30 dB.
    frequency_mask, time_mask : int
        Largest width of one masked stripe, mel bands or frames (SpecAugment, Park et al. 2019).
    """

    speed: NonNegativeFloat = 0.0
    tempo: NonNegativeFloat = 0.0
    pitch: NonNegativeFloat = 0.0
    time_roll: NonNegativeFloat = 0.5
    pad: float = Field(0.0, ge=0, lt=1)
    crop: float = Field(0.0, ge=0, lt=1)
    shorten: float = Field(0.0, ge=0, le=1)
    shuffle_mix: float = Field(0.0, ge=0, le=1)
    shuffle_segments: PositiveInt = 5
    mixup_alpha: NonNegativeFloat = 0.3
    between_class: bool = False
    mixstyle: float = Field(0.0, ge=0, le=1)
    gain_db: NonNegativeFloat = 0.0
    response_db: NonNegativeFloat = 0.0
    device_responses: str | None = None
    band_limit: float = Field(0.0, ge=0, le=1)
    noise: float = Field(0.0, ge=0, le=1)
    frequency_mask: NonNegativeInt = 8
    time_mask: NonNegativeInt = 24


class Augmentation:
    """Varies batches of `examples` as `config` says.

    Raises
    ------
    UsageError
        If the folder of device responses holds none that can be read.
    """

    def __init__(self, config: AugmentConfig, examples: Examples) -> None:
        self.config = config
        self.num_classes = len(examples.labels)
        self.band_means, _ = examples.mel_statistics()
        frontend = examples.frontend
        self.frequencies = centre_frequencies(frontend.n_mels, frontend.fmin, frontend.highest)
        folder = config.device_responses
        self.responses = read_responses(folder, frontend) if folder else None

    def __call__(
        self, x: Tensor, targets: Tensor, rng: np.random.Generator
    ) -> tuple[Tensor, Tensor]:
        """Return the varied batch and its soft targets.

        Parameters
        ----------
        x : (n, 1, mels, frames) float32, dB
        targets : (n,) int64

        Returns
        -------
        x : (n, 1, mels, frames that are left) float32
        soft targets : (n, num_classes) float32, rows sum to 1
        """
        x = self._vary_sounds(x, targets, rng)
        soft = F.one_hot(targets, self.num_classes).float()
        if self.config.mixup_alpha:
            x, soft = mixing.mixup(
                x, soft, self.config.mixup_alpha, rng, sounds=self.config.between_class
            )
        return self._mask(self._record(x, rng), rng), soft

    def _vary_sounds(self, x: Tensor, targets: Tensor, rng: np.random.Generator) -> Tensor:
        config = self.config
        if config.shuffle_mix:
            segments = config.shuffle_segments
            x = mixing.shuffle_and_mix(x, targets, config.shuffle_mix, segments, rng)
        if config.speed or config.tempo or config.pitch:
            factors = warping.draw_factors(len(x), config.speed, config.tempo, config.pitch, rng)
            x = warping.warp(x, *factors, self.frequencies)
        if config.time_roll:
            x = warping.roll(x, config.time_roll, rng)
        if config.pad:
            x = warping.shift(x, config.pad, rng)
        if config.crop:
            x = warping.crop(x, config.crop, rng)
        if config.shorten:
            x = warping.shorten(x, config.shorten, rng)
        return x

    def _record(self, x: Tensor, rng: np.random.Generator) -> Tensor:
        config = self.config
        if config.mixstyle and rng.random() < config.mixstyle:
            x = mixing.mixstyle(x, rng)
        if config.noise:
            x = recording_channel.add_noise(x, config.noise, self.frequencies, rng)
        if config.response_db:
            x = recording_channel.respond(x, config.response_db, self.frequencies, rng)
        if self.responses is not None:
            x = recording_channel.respond_as(x, self.responses, rng)
        if config.gain_db:
            x = recording_channel.change_level(x, config.gain_db, rng)
        if config.band_limit:
            x = recording_channel.limit_band(x, config.band_limit, self.frequencies, rng)
        return x

    def _mask(self, x: Tensor, rng: np.random.Generator) -> Tensor:
        n, _, mels, frames = x.shape
        mask = _stripes(n, mels, self.config.frequency_mask, rng)[:, None, :, None]
        mask = mask | _stripes(n, frames, self.config.time_mask, rng)[:, None, None, :]
        level = x.mean((2, 3), keepdim=True) - self.band_means.mean()
        return torch.where(mask, self.band_means[:, None] + level, x)


def _stripes(n: int, length: int, widest: int, rng: np.random.Generator) -> Tensor:
    """Return one random stripe per example as a mask (n, length)."""
    width = rng.integers(0, min(widest, length) + 1, n)
    start = rng.integers(0, length - width + 1)
    place = np.arange(length)[None, :]
    return torch.from_numpy((place >= start[:, None]) & (place < (start + width)[:, None]))
