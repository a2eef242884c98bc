"""Several processes that train together (data parallel), as ``torchrun`` starts them, or a run.

Every rank draws the same batches, augmentation and genotypes, and computes its share of a step:
some of its passes or, where there is one only, a part of the batch. What must be the same
everywhere is added up, or the first rank's.
"""

import atexit
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from asc_nas.core.errors import AscNasError, UsageError
from asc_nas.core.launched import place
from asc_nas.nn.batch_norm import BatchNorm2d
from asc_nas.nn.elastic import BN_MOMENTUM, ElasticBatchNorm2d
from asc_nas.training.device import find_device

Value = TypeVar("Value")

TIMEOUT = timedelta(minutes=10)
"""How long a rank may lag behind the others in a training: they do the same."""
PATIENCE = timedelta(days=7)
"""How long the others wait for what the first rank does alone, such as making features."""


@dataclass(frozen=True)
class Ranks:
    """The processes that train together, and which of them this is; by default it is alone.

    Every rank must call the methods in the same order. They raise a RankLostError if another has
    ended.

    Attributes
    ----------
    number : int
        This one's, from 0; the first writes all files.
    size : int
        How many there are.
    """

    number: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the rank that writes."""
        return self.number == 0

    def part(self, n: int) -> slice:
        """Return this rank's part of a batch of n examples: parts differ by one at most."""
        return slice(n * self.number // self.size, n * (self.number + 1) // self.size)

    def add_up(self, tensors: Sequence[Tensor]) -> None:
        """Sum tensors of numbers over all ranks, in place and in one all-reduce."""
        if self.size == 1:
            return
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        with _others_there():
            dist.all_reduce(flat)
        sums = flat.split([tensor.numel() for tensor in tensors])
        for tensor, total in zip(tensors, sums, strict=True):
            tensor.copy_(total.view_as(tensor))

    def gather(self, values: Tensor) -> Tensor:
        """Return the values of all ranks, (ranks, ...)."""
        found = [torch.empty_like(values) for _ in range(self.size)]
        with _others_there():
            dist.all_gather(found, values)
        return torch.stack(found)

    @torch.no_grad()
    def take_first(self, module: nn.Module) -> None:
        """Give a module the weights and statistics that it has on the first rank."""
        if self.size == 1:
            return
        for values in module.state_dict().values():
            sent = values.contiguous()
            with _others_there():
                dist.broadcast(sent, 0)
            values.copy_(sent)

    def by_first(self, function: Callable[[], Value]) -> Value:
        """Return what `function` returns on the first rank, which alone calls it."""
        if self.size == 1:
            return function()
        return self.agreed(function() if self.first else None)  # type: ignore[return-value]

    def agreed(self, value: Value) -> Value:
        """Return the value that the first rank has; one that can be pickled."""
        if self.size == 1:
            return value
        sent = [value]
        with _others_there():
            dist.broadcast_object_list(sent, 0, _patient[0], torch.device("cpu"))
        return sent[0]

    def leave(self) -> None:
        """End working together, at the end of all work."""
        if self.size > 1:
            self.agreed(None)
            _part()


ALONE = Ranks()
_patient: list[Any] = []  # in which the others wait for the first


def join(device: str) -> tuple[Ranks, str]:
    """Return the ranks that ``torchrun`` started, and this one's device; alone without torchrun.

    On the CPU they talk through gloo. On CUDA they talk through NCCL, and each takes the GPU of
    its number on the machine.

    Raises
    ------
    UsageError
        If a rank has no GPU of its own, or several cannot train on such a device.
    AscNasError
        If the others do not come.
    """
    number, size = place()
    if size == 1:
        return ALONE, device
    own = _own_device(device, size)
    if own != "cpu":
        torch.cuda.set_device(own)
    if not _patient:
        _meet("gloo" if own == "cpu" else "nccl")
    return Ranks(number, size), own


def _own_device(device: str, size: int) -> str:
    if device == "cpu":
        return device
    if device != "cuda":
        raise UsageError(
            f"device '{device}': {size} ranks (WORLD_SIZE) train on cpu, or on cuda, where each "
            "takes a GPU of its own; give --device cuda or --device cpu."
        )
    local = os.environ.get("LOCAL_RANK", "0")
    try:
        return find_device(f"cuda:{local}")
    except UsageError as error:
        raise UsageError(
            f"rank {local} of this machine has no GPU of its own; give torchrun a smaller "
            f"--nproc-per-node ({error})"
        ) from error


@contextmanager
def meeting(ranks: Ranks, folder: Path) -> Iterator[Ranks]:
    """Let processes of this machine work together, on the CPU, until all are at the end.

    Parameters
    ----------
    ranks : this one
    folder : the same for all; empty but for what they put there to find one another

    Raises
    ------
    AscNasError
        If the others do not come.
    """
    place = (folder / "meeting").absolute().as_uri()
    _meet("gloo", init_method=place, rank=ranks.number, world_size=ranks.size)
    try:
        yield ranks
        ranks.agreed(None)
    finally:
        _part()


def _meet(backend: str, **where: Any) -> None:
    try:
        dist.init_process_group(backend, timeout=TIMEOUT, **where)
        _patient.append(dist.new_group(backend="gloo", timeout=PATIENCE))
    except (RuntimeError, ValueError) as error:
        raise AscNasError(
            f"the ranks did not find one another ({_short(error)}); with torchrun, start all "
            "of them and check MASTER_ADDR and MASTER_PORT."
        ) from error
    if backend == "gloo":  # NCCL could wait there for a rank that is gone
        atexit.register(_part)


def _part() -> None:
    """Give up the groups, before Python ends: threads of gloo that outlive it abort the process."""
    _patient.clear()
    if dist.is_initialized():
        dist.destroy_process_group()


@contextmanager
def _others_there() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise RankLostError(
            f"another rank of this training has ended or hangs ({_short(error)}); what it said "
            "tells why. Give the command again, and the training goes on from its saved state."
        ) from error


def _short(error: Exception) -> str:
    """Return the first sentence of an error, without the place in PyTorch's source."""
    line = str(error).partition("\n")[0]
    return line.rpartition("] ")[2].partition(". ")[0].rstrip(". ")


class RankLostError(AscNasError):
    """Another rank has ended or hangs, so that this one cannot go on."""


class Statistics:
    """Running statistics of norms, while every rank sees the batches of some passes only.

    The norms tell what each pass would have changed. Added up over the ranks it is known of all
    passes, and then goes into the running statistics in the order of the passes.

    Attributes
    ----------
    number : int, optional
        The pass that is being computed; None: what is computed does not count.
    told : tensors
        What is to be added up over the ranks after the passes of a step.
    """

    def __init__(self, norms: Sequence[ElasticBatchNorm2d], passes: int) -> None:
        self.number: int | None = None
        self._norms, ends = norms, torch.tensor([norm.running_mean.numel() for norm in norms])
        ends = ends.cumsum(0)
        some = norms[0].running_mean
        self._values = some.new_zeros(passes, 2, int(ends[-1]))  # mean and variance
        self._used = some.new_zeros(passes, 1, int(ends[-1]))
        for norm, end in zip(norms, ends.tolist(), strict=True):
            norm.keep = partial(self._take, end - norm.running_mean.numel())

    @property
    def told(self) -> list[Tensor]:
        """Mean, variance and whether it was used, of each channel in each pass."""
        return [self._values, self._used]

    def _take(self, start: int, *values: Tensor) -> None:
        if self.number is None:
            return
        used = slice(start, start + len(values[0]))
        self._values[self.number, :, used] = torch.stack(values)
        self._used[self.number, :, used] = 1

    @torch.no_grad()
    def update(self) -> None:
        """Bring what all passes told into the running statistics; then begin anew."""
        means = [norm.running_mean for norm in self._norms]
        variances = [norm.running_var for norm in self._norms]
        found = torch.stack([torch.cat(means), torch.cat(variances)])
        for values, used in zip(self._values, self._used, strict=True):
            found = torch.where(used > 0, found.lerp(values, BN_MOMENTUM), found)
        for kept, new in zip((means, variances), found, strict=True):
            for values, own in zip(kept, new.split([len(v) for v in kept]), strict=True):
                values.copy_(own)
        self._values.zero_()
        self._used.zero_()


@dataclass(frozen=True)
class Share:
    """What this rank computes of a step: some of its passes, or its part of the batch.

    Attributes
    ----------
    statistics : Statistics, optional
        Those of the norms, where the passes are divided; None: the batch is.
    """

    ranks: Ranks = ALONE
    statistics: Statistics | None = None

    def part(self, n: int) -> slice:
        """Return which of n examples are this rank's."""
        return self.ranks.part(n) if self.statistics is None else slice(n)

    @contextmanager
    def computing(self, number: int) -> Iterator[bool]:
        """Say whether a pass is this rank's; if not, what is computed has no gradient."""
        if self.statistics is None:
            yield True
            return
        own = number % self.ranks.size == self.ranks.number
        self.statistics.number = number if own else None
        with torch.set_grad_enabled(own):
            yield own

    def add_up(self, parameters: Sequence[nn.Parameter], losses: Tensor) -> None:
        """Sum gradients and losses over the ranks; update the statistics.

        A parameter has a gradient in the end if it has one on any rank.
        """
        if self.ranks.size == 1:
            return
        there = losses.new_tensor([float(p.grad is not None) for p in parameters])
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        told = [] if self.statistics is None else self.statistics.told
        self.ranks.add_up([*gradients, there, losses, *told])
        for parameter, gradient, ranks in zip(parameters, gradients, there.tolist(), strict=True):
            parameter.grad = gradient if ranks else None
        if self.statistics is not None:
            self.statistics.update()


WHOLE = Share()
"""All of every step: this process trains alone."""


@contextmanager
def shared(module: nn.Module, ranks: Ranks, passes: int) -> Iterator[Share]:
    """Divide steps of so many passes among the ranks: the passes, or of one pass the batch.

    Passes share nothing but their sums. Of parts of a batch, every norm needs the statistics of the
    whole, forwards and backwards, and in networks this small that takes longer than it saves. So
    with more ranks than passes some have nothing to do.
    """
    norms = [m for m in module.modules() if isinstance(m, BatchNorm2d | ElasticBatchNorm2d)]
    elastic = [norm for norm in norms if isinstance(norm, ElasticBatchNorm2d)]
    by_passes = min(ranks.size, passes) > 1 and len(elastic) == len(norms) > 0
    try:
        if by_passes:
            yield Share(ranks, Statistics(elastic, passes))
        else:
            for norm in norms:
                norm.gather = None if ranks.size == 1 else ranks.gather
            yield Share(ranks)
    finally:
        for norm in norms:
            norm.gather = None
        for norm in elastic:
            norm.keep = None
