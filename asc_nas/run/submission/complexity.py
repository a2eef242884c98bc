"""The size of a network as the organisers of DCASE Task 1 count it, held against the limits.

Their script (``complexity.py`` of https://github.com/CPJKU/dcase2025_task1_inference) adds up the
bytes of ``model.parameters()`` by numeric type, and takes the multiply-accumulates that torchinfo
finds in a float32 copy, for an input of the shape that ``load_inputs`` gives.
"""

import copy
import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from asc_nas.core.errors import AscNasError
from asc_nas.run.submission.rules import Rules


@dataclass(frozen=True)
class Complexity:
    """What a network needs for one clip.

    Attributes
    ----------
    macs : int
        As torchinfo counts them.
    params : int
    non_zero : int
        Parameters that are not 0.
    param_bytes : int
        In the numeric types of the parameters.
    """

    macs: int
    params: int
    param_bytes: int
    non_zero: int = 0


def complexity_of(network: nn.Module, size: tuple[int, ...]) -> Complexity:
    """Count a network for an input of `size`, (n, 1, mels, frames)."""
    return Complexity(
        torchinfo_macs(network, size),
        sum(parameter.numel() for parameter in network.parameters()),
        sum(parameter.numel() * parameter.element_size() for parameter in network.parameters()),
        sum(int(parameter.count_nonzero()) for parameter in network.parameters()),
    )


def torchinfo_macs(network: nn.Module, size: tuple[int, ...]) -> int:
    """Return the ``total_mult_adds`` of ``torchinfo.summary(network, size)``, version 1.8.

    Weights and biases of a convolution count once per output position, those of any other layer
    once per example. The layers are run, so the count does not rest on `asc_nas.cost`.
    """
    found: list[int] = []

    def count(layer: nn.Module, _: Any, output: torch.Tensor) -> None:
        params = sum(parameter.numel() for parameter in layer.parameters(recurse=False))
        per_position = "Conv" in type(layer).__name__
        shape = output.shape
        found.append(params * math.prod((*shape[:1], *shape[2:])) if per_position else
                     params * shape[0])  # fmt: skip

    profiled = copy.deepcopy(network).float().eval()
    for layer in profiled.modules():
        if not list(layer.children()):
            layer.register_forward_hook(count)
    with torch.no_grad():
        profiled(torch.zeros(size))
    return sum(found)


def require_allowed(found: Complexity, rules: Rules, network: str, *, smaller: bool) -> None:
    """Raise unless a network is within the limits of a year.

    Parameters
    ----------
    network : its name, for the error
    smaller : whether its parameters may still get a smaller numeric type

    Raises
    ------
    AscNasError
        If it is not.
    """
    limits = "dcase-task1-fp16"
    rest = f"train one within --limits {limits}"
    if found.param_bytes > rules.max_param_bytes:
        types = "give --half, with two bytes each, or --int8, with one for most"
        remedy = f"{types}; or {rest}" if smaller else rest
        raise AscNasError(
            f"{network}: {found.params:,} parameters take {found.param_bytes:,} bytes, and DCASE "
            f"Task 1 of {rules.year} allows {rules.max_param_bytes:,}; {remedy}."
        )
    if found.macs > rules.max_macs:
        raise AscNasError(
            f"{network}: {found.macs:,} multiply-accumulates for a clip, and DCASE Task 1 of "
            f"{rules.year} allows {rules.max_macs:,}; {rest}."
        )
