"""The training loop of supernet and stand-alone networks: one optimiser step is K passes."""

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self, get_args

import torch
from pydantic import Field, NonNegativeFloat, PositiveFloat, field_validator, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from asc_nas.audio.logmel import FrontEnd
from asc_nas.core.config import Amount, Config
from asc_nas.core.errors import AscNasError
from asc_nas.core.files import as_written
from asc_nas.core.progress import Progress, unheard
from asc_nas.core.randomness import stream
from asc_nas.data.augment import Augmentation, AugmentConfig
from asc_nas.data.examples import Balance, Examples
from asc_nas.data.loading import Loader
from asc_nas.evaluation.result import LoggedEpoch
from asc_nas.training import checkpoint
from asc_nas.training.device import Precision, laid_out, to_device
from asc_nas.training.division import WHOLE, Share, shared
from asc_nas.training.feature_distillation import FeatureLoss
from asc_nas.training.parallel import ALONE, Ranks
from asc_nas.training.weight_average import new_average

Pass = Callable[[Tensor], Tensor]
OnEpoch = Callable[[int, dict[str, float]], None]
Teacher = tuple[Callable[[Tensor], Tensor], float]
Slower = tuple[Sequence[Tensor], float]


class TrainConfig(Config):
    """How a network is trained: AdamW, linear warm-up, cosine decay to zero."""

    group: ClassVar[str] = "retrain"
    anew: ClassVar[str] = "begin a new run (--out)"

    epochs: Amount = 60
    """Number of epochs; `asc-nas init` sets it by the number of examples. Alone, a network for
    ESC-10 needs 200: 100 cost 2.5 points, 400 gained nothing."""
    batch_size: Amount = 32
    """Number of examples in a step; `asc-nas init` sets it by their number in all."""
    learning_rate: PositiveFloat = 2e-3
    """Highest learning rate of AdamW; it rises in the warm-up, then falls to zero as a cosine does.
    Shared weights take more than a network that is trained alone: on ESC-10 2e-2 in `supernet` and
    3e-3 in `retrain`."""
    weight_decay: NonNegativeFloat = 1e-2
    """Weight decay of AdamW, on convolutions and linear layers, not on norms. No config that comes
    with asc-nas changes it."""
    warmup_epochs: int = Field(3, ge=0, le=1_000_000)
    """Epochs in which the learning rate rises from nearly zero. 1 will do where an epoch is long.
    """
    label_smoothing: NonNegativeFloat = 0.1
    """Share of the target that goes evenly to all classes. 0 makes better probabilities and about
    the same decisions (log loss of ESC-10 lower by 0.06 to 0.09), so `asc-nas init` writes 0 in
    `retrain`."""
    balanced: Balance = False
    """Draw every class equally often in an epoch (true, or ``class``), where otherwise every
    example comes once. For classes of uneven size: where half of those of ESC-10 had a quarter of
    the clips, macro-F1 was 4.6 points higher. ``recorder`` draws every recording device equally
    often, ``class_and_recorder`` every class, and in it every recording device that it has; clips
    of unknown ones count as one. Where five devices had a tenth of 1,200
    clips each, ``recorder`` lost 2.6 points."""
    ema_decay: float = Field(0.0, ge=0, lt=1)
    """At the end, weights and statistics are their exponential moving average over the steps, with
    at most this decay; 0 takes those of the last step. 0.995 changed nothing on ESC-10."""
    swa_share: float = Field(0.0, ge=0, lt=1)
    """Share of the training, at its end, in which the learning rate stays where it is and the
    weights of all epochs are averaged (stochastic weight averaging, Izmailov et al., arXiv
    1803.05407; 0: off). Not together with `ema_decay`; 0.25 changed nothing on ESC-10."""
    checkpoint_every: Amount = 5
    """Epochs between two saved states. A stop loses those since the last one: take 1 where an epoch
    is long."""
    augment: AugmentConfig = AugmentConfig()
    """How training batches are varied; 0 turns a part of it off."""

    @field_validator("balanced", mode="before")
    @classmethod
    def _check_balanced(cls, value: Any) -> Any:
        known = [name for option in get_args(Balance) for name in get_args(option)]
        if not isinstance(value, bool) and value not in known:
            raise ValueError(f"give true, false or one of {', '.join(known)}")
        return True if value == "class" else value

    @model_validator(mode="after")
    def _check_averages(self) -> Self:
        if self.ema_decay and self.swa_share:
            raise ValueError("ema_decay and swa_share both average the weights; set one to 0")
        return self

    @property
    def swa_start(self) -> float:
        """Epochs done when the learning rate stops falling."""
        return (1 - self.swa_share) * self.epochs


