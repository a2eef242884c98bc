"""The training loop of supernet and stand-alone networks: one optimiser step is K passes."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from pydantic import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from torch import Tensor, nn
from torch.nn import functional as F

from asc_nas.config import Config
from asc_nas.data.augment import AugmentConfig, augment
from asc_nas.data.dataset import Examples
from asc_nas.randomness import stream
from asc_nas.training import checkpoint

Pass = Callable[[Tensor], Tensor]
Progress = Callable[[int, int, str], None]


class TrainConfig(Config):
    """How a network is trained: AdamW, linear warm-up, cosine decay to zero.

    Attributes
    ----------
    epochs, batch_size : int
    learning_rate, weight_decay : float
    warmup_epochs : int
    label_smoothing : float
    checkpoint_every : int
        Epochs between two saved states.
    augment : AugmentConfig
    """

    epochs: PositiveInt = 60
    batch_size: PositiveInt = 32
    learning_rate: PositiveFloat = 2e-3
    weight_decay: NonNegativeFloat = 1e-2
    warmup_epochs: NonNegativeInt = 3
    label_smoothing: NonNegativeFloat = 0.1
    checkpoint_every: PositiveInt = 5
    augment: AugmentConfig = AugmentConfig()


def fit(
    module: nn.Module,
    passes: Callable[[int], Sequence[Pass]],
    examples: Examples,
    config: TrainConfig,
    *,
    seed: int,
    name: str,
    state_file: Path,
    progress: Progress | None = None,
) -> list[dict[str, Any]]:
    """Train `module` in place to the last epoch and return one log entry per epoch.

    Parameters
    ----------
    passes : function from step number to forward functions
        All of a step see the same augmented batch; their gradients accumulate into one update.
    seed, name
        Batches and augmentation are drawn from streams of this seed and name, by epoch.
    state_file : Path
        Where the state is kept; if it exists, training goes on from it, with the same outcome as
        an uninterrupted one.
    progress : called with (epochs done, epochs, text)
    """
    to_channels_last(module)
    optimizer = make_optimizer(module, config)
    log: list[dict[str, Any]] = []
    if state_file.exists():
        log = checkpoint.load(state_file, module, optimizer)["log"]
    fill, _ = examples.mel_statistics()
    steps_per_epoch = max(1, len(examples) // config.batch_size)
    module.train()
    for epoch in range(len(log), config.epochs):
        rng = stream(seed, name, epoch)
        losses = []
        for i, positions in enumerate(examples.batches(config.batch_size, rng)):
            step = epoch * steps_per_epoch + i
            set_learning_rate(optimizer, config, step / steps_per_epoch)
            x, targets = examples.batch(positions)
            x, soft = augment(x, targets, len(examples.labels), fill, config.augment, rng)
            x = x.contiguous(memory_format=torch.channels_last)
            optimizer.zero_grad()
            forwards = passes(step)
            for forward in forwards:
                loss = F.cross_entropy(forward(x), soft, label_smoothing=config.label_smoothing)
                (loss / len(forwards)).backward()
                losses.append(loss.item())
            optimizer.step()
        log.append({"epoch": epoch + 1, "loss": sum(losses) / len(losses)})
        if (epoch + 1) % config.checkpoint_every == 0 or epoch + 1 == config.epochs:
            checkpoint.save(state_file, module, {"log": log}, optimizer)
        if progress is not None:
            progress(epoch + 1, config.epochs, f"loss {log[-1]['loss']:.3f}")
    module.eval()
    return log


def make_optimizer(module: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """Return AdamW that decays the weights of convolutions and linear layers, not of norms."""
    parameters = list(module.parameters())
    groups: list[dict[str, Any]] = [
        {"params": [p for p in parameters if p.dim() > 1]},
        {"params": [p for p in parameters if p.dim() <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        groups,
        lr=config.learning_rate,
        weight_decay=config.weight_decay,
        fused=True,
    )


def set_learning_rate(optimizer: torch.optim.Optimizer, config: TrainConfig, epoch: float) -> None:
    """Set the rate of a moment in training, given in epochs with a fraction."""
    warmup = min(config.warmup_epochs, config.epochs)
    if epoch < warmup:
        factor = (epoch + 0.1) / (warmup + 0.1)
    else:
        done = (epoch - warmup) / max(1e-9, config.epochs - warmup)
        factor = (1 + math.cos(math.pi * min(1.0, done))) / 2
    for group in optimizer.param_groups:
        group["lr"] = config.learning_rate * factor


def to_channels_last(module: nn.Module) -> nn.Module:
    """Store convolution weights channels-last, which the CPU kernels run fastest on; in place."""
    untyped: Any = module  # PyTorch's type hints know `memory_format` from 2.14 on only
    return untyped.to(memory_format=torch.channels_last)


@torch.inference_mode()
def posteriors(network: nn.Module, examples: Examples, batch_size: int = 64) -> Tensor:
    """Return the posteriors (examples, classes) of `network` in evaluation mode."""
    network.eval()
    outputs = []
    for positions in examples.batches(batch_size):
        x, _ = examples.batch(positions)
        x = x.contiguous(memory_format=torch.channels_last)
        outputs.append(network(x).softmax(1))
    return torch.cat(outputs)
