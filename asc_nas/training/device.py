"""Where PyTorch trains and judges networks, by name, and what depends on it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, TypeVar

import torch
from pydantic import Field, PositiveFloat, field_validator
from torch import Tensor, nn

from asc_nas.core.config import Config
from asc_nas.core.errors import UsageError
from asc_nas.core.machine import keep_freed_memory

Module = TypeVar("Module", bound=nn.Module)
Precision = Literal["float32", "bfloat16", "float16"]

WORKER_BYTES = 2 * 2**30
"""Memory of a GPU that one worker process is given: PyTorch's own, weights, maps of a batch."""


class ComputeConfig(Config):
    """Where networks are trained and judged, and in which numbers: this is no part of a run.

    A run may go on elsewhere. No GPU has run it yet, see docs/guides/gpu.md.
    """

    device: str = "cpu"
    """`cpu`, `cuda` or `cuda:1` (a GPU, by its number), `mps` (Apple); `auto` takes a CUDA GPU
    where there is one. `--device` comes before it."""
    precision: Precision = "float32"
    """Numbers of the convolutions while a network trains (PyTorch's autocast); weights stay
    float32, and networks are judged in float32. `bfloat16` and `float16` are for GPUs with units
    for them."""
    features_on_device: bool = False
    """Make the features of recordings on the device, of what processes (`data.workers`) have
    decoded and resampled; they are the same within 1e-3 dB."""
    executor: str = "local"
    """What does independent jobs: `local`, processes of this machine, or `ray`, a Ray cluster.
    `--executor` comes before it."""
    address: str | None = None
    """Address of the Ray cluster, such as `auto` (the one of this machine) or
    `ray://HOST:10001`; null starts one on this machine. `--address` comes before it."""
    job_memory_gb: PositiveFloat | None = None
    """Memory that a job of Ray is given, GiB; null is not counted."""
    job_gpus: PositiveFloat = 1.0
    """Part of a GPU that a job of Ray is given, where the device is one: 0.25 lets four share it.
    """
    retries: int = Field(3, ge=0, le=1000)
    """How often Ray gives a job that was lost with its process or machine to another."""

    @field_validator("device")
    @classmethod
    def _check_device(cls, device: str) -> str:
        if not _NAMES.fullmatch(device):
            raise ValueError(f"no device is called so; give {_KNOWN}")
        return device


_NAMES = re.compile(r"auto|cpu|mps|cuda(:\d+)?")
_KNOWN = "auto, cpu, cuda, cuda:N or mps"


def find_device(name: str) -> str:
    """Return the device that a setting asks for, as PyTorch calls it.

    Raises
    ------
    UsageError
        If no device is called so, or PyTorch cannot use it on this machine.
    """
    if not _NAMES.fullmatch(name):
        raise UsageError(f"device '{name}': no device is called so; give {_KNOWN}.")
    kind, _, number = name.partition(":")
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if kind == "auto":
        return "cuda" if gpus else "cpu"
    if kind == "cuda" and int(number or 0) >= gpus:
        raise UsageError(
            f"device '{name}': PyTorch {torch.__version__} can use {gpus or 'no'} CUDA GPU"
            f"{'s' if gpus > 1 else ''} here ('asc-nas doctor' shows them); give --device auto or "
            "--device cpu."
        )
    if kind == "mps" and not torch.backends.mps.is_available():
        raise UsageError(f"device '{name}': PyTorch finds none here; give --device cpu.")
    return name


def prepare_process(device: str) -> None:
    """Set what a process needs once that trains on `device`."""
    if device == "cpu":  # a GPU's memory is kept by PyTorch itself
        keep_freed_memory()


@contextmanager
def threads_of(workers: int) -> Iterator[None]:
    """Compute on as many threads as one of `workers` processes does."""
    before = torch.get_num_threads()
    torch.set_num_threads(before if workers == 1 else 1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def most_workers(device: str, workers: int) -> int:
    """Return how many of `workers` processes may share a device; the CPU takes as many as asked.

    A CUDA GPU takes as many as its free memory holds (`WORKER_BYTES` each), an Apple GPU one.
    """
    kind = torch.device(device).type
    if kind == "cpu":
        return workers
    room = torch.cuda.mem_get_info(device)[0] // WORKER_BYTES if kind == "cuda" else 1
    return max(1, min(workers, room))


def memory_format(
    device: str | torch.device, precision: Precision = "float32"
) -> torch.memory_format:
    """Return the layout of maps and weights for convolutions on a device.

    Channels-last is the CPU kernels' fastest, and that of a GPU's units for half precision; its
    depthwise kernels for float32 know the default layout only.
    """
    if torch.device(device).type == "cpu" or precision != "float32":
        return torch.channels_last
    return torch.contiguous_format


def to_device(
    module: Module, device: str | torch.device, precision: Precision = "float32"
) -> Module:
    """Move a module to a device, in the layout for it; in place."""
    untyped: Any = module  # PyTorch's type hints know `memory_format` from 2.14 on only
    moved: Module = untyped.to(
        device=torch.device(device), memory_format=memory_format(device, precision)
    )
    return moved


def laid_out(x: Tensor, precision: Precision = "float32") -> Tensor:
    """Return a batch (n, 1, mels, frames) in the layout for the device that it is on."""
    return x.contiguous(memory_format=memory_format(x.device, precision))
