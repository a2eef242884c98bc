"""Augmentation of a batch of log-mel, in the order in which sounds reach a recording.

Sounds are warped and placed in time (`warping`), mixed (`mixing`), recorded by a device
(`recording_channel`), and the outcome is masked. All of it works on the features, so that every
epoch costs little and no recording is read twice.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, NonNegativeFloat, NonNegativeInt
from torch import Tensor
from torch.nn import functional as F

from asc_nas.audio.logmel import FrontEnd
from asc_nas.audio.mel_bands import centre_frequencies
from asc_nas.core.config import Amount, Config
from asc_nas.data import mixing, recording_channel, warping
from asc_nas.data.drawn import beside
from asc_nas.data.examples import Examples
from asc_nas.data.impulse_responses import read_responses


class AugmentConfig(Config):
    """How training batches are varied; 0 turns a part off."""

    speed: NonNegativeFloat = 0.0
    """Largest change of the playback speed, pitch included: at 0.25 a clip is up to 1.25 times
    faster or slower. 0.25 gained nothing on ESC-10."""
    tempo: NonNegativeFloat = 0.0
    """Largest change of the tempo alone, pitch staying, as for `speed`. 0.25 gained nothing on
    ESC-10."""
    pitch: NonNegativeFloat = 0.0
    """Largest change of pitch alone, semitones. 3 gained nothing on ESC-10."""
    time_roll: NonNegativeFloat = 0.5
    """Largest circular shift, as a share of the clip. Without it ESC-10 lost 3.6 points; lower it
    where a sound's place in the clip tells its class."""
    pad: float = Field(0.0, ge=0, lt=1)
    """Largest shift that is not circular, silence coming in, as a share of the clip. For sounds
    that begin late or are cut off; 0.25 changed nothing on ESC-10."""
    crop: float = Field(0.0, ge=0, lt=1)
    """Share of the clip that is cut away, a random remainder being kept. It makes training faster
    by as much; 0.5 cost 3.9 points on ESC-10."""
    shorten: float = Field(0.0, ge=0, le=1)
    """Probability that a random part of an example, down to a fifth, is repeated until it fills
    the example, as the front end's ``short: repeat`` does with a recording that is too short. Set
    it where recordings may be short: 0.5 gained 12 points on single seconds of ESC-10, and cost
    whole clips one."""
    shuffle_mix: float = Field(0.0, ge=0, le=1)
    """Probability that an example is replaced by a mixture with another of its class, of both the
    segments shuffled (Inoue et al., "Domestic activities classification based on CNN using
    shuffling and mixing data augmentation", DCASE 2018 Task 5; there on waveforms). For scenes
    without an order in time; 0.5 gained nothing on ESC-10."""
    shuffle_segments: Amount = 5
    """Number of segments of a clip that `shuffle_mix` shuffles."""
    mixup_alpha: NonNegativeFloat = 0.3
    """Parameter of the Beta distribution of mixup's shares (Zhang et al., arXiv 1710.09412). On
    ESC-10, 0 kept the accuracy, and the log loss was lower by 0.06."""
    between_class: bool = False
    """Let mixup mix sounds, as two waveforms sum, not decibels, by shares of what is heard: a loud
    clip does not cover a quiet one (Tokozume et al., arXiv 1711.10282; alpha 1 is theirs). It
    gained nothing on ESC-10."""
    mixstyle: float = Field(0.0, ge=0, le=1)
    """Probability that a batch exchanges part of the mean and deviation of each band
    (Freq-MixStyle, Kim et al., arXiv 2206.12513; Schmid et al., DCASE 2022). It is for sets of
    several devices: there 0.4 gained 4 points, as `response_db` of 20 did, and both no more. 0.5
    cost 1.6 on ESC-10, which has none."""
    gain_db: NonNegativeFloat = 0.0
    """Largest change of level, either way, dB. For recordings of other levels; with
    `skeleton.input_range_db` the level does not matter anyway."""
    response_db: NonNegativeFloat = 0.0
    """Largest range, from its least to its most, of a random frequency response, dB; it is smooth
    over octaves. For microphones that training has not heard: 20 in the models that come with
    asc-nas."""
    device_responses: str | None = None
    """Folder of impulse responses of devices or rooms (audio files), with one of which an example
    is recorded. They may be longer than a window: then sounds reverberate. Set it if you have those
    of your devices."""
    band_limit: float = Field(0.0, ge=0, le=1)
    """Probability that nothing is left above some frequency from 2 kHz up, as of a recording at a
    low rate. 0.1 in the models that come with asc-nas; 0.25 cost whole recordings of ESC-10 a
    point."""
    noise: float = Field(0.0, ge=0, le=1)
    """Probability of added noise, white to pink, with a signal-to-noise ratio of 0 to 30 dB. 0.5
    was the best single measure on ESC-10; not for scenes that are told apart by their noise."""
    frequency_mask: NonNegativeInt = 8
    """Largest width of one masked stripe of frequencies, mel bands (SpecAugment, Park et al. 2019).
    Let it grow with `frontend.n_mels`: 8 is for 64 bands."""
    time_mask: NonNegativeInt = 24
    """Largest width of one masked stripe of time, frames; `asc-nas init` takes an eighth of the
    example, at most 24. Without both masks the log loss of ESC-10 was higher by 0.07."""

    def heard_through(self, frontend: FrontEnd, own: FrontEnd) -> "AugmentConfig":
        """Return the settings for another front end than the run's `own`.

        Masks are as wide in hertz and seconds.
        """
        return self.model_copy(
            update={
                "frequency_mask": round(self.frequency_mask * frontend.n_mels / own.n_mels),
                "time_mask": round(self.time_mask * frontend.frames / own.frames),
            }
        )


class Augmentation:
    """Varies batches of `examples` as `config` says, on the device that they are on.

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
        self, x: Tensor, targets: Tensor, rng: np.random.Generator, soft: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the varied batch and its soft targets.

        Parameters
        ----------
        x : (n, 1, mels, frames) float32, dB
        targets : (n,) int64, on the CPU
        soft : (n, num_classes or more) float32, optional
            What is learnt in place of `targets`, see `Examples.soft_targets`.

        Returns
        -------
        x : (n, 1, mels, frames that are left) float32
        soft targets : (n, num_classes) float32, rows sum to 1; further columns of `soft` behind
        """
        x = self._vary_sounds(x, targets, rng)
        soft = F.one_hot(targets, self.num_classes).float() if soft is None else soft
        soft = soft.to(x.device)
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
        bands = beside(x, _stripes(n, mels, self.config.frequency_mask, rng))
        stripes = beside(x, _stripes(n, frames, self.config.time_mask, rng))
        mask = bands[:, None, :, None] | stripes[:, None, None, :]
        means = self.band_means.to(x.device)
        level = x.mean((2, 3), keepdim=True) - means.mean()
        return torch.where(mask, means[:, None] + level, x)


def _stripes(n: int, length: int, widest: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return one random stripe per example as a mask (n, length)."""
    width = rng.integers(0, min(widest, length) + 1, n)
    start = rng.integers(0, length - width + 1)
    place = np.arange(length)[None, :]
    return (place >= start[:, None]) & (place < (start + width)[:, None])
