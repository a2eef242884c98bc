"""What the organisers call: load a model, load its inputs, take the network of a device, predict.

The four functions are those of the inference package of DCASE 2025 Task 1, as its README describes
them (https://github.com/CPJKU/dcase2025_task1_inference). Every module of a submission has them.

A checkpoint is an ``.npz`` file without pickled objects: ``settings`` (JSON: labels, and what each
network is and hears), and the weights as ``NETWORK/name``. The network ``general`` is for devices
that have none of their own.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import soundfile
import soxr
import torch
from torch import Tensor, nn

from asc_nas.audio.logmel import fit_length, log_mel
from asc_nas.audio.signal import voting
from asc_nas.nn.committee import together
from asc_nas.nn.int8_weights import take_int8_convolutions
from asc_nas.nn.subnet import SubNet
from asc_nas.space.netspec import BlockSpec, ConvSpec, LinearSpec, NetSpec

GENERAL = "general"
"""The network for devices that have none of their own."""
BEYOND = 1.0
"""Seconds that are read after an example's end, so that resampling has what follows."""


class Networks(nn.Module):
    """A general network, and networks of single recording devices.

    Parameters
    ----------
    networks : dict of name to SubNet
    """

    def __init__(self, networks: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self.networks = nn.ModuleDict(networks)

    def name_for(self, device_id: str) -> str:
        """Return the name of the network that answers for a device."""
        return device_id if device_id in self.networks else GENERAL

    def forward(self, x: Tensor, device_id: str = GENERAL) -> Tensor:
        """Map log-mel x (n, 1, mels, frames) in dB of one device to logits (n, classes)."""
        return self.networks[self.name_for(device_id)](x)


class Model(nn.Module):
    """All networks of a submission and what they hear.

    Attributes
    ----------
    model : Networks
    class_order : list of str
    front_ends : dict of network to settings
    """

    def __init__(self, settings: Mapping[str, Any], weights: Mapping[str, Any]) -> None:
        super().__init__()
        self.class_order: list[str] = settings["labels"]
        described = settings["networks"]
        self.front_ends = {n: SimpleNamespace(**d["front_end"]) for n, d in described.items()}
        self.model = Networks(
            {
                name: together([SubNet(spec_from(d["layers"])) for _ in range(d.get("members", 1))])
                for name, d in described.items()
            }
        )
        for name, network in self.model.networks.items():
            state = {
                key: torch.from_numpy(weights[f"{name}/{key}"]) for key in network.state_dict()
            }
            types = {value.dtype for value in state.values()}
            if torch.float16 in types:
                network.half()
            if torch.int8 in types:
                take_int8_convolutions(network)
            network.load_state_dict(state)
        self.eval()


def type_of(network: nn.Module) -> torch.dtype:
    """Return the numeric type that a network computes with."""
    return next(p.dtype for p in network.parameters() if p.is_floating_point())


def spec_from(values: Mapping[str, Any]) -> NetSpec:
    """Return the layers that ``dataclasses.asdict`` made `values` of, or JSON of that."""

    def conv(fields: Any) -> ConvSpec:
        shapes = {key: tuple(fields[key]) for key in ("kernel", "stride", "out_size")}
        return ConvSpec(**{**fields, **shapes})

    def block(fields: Any) -> BlockSpec:
        expand = fields["expand"]
        layers = {
            "expand": None if expand is None else conv(expand),
            "depthwise": tuple(map(conv, fields["depthwise"])),
            "project": conv(fields["project"]),
        }
        return BlockSpec(**{**fields, **layers})

    linear = values["classifier"]
    layers = {
        "input_size": tuple(values["input_size"]),
        "stem": tuple(map(conv, values["stem"])),
        "blocks": tuple(None if one is None else block(one) for one in values["blocks"]),
        "head": conv(values["head"]),
        "classifier": None if linear is None else LinearSpec(**linear),
    }
    return NetSpec(**{**values, **layers})


def load_model(model_file_path: str | Path) -> Model:
    """Return the `Model` of a checkpoint."""
    with np.load(Path(model_file_path), allow_pickle=False) as content:
        weights = {key: content[key] for key in content.files}
    return Model(json.loads(str(weights.pop("settings"))), weights)


def load_inputs(file_paths: Sequence[str], device_ids: Sequence[str], model: Model) -> list[Tensor]:
    """Return the log-mel of each file in dB, (channels, 1, mels, frames), as its network takes it.

    The values are rounded to float16, as those are that the networks were trained and tested on.
    """
    inputs = []
    for path, device in zip(file_paths, device_ids, strict=True):
        name = model.model.name_for(device)
        mel = torch.from_numpy(_log_mel_of(path, model.front_ends[name])).unsqueeze(1)
        inputs.append(mel.to(type_of(model.model.networks[name])))
    return inputs


def get_model_for_device(model: Model, device_id: str) -> nn.Module:
    """Return the network that answers for a device: ``a``, ``s1``, ..., or ``unknown``."""
    return model.model.networks[model.model.name_for(device_id)]


def predict(
    file_paths: Sequence[str],
    device_ids: Sequence[str] | None,
    model_file_path: str | Path,
    use_cuda: bool = False,
) -> tuple[list[Tensor], list[str]]:
    """Return what the networks say of each file, and the order of the classes.

    Parameters
    ----------
    device_ids : one per file
        None lets the general network answer for all.
    use_cuda : whether a GPU computes, if there is one

    Returns
    -------
    logits : list of (classes,) float32
        Logarithms of probabilities; softmax gives the probabilities. Those of several channels are
        averaged.
    class_order : list of str
    """
    place = torch.device("cuda" if use_cuda and torch.cuda.is_available() else "cpu")
    model = load_model(model_file_path).to(place)
    devices = [GENERAL] * len(file_paths) if device_ids is None else device_ids
    logits = []
    with torch.no_grad():
        for path, device in zip(file_paths, devices, strict=True):
            (x,) = load_inputs([path], [device], model)
            answer = get_model_for_device(model, device)(x.to(place)).float().log_softmax(1)
            logits.append((answer.logsumexp(0) - np.log(len(answer))).cpu())
    return logits, model.class_order


def _log_mel_of(path: str, settings: Any) -> Any:
    """Return the log-mel of a file's channels that have a signal: (channels, mels, frames)."""
    with soundfile.SoundFile(path) as audio:
        rate = audio.samplerate
        wave = audio.read(round((settings.seconds + BEYOND) * rate), "float32", always_2d=True)
    if rate != settings.sample_rate:
        wave = soxr.resample(wave, rate, settings.sample_rate, quality="HQ")
    wave = fit_length(np.ascontiguousarray(wave.T), settings.samples, settings.short)
    mel = log_mel(wave, settings)[voting(wave)]
    return mel.astype(np.float16).astype(np.float32)
