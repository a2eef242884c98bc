"""Weights of one network for another: what their layers have in common."""

from collections.abc import Mapping

import torch
from torch import Tensor

from asc_nas.nn.subnet import SubNet


@torch.no_grad()
def take_weights(network: SubNet, given: Mapping[str, Tensor], *, classes: bool) -> float:
    """Fill layers of `network` with those of another; return the share of weights that are its.

    Layers are paired by their place. Where they differ in channels, the leading ones are taken, as
    narrower layers of a supernet are slices of wider ones. A depthwise convolution takes the one of
    the same kernel in the same block. What is in one network alone stays as it is, and so do the
    statistics of the input.

    Parameters
    ----------
    given : state dict of the other `SubNet`
    classes : whether the layer to the classes is taken too, as both have the same labels
    """
    theirs = {_place(name, value): value for name, value in given.items()}
    last = set() if classes else set(_last(network.state_dict())) | set(_last(given))
    taken = total = 0
    for name, own in network.state_dict().items():
        if name.startswith("input_norm.") or not own.is_floating_point():
            continue
        if name.startswith(tuple(last)):
            continue
        total += own.numel()
        other = theirs.get(_place(name, own))
        if other is None or other.dim() != own.dim() or other.shape[2:] != own.shape[2:]:
            continue
        common = tuple(map(slice, map(min, own.shape, other.shape)))
        own[common] = other[common]
        taken += own[common].numel()
    return taken / total


def body_parameters(network: SubNet) -> list[Tensor]:
    """Return the parameters of all layers but the one to the classes."""
    last = tuple(_last(network.state_dict()))
    return [value for name, value in network.named_parameters() if not name.startswith(last)]


def _last(state: Mapping[str, Tensor]) -> list[str]:
    """Return how the names of the layer to the classes begin."""
    return ["classifier."] if "classifier.weight" in state else ["head."]


def _place(name: str, value: Tensor) -> str:
    """Return where a weight belongs; kernels of a block by their size, not by their number."""
    before, found, rest = name.partition(".depthwise.")
    return f"{before}{found}{tuple(value.shape[2:])}" if found and rest.endswith("weight") else name