@dataclass(frozen=True)
class Step:
    """One optimiser step.

    Attributes
    ----------
    passes : forward functions
        All see the same augmented batch; their gradients accumulate into one update.
    examples : Examples
        The training's, as the networks of this step hear them.
    """

    passes: Sequence[Pass]
    examples: Examples


@dataclass(frozen=True)
class Hooks:
    """What is told while a training runs; nothing of it changes the outcome.

    Attributes
    ----------
    before_epoch : called with the number of epochs done, before each epoch that is trained here
    on_epoch : called with (epochs done, values to log) after each epoch that is trained here
        Before the state is saved: after a kill an epoch may come twice, but none is left out.
    progress : called with (epochs done, epochs, text)
    """

    before_epoch: Callable[[int], None] | None = None
    on_epoch: OnEpoch | None = None
    progress: Progress = unheard


@dataclass(frozen=True)
class Trainer:
    """Trains a module to the last epoch; goes on from its saved state, with the same outcome.

    Attributes
    ----------
    config : TrainConfig
    seed, name
        Batches and augmentation are drawn from streams of this seed and name, by epoch.
    state_file : Path
        Where the state is kept; if it exists, training goes on from it.
    hooks : Hooks
    teacher : function from a batch to probabilities (n, classes), with its share of the targets
        It gives this share of the targets of all passes, for the batch as augmented (function
        matching, Beyer et al., arXiv 2106.05237).
    feature_loss : FeatureLoss, optional
        For a `WithProjection`: what a teacher's features teach it, see there.
    slower : parameters, and their learning rate as a share of that of all others
    distillation : float
        Share of the targets that is the output of a step's first pass, which learns from the labels
        alone and teaches the others (in-place distillation, Yu and Huang, arXiv 1903.05134).
    device, precision : see `ComputeConfig`
        A saved state goes on with others, too.
    ranks : Ranks
        The processes that train this module together; each calls `fit` with the same.
    """

    config: TrainConfig
    seed: int
    state_file: Path
    name: str = "retrain"
    hooks: Hooks = Hooks()
    teacher: Teacher | None = None
    feature_loss: FeatureLoss | None = None
    slower: Slower = ((), 1.0)
    distillation: float = 0.0
    device: str = "cpu"
    precision: Precision = "float32"
    ranks: Ranks = ALONE

    def fit(
        self, module: nn.Module, examples: Examples, steps: Callable[[int], Step] | None = None
    ) -> list[LoggedEpoch]:
        """Train `module` in place and return one log entry per epoch.

        Parameters
        ----------
        steps : function from step number to what is done in it, by default the module's one pass
            Asked for all steps of an epoch, in order, before the first of them.

        Raises
        ------
        AscNasError
            At the first loss that is not finite, or if weights that are to be saved are not: the
            training has diverged. The state that was saved before is kept. Or if another rank has
            ended.
        UsageError
            If a batch has fewer examples than there are ranks.
        """
        config, hooks, ranks = self.config, self.hooks, self.ranks
        epoch_steps = steps_per_epoch(examples, config)
        to_device(module, self.device, self.precision)
        optimizer, scaler = make_optimizer(module, config, *self.slower), self.new_scaler()
        average = new_average(module, config.ema_decay, config.swa_share)
        log: list[LoggedEpoch] = []
        if ranks.by_first(self.state_file.exists):
            with as_written(self.state_file, "delete it, and the training begins anew"):
                saved = checkpoint.load(self.state_file, module, optimizer, average)
                log = [LoggedEpoch(**entry) for entry in saved["log"]]
                scaler.load_state_dict(saved.get("scaler") or scaler.state_dict())
        if ranks.agreed(len(log)) != len(log):
            raise AscNasError(
                f"{self.state_file}: another rank reads another state here; all ranks need the "
                "same files, on a file system that they share."
            )
        ranks.take_first(module)
        augmentations: dict[FrontEnd, Augmentation] = {}

        def augmentation(own: Examples) -> Augmentation:
            if own.frontend not in augmentations:
                settings = config.augment.heard_through(own.frontend, examples.frontend)
                augmentations[own.frontend] = Augmentation(settings, own)
            return augmentations[own.frontend]

        loader = Loader(self.device, again=True)
        one_pass = Step((module,), examples)
        module.train()
        for epoch in range(len(log), config.epochs):
            if hooks.before_epoch is not None:
                hooks.before_epoch(epoch)
            rng = stream(self.seed, self.name, epoch)
            losses: list[float] = []
            first = epoch * epoch_steps
            todos = [
                one_pass if steps is None else steps(step)
                for step in range(first, first + epoch_steps)
            ]
            positions = list(examples.batches(config.batch_size, rng, balanced=config.balanced))
            batches = loader.batches(zip((todo.examples for todo in todos), positions, strict=True))
            with shared(module, ranks, len(todos[0].passes)) as share:
                share.require_part(len(examples) // epoch_steps, f"{config.group}.batch_size")
                for i, (todo, (x, targets)) in enumerate(zip(todos, batches, strict=True)):
                    set_learning_rate(optimizer, config, (first + i) / epoch_steps)
                    soft = todo.examples.soft_targets(positions[i])
                    varied = augmentation(todo.examples)(x, targets, rng, soft)
                    # Read once a step: a GPU waits for whoever asks for a number.
                    losses += self.step(optimizer, scaler, todo.passes, *varied, share).tolist()
                    if not all(map(math.isfinite, losses[-len(todo.passes) :])):
                        what = f"the loss was {losses[-1]} in step {i + 1}"
                        raise self._diverged(epoch + 1, what)
                    if average is not None and config.ema_decay:
                        average.update_parameters(module)
            if average is not None and config.swa_share and epoch + 1 > config.swa_start:
                average.update_parameters(module)
            loss = sum(losses) / len(losses)
            log.append(LoggedEpoch(epoch=epoch + 1, loss=loss))
            if hooks.on_epoch is not None:
                rate = optimizer.param_groups[0]["lr"]
                hooks.on_epoch(epoch + 1, {"loss": loss, "learning_rate": rate})
            if (epoch + 1) % config.checkpoint_every == 0 or epoch + 1 == config.epochs:
                if not (_is_finite(module) and (average is None or _is_finite(average))):
                    raise self._diverged(epoch + 1, "weights were not finite at the end")
                state: dict[str, Any] = {"log": [entry.to_json() for entry in log]}
                if scaler.is_enabled():
                    state["scaler"] = scaler.state_dict()
                if ranks.first:
                    checkpoint.save(self.state_file, module, state, optimizer, average)
            hooks.progress(epoch + 1, config.epochs, f"loss {loss:.3f}")
        if average is not None:
            module.load_state_dict(average.module.state_dict())
        module.eval()
        return log

    def _diverged(self, epoch: int, what: str) -> AscNasError:
        kept = f"; {self.state_file} is kept" if self.state_file.exists() else ""
        return AscNasError(
            f"{self.state_file.parent}: {what} of epoch {epoch} of {self.config.epochs}, so this "
            f"training has diverged{kept}; {self.config.anew} with a lower "
            f"{self.config.group}.learning_rate than {self.config.learning_rate:g}."
        )

    def new_scaler(self) -> torch.amp.GradScaler:
        """Return what keeps gradients within float16; it does nothing for other numbers."""
        return torch.amp.GradScaler(
            torch.device(self.device).type, enabled=self.precision == "float16"
        )

    def _autocast(self) -> AbstractContextManager[Any]:
        if self.precision == "float32":
            return nullcontext()
        return torch.autocast(torch.device(self.device).type, getattr(torch, self.precision))

    def step(
        self,
        optimizer: torch.optim.Optimizer,
        scaler: torch.amp.GradScaler,
        forwards: Sequence[Pass],
        x: Tensor,
        targets: Tensor,
        share: Share = WHOLE,
    ) -> Tensor:
        """Do one update with the gradients of all passes; return their losses (passes,).

        Each rank computes its share; gradients and losses are summed over the ranks.

        Parameters
        ----------
        x : (n, 1, mels, frames) float32, dB, on the trainer's device
        targets : (n, classes) float32, there too; with a `feature_loss` embeddings behind
        share : what this rank computes of it
        """
        n, own = len(x), share.part(len(x))
        x, targets = laid_out(x[own], self.precision), targets[own]
        if self.teacher is not None:
            teach, weight = self.teacher
            targets = (1 - weight) * targets + weight * teach(x)
        optimizer.zero_grad()
        losses = targets.new_zeros(len(forwards))
        for number, forward in enumerate(forwards):
            teaches = bool(self.distillation) and number == 0
            with share.computing(number) as counts:
                if not (counts or teaches):
                    continue
                with self._autocast():
                    logits = forward(x).to(targets.dtype)
                if counts:
                    loss = self._loss(logits, targets) * (len(x) / n)
                    scaler.scale(loss / len(forwards)).backward()
                    losses[number] = loss.detach()
            if teaches:
                taught = logits.detach().softmax(1)
                targets = (1 - self.distillation) * targets + self.distillation * taught
        share.add_up([p for group in optimizer.param_groups for p in group["params"]], losses)
        scaler.step(optimizer)
        scaler.update()
        return losses

    def _loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        learnt, smoothing = self.feature_loss, self.config.label_smoothing
        if learnt is None:
            return F.cross_entropy(outputs, targets, label_smoothing=smoothing)
        logits, wanted = outputs[:, : learnt.classes], targets[:, : learnt.classes]
        answers = F.cross_entropy(logits, wanted, label_smoothing=smoothing)
        return answers + learnt(outputs, targets)


def _is_finite(module: nn.Module) -> bool:
    """Return whether all weights and statistics of a module are finite."""
    values = module.state_dict().values()
    return all(bool(torch.isfinite(v).all()) for v in values if v.is_floating_point())


def steps_per_epoch(examples: Examples, config: TrainConfig) -> int:
    """Return the number of optimiser steps in an epoch."""
    return max(1, len(examples) // config.batch_size)


def make_optimizer(
    module: nn.Module, config: TrainConfig, slower: Sequence[Tensor] = (), share: float = 1.0
) -> torch.optim.Optimizer:
    """Return AdamW that decays the weights of convolutions and linear layers, not of norms.

    The rate of the parameters `slower` is this share of that of all others.
    """
    slow = {id(parameter) for parameter in slower}
    sides = [[p for p in module.parameters() if (id(p) in slow) == side] for side in (False, True)]
    groups: list[dict[str, Any]] = [
        {"params": [p for p in side if (p.dim() > 1) == decays], "share": factor, **options}
        for side, factor in zip(sides, (1.0, share), strict=True)
        for decays, options in ((True, {}), (False, {"weight_decay": 0.0}))
        if side
    ]
    return torch.optim.AdamW(
        groups, lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
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
        group["lr"] = config.learning_rate * factor * group["share"]


@torch.inference_mode()
def posteriors(network: nn.Module, examples: Examples, batch_size: int = 64) -> Tensor:
    """Return the posteriors (examples, classes) of `network` in evaluation mode, on the CPU.

    They are computed where the network is.
    """
    network.eval()
    device = next((p.device for p in network.parameters()), torch.device("cpu"))
    wanted = ((examples, positions) for positions in examples.batches(batch_size))
    batches = Loader(device).batches(wanted)
    return torch.cat([network(laid_out(x)).softmax(1) for x, _ in batches]).cpu()
