"""The inference package: a folder that ``pip install`` takes, with the networks of a submission.

It needs PyTorch, NumPy, soundfile and soxr, and not asc-nas: the few functions and classes that
answer for a recording are copied into it, so that network, front end and interface are written
once.
"""

import inspect
import io
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from torch import nn

from asc_nas import __version__
from asc_nas.audio import logmel, mel_bands, signal
from asc_nas.audio.logmel import FrontEnd
from asc_nas.core.files import write_bytes, write_text
from asc_nas.nn import int8_weights, subnet
from asc_nas.nn.committee import Committee, together
from asc_nas.nn.elastic import BN_EPSILON, BN_MOMENTUM
from asc_nas.nn.subnet import SubNet
from asc_nas.run.submission import interface
from asc_nas.run.submission.places import checkpoint_of
from asc_nas.run.submission.rules import Rules
from asc_nas.space import netspec

DUMMY_RATE = 44_100
"""Hertz of the second of noise that the organisers count multiply-accumulates with."""

_FRONT_END = f'''\
"""The log-mel front end, copied from asc-nas {__version__} (Apache License 2.0)."""

from __future__ import annotations

from typing import Any

import numpy as np

from .mel_bands import hann_window, mel_bands

FLOOR = {logmel.FLOOR!r}
BLOCK_SAMPLES = {logmel.BLOCK_SAMPLES!r}
NO_SIGNAL = {signal.NO_SIGNAL!r}
'''
_NETWORK = f'''\
"""The network, copied from asc-nas {__version__} (Apache License 2.0)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Shape = Pair = tuple[int, int]
BN_EPSILON, BN_MOMENTUM = {BN_EPSILON!r}, {BN_MOMENTUM!r}
'''


@dataclass(frozen=True)
class Answering:
    """A network of a submission, or several that answer together.

    Attributes
    ----------
    networks : tuple of SubNet
        In evaluation mode, with the numeric type that they are handed in with; several answer
        together.
    front_end : FrontEnd
    """

    networks: tuple[SubNet, ...]
    front_end: FrontEnd

    @property
    def network(self) -> nn.Module:
        """The network, or the committee of several."""
        return together(self.networks)


def write_package(folder: Path, package: str, rules: Rules, test: list[tuple[str, str]]) -> None:
    """Write what all modules of a team's package share.

    Parameters
    ----------
    folder : Path
        What ``pip install`` is to take; the package lies in it.
    package : str
    test : list of (path, label)
        The test clips of the development set.
    """
    inner = folder / package
    rows = "".join(f"{path}\t{label}\n" for path, label in [("filename", "scene_label"), *test])
    modules = sorted(path.stem for path in (inner / "ckpts").glob("*.npz"))
    names = {"package": package, "year": rules.year}
    texts = {
        "pyproject.toml": _source("pyproject.txt").format(**names),
        "README.md": _source("readme.txt").format(
            **names,
            module=modules[0],
            modules=", ".join(f"`{module}`" for module in modules),
            page=rules.page,
            version=__version__,
        ),
        f"{package}/__init__.py": f'"""Inference for DCASE {rules.year} Task 1."""\n',
        f"{package}/ckpts/__init__.py": '"""Weights."""\n',
        f"{package}/resources/__init__.py": '"""Files of the organisers\' scripts."""\n',
        f"{package}/resources/test.csv": rows,
        f"{package}/mel_bands.py": inspect.getsource(mel_bands),
        f"{package}/front_end.py": _front_end(),
        f"{package}/network.py": _network(),
        f"{package}/interface.py": _interface(),
    }
    for name, text in texts.items():
        write_text(folder / name, text)
    write_bytes(inner / "resources" / "dummy.wav", _dummy())


def write_module(
    folder: Path,
    package: str,
    module: str,
    label: str,
    networks: Mapping[str, Answering],
    labels: tuple[str, ...],
    output: Path,
) -> None:
    """Write a module of the package and its checkpoint.

    Parameters
    ----------
    module : str
        Its name, and that of the checkpoint.
    label : str
        Of the submission.
    networks : by device; the one of all other devices is called `GENERAL`
    labels : order of the classes
    output : Path
        What the module said of the evaluation set; removed if other weights said it.
    """
    described = {
        name: {
            "layers": asdict(each.networks[0].spec),
            "members": len(each.networks),
            "front_end": {
                **each.front_end.model_dump(),
                "highest": each.front_end.highest,
                "samples": each.front_end.samples,
            },
        }
        for name, each in networks.items()
    }
    weights = {
        f"{name}/{key}": value.cpu().numpy()
        for name, each in networks.items()
        for key, value in each.network.state_dict().items()
    }
    settings = json.dumps({"labels": labels, "networks": described})
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, settings=np.array(settings), **weights)
    checkpoint = checkpoint_of(folder, package, module)
    if checkpoint.exists() and checkpoint.read_bytes() != content.getvalue():
        output.unlink(missing_ok=True)
    write_bytes(checkpoint, content.getvalue())
    text = _source("module.txt").format(label=label, module=module)
    write_text(folder / package / f"{module}.py", text)


def _front_end() -> str:
    parts = (
        *(logmel.log_mel, logmel.log_mel_of_frames, logmel.fit_length, logmel._transform),
        *(signal.has_signal, signal.voting),
    )
    return _assembled(_FRONT_END, *parts)


def _network() -> str:
    parts = (
        *(netspec.ConvSpec, netspec.LinearSpec, netspec.BlockSpec, netspec.NetSpec),
        *(subnet.InputNorm, subnet.conv_layer, subnet.norm_layer, subnet.ConvNorm),
        *(subnet.InvertedResidual, subnet.sum_paths, subnet.join_shortcut, subnet.shortcut),
        *(subnet.SubNet, subnet.pool_and_classify, Committee, together),
        *(int8_weights.Int8Conv2d, int8_weights.take_int8_convolutions),
    )
    plain = "DepthwiseConv2d = conv_layer\nBatchNorm2d = nn.BatchNorm2d\n"  # of our own kinds
    return _assembled(_NETWORK, *parts) + "\n\n" + plain


def _interface() -> str:
    """Return the interface, whose imports are those of the package."""
    text = inspect.getsource(interface)
    text = re.sub(r"from asc_nas\.audio\.\w+ import", "from .front_end import", text)
    return re.sub(r"from asc_nas\.(nn|space)\.\w+ import", "from .network import", text)


def _assembled(header: str, *parts: Any) -> str:
    return "\n\n".join([header, *map(inspect.getsource, parts)])


def _source(name: str) -> str:
    return files("asc_nas.run.submission").joinpath("sources", name).read_text(encoding="utf-8")


def _dummy() -> bytes:
    noise = np.random.default_rng(0).uniform(-0.1, 0.1, DUMMY_RATE)
    content = io.BytesIO()
    soundfile.write(content, noise, DUMMY_RATE, "PCM_16", format="WAV")
    return content.getvalue()
