"""Random networks of every kind that a space can hold, exported, with the integers made of them."""

import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from toy import far_from_identity

from asc_nas.audio.logmel import FrontEnd
from asc_nas.cost.memory import memory_of
from asc_nas.export.integer.folded import FoldedNetwork, read_folded
from asc_nas.export.integer.network import IntegerNetwork
from asc_nas.export.integer.quantise import integer_networks
from asc_nas.export.onnx import export_model
from asc_nas.nn.committee import Committee
from asc_nas.nn.subnet import SubNet
from asc_nas.runtime.card import CardData, ModelCard
from asc_nas.space.genotype import Genotype
from asc_nas.space.netspec import NetSpec, resolve
from asc_nas.space.skeleton import Skeleton

CLASSES = ("a", "b", 'c "d\\ü??/')
FRONTEND = FrontEnd(
    sample_rate=8000, n_mels=13, win_length=200, hop_length=160, n_fft=240, seconds=0.36
)
SKELETON = {
    "stem": [{"channels": 6, "stride": [1, 2]}, {"channels": 8, "stride": [2, 1]}],
    "stages": [
        {"channels": 8, "strides": [[1, 1], [1, 1], [1, 2]]},
        {"channels": 12, "strides": [[2, 1], [1, 1]]},
    ],
    "channel_multiple": 2,
}
GENOTYPES = (
    "t3e1w1 f3e1w1 t5e1w1 f5e1w1 s3e1w1",
    "f3+t3e2w1 skip f5+t3e1.5w1 t3+t5e3w1 f3+f5+t3+t5e1w1",
    "t3e2w0.75 f3e1w1 t3e1w0.5 f3e2w0.75 s3+t5e1w1",
    "f3+t3e1w0.75 f3+t3e2w0.5 f3+t3e1w1 f3+t3e1w1 f3+t3e1w0.5",
)
VARIANTS: tuple[dict, ...] = (
    {},
    {"head_channels": 10},
    {"input_range_db": 60.0, "activation_after_sum": False},
    {"input_range_db": 40.0, "head_channels": 7, "activation_after_sum": False},
)


@dataclass(frozen=True)
class Made:
    """A network in PyTorch, its ONNX file and card, what is read of it, and its integers."""

    spec: NetSpec
    module: torch.nn.Module
    file: Path
    card: ModelCard
    folded: tuple[FoldedNetwork, ...]
    networks: tuple[IntegerNetwork, ...]
    clips: np.ndarray


def make(
    folder: Path,
    genotype: str,
    variant: dict,
    members: int = 1,
    frontend: FrontEnd = FRONTEND,
    temperature: float = 1.3,
) -> Made:
    """Return a network with random weights and the integers of it, calibrated on noise.

    Its file and card lie in `folder`; what was made before is copied, as an export takes a second.
    """
    key = repr((genotype, variant, members, frontend, temperature))
    if key not in _MADE:
        _MADE[key] = _make(
            Path(tempfile.mkdtemp(dir=_SCRATCH.name)),
            genotype,
            variant,
            members,
            frontend,
            temperature,
        )
    made = _MADE[key]
    folder.mkdir(parents=True, exist_ok=True)
    for suffix in (".onnx", ".json"):
        shutil.copy(made.file.with_suffix(suffix), folder)
    return replace(made, file=folder / "toy.onnx")


_SCRATCH = tempfile.TemporaryDirectory()
_MADE: dict[str, Made] = {}


def _make(
    folder: Path, genotype: str, variant: dict, members: int, frontend: FrontEnd, temperature: float
) -> Made:
    spec = resolve(
        Genotype.parse(genotype), Skeleton(**SKELETON | variant), frontend.size, len(CLASSES)
    )
    clips = np.random.default_rng(3).normal(-45, 15, (12, *frontend.size)).astype(np.float32)
    modules = []
    for member in range(members):
        module = SubNet(spec)
        far_from_identity(module, seed=member)
        module.input_norm.set_statistics(
            torch.linspace(-60, -30, frontend.n_mels), torch.linspace(5, 20, frontend.n_mels)
        )
        modules.append(module.eval())
    network = modules[0] if members == 1 else Committee(modules)
    card = export_model(
        network,
        clips[:4],
        folder,
        name="toy",
        labels=CLASSES,
        frontend=frontend,
        genotype=genotype,
        macs=1,
        params=1,
        results={},
        data=CardData(name="toy"),
        temperature=temperature,
        members=members,
        ram_bytes=memory_of(spec, frontend).total,
        float_ram_bytes=memory_of(spec, frontend, value_bytes=4).total,
    )
    file = folder / "toy.onnx"
    folded = read_folded(file, frontend.size)
    networks = integer_networks(file, folded, clips)
    return Made(spec, network, file, card, folded, networks, clips)
