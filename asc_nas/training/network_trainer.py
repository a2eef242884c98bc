"""Training a fixed network from scratch, and its one test with the last epoch's weights."""

from collections.abc import Callable

import torch

from asc_nas.core.randomness import derived_seed
from asc_nas.data.examples import Examples
from asc_nas.evaluation.result import LoggedEpoch
from asc_nas.evaluation.scores import Scores, score
from asc_nas.nn.subnet import InputNorm, SubNet
from asc_nas.nn.supernet import init_weights
from asc_nas.space.netspec import NetSpec
from asc_nas.training.trainer import Step, Trainer, posteriors


def train_network(
    spec: NetSpec, examples: Examples, trainer: Trainer
) -> tuple[SubNet, list[LoggedEpoch]]:
    """Build the network of `spec`, train it from scratch and return it with its log."""
    network = new_network(spec, trainer.seed)
    return network, fit_network(network, examples, trainer)


def fit_network(
    network: torch.nn.Module,
    examples: Examples,
    trainer: Trainer,
    steps: Callable[[int], Step] | None = None,
) -> list[LoggedEpoch]:
    """Train a network that has an `InputNorm`, `input_norm`, in place, and return its log.

    The statistics are those of `examples`; the rest, `steps` too, is `Trainer.fit`.
    """
    norm = network.input_norm
    assert isinstance(norm, InputNorm)
    norm.set_statistics(*examples.mel_statistics(norm.level))
    return trainer.fit(network, examples, steps)


def new_network(spec: NetSpec, seed: int) -> SubNet:
    """Return a network with freshly drawn weights."""
    network = SubNet(spec)
    init_weights(network, torch.Generator().manual_seed(derived_seed(seed, "init")))
    return network


def score_network(network: torch.nn.Module, examples: Examples) -> Scores:
    """Score clip decisions; a clip's posterior is the mean over its channels."""
    channel_posteriors = posteriors(network, examples).numpy()
    clip_posteriors = examples.clip_posteriors(channel_posteriors)
    return score(clip_posteriors, examples.clip_targets, examples.labels)
