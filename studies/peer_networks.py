"""The hand-made networks that ``peers.py`` trains, and what they cost.

MobileNetV2 is at half width, with its own expansions: 1 in the first block, then 6. At 64 x 251
that is 30.0 M multiply-accumulates, and 28.4 M with kernels along time and frequency in turns.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import torch
from task5_cnn import Task5Cnn
from torch import nn

from asc_nas.core.errors import UsageError
from asc_nas.core.randomness import derived_seed
from asc_nas.nn.subnet import InputNorm
from asc_nas.nn.supernet import init_weights
from asc_nas.run.config import FixedNetwork
from asc_nas.run.folder import RunFolder
from asc_nas.run.networks import NamedNetwork, find_network
from asc_nas.space.netspec import resolve
from asc_nas.space.skeleton import skeleton_from
from asc_nas.training.network_trainer import new_network

sys.path.append(str(Path(__file__).resolve().parents[1] / "benchmarks"))
from cp_mobile import CpMobile

Size = tuple[int, int]
"""(mels, frames)"""
Builder = Callable[[Size, int, int], nn.Module]
"""From input size, classes and seed to a network that has an `input_norm`."""


class Normalised(nn.Module):
    """A plain network behind the normalisation per mel that ours have inside."""

    def __init__(self, mels: int, network: nn.Module):
        super().__init__()
        self.input_norm = InputNorm(mels)
        self.network = network

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.network(self.input_norm(x))


def weights(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(derived_seed(seed, "init"))


def cp_mobile(size: Size, classes: int, seed: int) -> nn.Module:
    network = CpMobile(classes)
    init_weights(network, weights(seed))
    return Normalised(size[0], network)


def task5_cnn(size: Size, classes: int, seed: int) -> nn.Module:
    network, generator = Task5Cnn(size[0], classes), weights(seed)
    init_weights(network, generator)
    network.init_dense(generator)
    return Normalised(size[0], network)


def mobilenetv2(*kernels: str) -> Builder:
    """Return what builds MobileNetV2 with these depthwise kernels, from block to block in turns."""

    def build(size: Size, classes: int, seed: int) -> nn.Module:
        skeleton = skeleton_from("mobilenetv2_half")
        blocks = len(skeleton.block_plans)
        network = FixedNetwork(kernels=kernels, expansion=(1, *[6] * (blocks - 1)))
        return new_network(resolve(network.genotype(blocks), skeleton, size, classes), seed)

    return build


PEERS: dict[str, Builder] = {
    "cp_mobile": cp_mobile,
    "task5_cnn": task5_cnn,
    "mobilenetv2": mobilenetv2("s3"),
    "mobilenetv2_unidirectional": mobilenetv2("t5", "f5"),
}


def build(peer: str, run: RunFolder, seed: int) -> nn.Module:
    """Return the network of a name in `PEERS`, or of ours, with freshly drawn weights."""
    if peer in PEERS:
        return PEERS[peer](run.config.frontend.size, len(run.manifest.labels), seed)
    return new_network(run.spec(find_ours(peer, run).genotype), seed)


def file_name(peer: str, run: RunFolder) -> str:
    return peer if peer in PEERS else find_ours(peer, run).name


def find_ours(text: str, run: RunFolder) -> NamedNetwork:
    try:
        return find_network(run, text)
    except UsageError as error:
        raise UsageError(f"{error} Or one of the peers: {', '.join(PEERS)}.") from error


def macs(network: nn.Module, size: Size) -> int:
    """Count the multiply-accumulates of convolutions and linear layers for one example."""
    total = 0

    def add(layer: nn.Module, _inputs: object, output: torch.Tensor) -> None:
        nonlocal total
        total += output[0].numel() * layer.weight[0].numel()

    layers = [layer for layer in network.modules() if isinstance(layer, (nn.Conv2d, nn.Linear))]
    hooks = [layer.register_forward_hook(add) for layer in layers]
    with torch.inference_mode():
        network.eval()(torch.zeros(1, 1, *size))
    for hook in hooks:
        hook.remove()
    return total
