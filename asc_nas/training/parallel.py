"""Several processes that train together (data parallel), as ``torchrun`` starts them, or a run.

Every rank draws the same batches, augmentation and genotypes, and computes its share of a step
(`division.py`). What must be the same everywhere is added up, or the first rank's.
"""

import atexit
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from asc_nas.core.errors import AscNasError, UsageError
from asc_nas.core.launched import place
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
