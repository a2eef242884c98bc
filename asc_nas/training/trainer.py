"""The training loop of supernet and stand-alone networks: one optimiser step is K passes."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

import torch
from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    model_validator,
)
from torch import Tensor, nn
from torch.nn import functional as F

from asc_nas.core.config import Config
from asc_nas.core.randomness import stream
from asc_nas.data.augment import Augmentation, AugmentConfig
from asc_nas.data.examples import Examples
from asc_nas.training import checkpoint
from asc_nas.training.weight_average import equal_average, moving_average

Pass = Callable[[Tensor], Tensor]
Progress = Callable[[int, int, str], None]
OnEpoch = Callable[[int, dict[str, float]], None]
Teacher = tuple[Callable[[Tensor], Tensor], float]


class TrainConfig(Config):
    """How a network is trained: AdamW, linear warm-up, cosine decay to zero.

    Attributes
    ----------
    epochs, batch_size : int
    learning_rate, weight_decay : float
    warmup_epochs : int
    label_smoothing : float
    balanced : bool
        Draw every class equally often in an epoch, where otherwise every example comes once.
    ema_decay : float
        Weights and statistics at the end are their exponential moving average over the steps, with
        at most this decay (0: the last step's).
    swa_share : float
        Share of the training, at its end, in which the learning rate stays where it is and the
        weights of all epochs are averaged (stochastic weight averaging, Izmailov et al., arXiv
        1803.05407; 0: off).
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
    balanced: bool = False
    ema_decay: float = Field(0.0, ge=0, lt=1)
    swa_share: float = Field(0.0, ge=0, lt=1)
    checkpoint_every: PositiveInt = 5
    augment: AugmentConfig = AugmentConfig()

    @model_validator(mode="after")
    def _check_averages(self) -> Self:
        if self.ema_decay and self.swa_share:
            raise ValueError("ema_decay and swa_share both average the weights; set one to 0")
        return self

    @property
    def swa_start(self) -> float:
        """Epochs done when the learning rate stops falling."""
        return (1 - self.swa_share) * self.epochs


def fit(
    module: nn.Module,
    passes: Callable[[int], Sequence[Pass]],
    examples: Examples,
    config: TrainConfig,
    *,
    seed: int,
    name: str,
    state_file: Path,
    distillation: float = 0.0,
    teacher: Teacher | None = None,
    before_epoch: Callable[[int], None] | None = None,
    on_epoch: OnEpoch | None = None,
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
    distillation : float
        Share of the targets that is the output of a step's first pass, which learns from the labels
        alone and teaches the others (in-place distillation, Yu and Huang, arXiv 1903.05134).
    teacher : function from a batch to probabilities (n, classes), with its share of the targets
        Instead: it gives this share of the targets of all passes, for the batch as augmented
        (function matching, Beyer et al., arXiv 2106.05237).
    before_epoch : called with the number of epochs done, before each epoch that is trained here
    on_epoch : called with (epochs done, values to log) after each epoch that is trained here
        Before the state is saved: after a kill an epoch may come twice, but none is left out.
    progress : called with (epochs done, epochs, text)
    """
    to_channels_last(module)
    optimizer = make_optimizer(module, config)
    average = None
    if config.ema_decay:
        average = moving_average(module, config.ema_decay)
    elif config.swa_share:
        average = equal_average(module)
    log: list[dict[str, Any]] = []
    if state_file.exists():
        log = checkpoint.load(state_file, module, optimizer, average)["log"]
    augmentation = Augmentation(config.augment, examples)
    epoch_steps = steps_per_epoch(examples, config)
    module.train()
    for epoch in range(len(log), config.epochs):
        if before_epoch is not None:
            before_epoch(epoch)
        rng = stream(seed, name, epoch)
        losses = []
        batches = examples.batches(config.batch_size, rng, balanced=config.balanced)
        for i, positions in enumerate(batches):
            step = epoch * epoch_steps + i
            set_learning_rate(optimizer, config, step / epoch_steps)
            x, targets = examples.batch(positions)
            x, soft = augmentation(x, targets, rng)
            x = x.contiguous(memory_format=torch.channels_last)
            if teacher is not None:
                teach, share = teacher
                soft = (1 - share) * soft + share * teach(x)
            optimizer.zero_grad()
            forwards = passes(step)
            for number, forward in enumerate(forwards):
                logits = forward(x)
                loss = F.cross_entropy(logits, soft, label_smoothing=config.label_smoothing)
                (loss / len(forwards)).backward()
                losses.append(loss.item())
                if distillation and number == 0:
                    taught = logits.detach().softmax(1)
                    soft = (1 - distillation) * soft + distillation * taught
            optimizer.step()
            if average is not None and config.ema_decay:
                average.update_parameters(module)
        if average is not None and config.swa_share and epoch + 1 > config.swa_start:
            average.update_parameters(module)
        log.append({"epoch": epoch + 1, "loss": sum(losses) / len(losses)})
        if on_epoch is not None:
            rate = optimizer.param_groups[0]["lr"]
            on_epoch(epoch + 1, {"loss": log[-1]["loss"], "learning_rate": rate})
        if (epoch + 1) % config.checkpoint_every == 0 or epoch + 1 == config.epochs:
            checkpoint.save(state_file, module, {"log": log}, optimizer, average)
        if progress is not None:
            progress(epoch + 1, config.epochs, f"loss {log[-1]['loss']:.3f}")
    if average is not None:
        module.load_state_dict(average.module.state_dict())
    module.eval()
    return log


def steps_per_epoch(examples: Examples, config: TrainConfig) -> int:
    """Return the number of optimiser steps in an epoch."""
    return max(1, len(examples) // config.batch_size)


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
        epoch = min(epoch, config.swa_start)
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
