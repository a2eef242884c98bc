"""Training state as safetensors: weights, optimiser moments, epoch and log in one file."""

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import nn

from asc_nas.core.errors import AscNasError
from asc_nas.core.files import atomic_path, json_text

FORMAT = "asc-nas/weights/1"


def save(
    path: Path,
    module: nn.Module,
    meta: dict[str, Any],
    optimizer: torch.optim.Optimizer | None = None,
    average: nn.Module | None = None,
) -> None:
    """Write weights, `meta` (plain data) and, if given, the rest of a training's state, atomically.

    The file does not tell the device.

    Parameters
    ----------
    average : nn.Module, optional
        The moving average of the weights.
    """
    tensors = {f"model.{name}": value for name, value in module.state_dict().items()}
    if average is not None:
        tensors |= {f"average.{name}": value for name, value in average.state_dict().items()}
    if optimizer is not None:
        for index, state in optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{name}": value for name, value in state.items()}
    # Plain layout, one copy each: a tensor in channels_last or shared storage cannot be stored.
    tensors = {k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()}
    # One entry: the order of several would differ from process to process, and so the file's hash.
    header = json_text({"format": FORMAT, "meta": meta, "sha256": _digest(tensors, meta)})
    with atomic_path(path) as temporary:
        temporary.write_bytes(to_bytes(tensors, {"asc_nas": header}))


def load(
    path: Path,
    module: nn.Module,
    optimizer: torch.optim.Optimizer | None = None,
    average: nn.Module | None = None,
) -> dict[str, Any]:
    """Read weights (and the rest of a training's state) into place; return the stored `meta`.

    Every tensor goes to the device of what it replaces.

    Raises
    ------
    AscNasError
        If the file is missing, is not ours, is damaged, or belongs to another network. Files that
        were written without a checksum are taken as they are.
    """
    meta, tensors = read(path)
    try:
        module.load_state_dict(_under("model.", tensors))
        if average is not None:
            average.load_state_dict(_under("average.", tensors))
    except RuntimeError as error:
        raise AscNasError(f"{path}: these weights belong to another network.") from error
    if optimizer is not None:
        _load_optimizer(path, optimizer, tensors)
    return meta


def read(path: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Return the stored `meta` and all tensors, on the CPU; it raises as `load` does."""
    if not path.is_file():
        raise AscNasError(f"{path}: no such weights.")
    try:
        with safe_open(path, "pt") as stored:
            header = json.loads((stored.metadata() or {}).get("asc_nas", "{}"))
            if header.get("format") != FORMAT:
                raise AscNasError(f"{path}: expected '{FORMAT}', found {header.get('format')!r}.")
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise AscNasError(f"{path}: not readable as weights ({error}).") from error
    if header.get("sha256") not in (None, _digest(tensors, header.get("meta"))):
        raise AscNasError(
            f"{path}: damaged (its content has another checksum); restore it, or delete it and "
            "train again."
        )
    return header["meta"], tensors


def _digest(tensors: dict[str, torch.Tensor], meta: Any) -> str:
    """Return the hexadecimal SHA-256 of names, types, shapes and values, and of `meta`."""
    digest = hashlib.sha256(json.dumps(meta).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.cpu().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _under(prefix: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _load_optimizer(
    path: Path, optimizer: torch.optim.Optimizer, tensors: dict[str, torch.Tensor]
) -> None:
    """Put stored moments in place, each in the memory layout of its parameter.

    The fused optimiser pairs parameter and moments by their place in memory, not by their indices:
    with channels-last weights and plain moments it would update the wrong elements, silently.
    """
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    state: dict[int, dict[str, torch.Tensor]] = {}
    for name, value in tensors.items():
        if not name.startswith("optimizer."):
            continue
        _, index, field = name.split(".")
        parameter = parameters[int(index)]
        if value.dim():  # and not the number of steps
            if value.shape != parameter.shape:
                raise AscNasError(
                    f"{path}: the state of another training; delete it, and the training begins "
                    "anew."
                )
            value = torch.empty_like(parameter, requires_grad=False).copy_(value)
        state.setdefault(int(index), {})[field] = value
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})
