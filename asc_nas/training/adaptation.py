"""Adaptation: a trained network learns a little more, on the clips of one recording device."""

from dataclasses import replace
from typing import ClassVar

import numpy as np
from pydantic import Field, PositiveFloat
from torch import nn

from asc_nas.core.config import Amount
from asc_nas.core.errors import AscNasError
from asc_nas.core.randomness import stream
from asc_nas.data.examples import Examples
from asc_nas.evaluation.result import LoggedEpoch
from asc_nas.training.trainer import TrainConfig, Trainer


class AdaptConfig(TrainConfig):
    """How `asc-nas adapt` trains a network on for one recording device.

    The defaults gained nothing that could be shown, on simulated devices of some 120 clips each.
    """

    group: ClassVar[str] = "adapt"
    anew: ClassVar[str] = "delete this folder and adapt again"

    epochs: Amount = 10
    """Number of epochs; one is as long as the clips of the recording device are."""
    learning_rate: PositiveFloat = 2e-4
    """Highest learning rate of AdamW: a tenth of that of a training from scratch, as the network is
    to keep what it knows."""
    warmup_epochs: int = Field(1, ge=0, le=1_000_000)
    """Epochs in which the learning rate rises from nearly zero."""
    share: float = Field(1.0, gt=0, le=1)
    """Share of the clips that is of the recording device; the rest are of others, drawn once. 1 is
    the device alone. If all others together are too few, its share is larger."""


def clips_for(
    examples: Examples, recorder: str, share: float, rng: np.random.Generator
) -> Examples:
    """Return the clips of a recording device, with some of others, in the order of `examples`.

    Parameters
    ----------
    share : of the clips that is of the device, above 0 to 1; see `AdaptConfig`
    rng : draws the others

    Raises
    ------
    AscNasError
        If there is no clip of the device.
    """
    here = np.array(examples.recorders, dtype=np.str_) == recorder
    own = np.flatnonzero(here)
    if not len(own):
        raise AscNasError(
            f"no clip of the recording device '{recorder}' to adapt to; leave it out."
        )
    others = rng.permutation(np.flatnonzero(~here))[: round(len(own) * (1 - share) / share)]
    return examples.of_clips(np.sort(np.concatenate([own, others])))


def adapt_network(
    network: nn.Module, examples: Examples, recorder: str, trainer: Trainer
) -> list[LoggedEpoch]:
    """Train a network on in place, for one recording device, and return the log.

    What its input is held against (`InputNorm`) stays as it is; the statistics of its other norms
    follow what it hears.

    Parameters
    ----------
    examples : of all recording devices
    trainer : with an `AdaptConfig`
    """
    config = trainer.config
    assert isinstance(config, AdaptConfig)
    rng = stream(trainer.seed, "adapt", recorder)
    own = clips_for(examples, recorder, config.share, rng)
    return replace(trainer, name=f"adapt {recorder}").fit(network, own)
