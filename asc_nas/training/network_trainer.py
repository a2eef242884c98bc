"""Training a fixed network from scratch, and its one test with the last epoch's weights."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from asc_nas.core.randomness import derived_seed
from asc_nas.data.examples import Examples
from asc_nas.evaluation.scores import Scores, score
from asc_nas.nn.subnet import InputNorm, SubNet
from asc_nas.nn.supernet import init_weights
from asc_nas.space.netspec import NetSpec
from asc_nas.training.trainer import OnEpoch, Progress, Teacher, TrainConfig, fit, posteriors


def train_network(
    spec: NetSpec,
    examples: Examples,
    config: TrainConfig,
    *,
    seed: int,
    state_file: Path,
    teacher: Teacher | None = None,
    on_epoch: OnEpoch | None = None,
    progress: Progress | None = None,
) -> tuple[SubNet, list[dict[str, Any]]]:
    """Build the network of `spec`, train it from scratch and return it with its log."""
    network = new_network(spec, seed)
    log = fit_network(
        network,
        examples,
        config,
        seed=seed,
        state_file=state_file,
        teacher=teacher,
        on_epoch=on_epoch,
        progress=progress,
    )
    return network, log


def fit_network(
    network: torch.nn.Module,
    examples: Examples,
    config: TrainConfig,
    *,
    seed: int,
    state_file: Path,
    teacher: Teacher | None = None,
    before_epoch: Callable[[int], None] | None = None,
    on_epoch: OnEpoch | None = None,
    progress: Progress | None = None,
) -> list[dict[str, Any]]:
    """Train a network that has an `InputNorm`, `input_norm`, in place, and return its log.

    The statistics are those of `examples`; the rest is `fit`.
    """
    norm = network.input_norm
    assert isinstance(norm, InputNorm)
    norm.set_statistics(*examples.mel_statistics(norm.level))
    return fit(
        network,
        lambda step: [network],
        examples,
        config,
        seed=seed,
        name="retrain",
        state_file=state_file,
        teacher=teacher,
        before_epoch=before_epoch,
        on_epoch=on_epoch,
        progress=progress,
    )


def new_network(spec: NetSpec, seed: int) -> SubNet:
    """Return a network with freshly drawn weights."""
    network = SubNet(spec)
    init_weights(network, torch.Generator().manual_seed(derived_seed(seed, "init")))
    return network


def evaluate(network: torch.nn.Module, examples: Examples) -> Scores:
    """Score clip decisions; a clip's posterior is the mean over its channels."""
    channel_posteriors = posteriors(network, examples).numpy()
    clip_posteriors = examples.clip_posteriors(channel_posteriors)
    return score(clip_posteriors, examples.clip_targets, examples.labels)
