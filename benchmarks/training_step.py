"""One training step of a stand-alone network, against the same network written plainly.

python benchmarks/training_step.py [CONFIG] [--network baseline] [--threads 1] [--rounds 5]

A step is forward, backward and AdamW on a batch of the config's size; data loading and augmentation
are not in it (`data_loading.py`). The peer is the network written with torch.nn layers, in the
default memory layout, with the default AdamW and allocator. Between the two, one lever after the
other. Every figure is the median over processes that take turns, each the median of 15 steps.
GMAC/s counts three passes of the convolutions (forward, both gradients); the peak is that of a
2048 x 2048 float32 matrix product in the same process.
"""

import statistics
from functools import partial
from pathlib import Path
from typing import Annotated

import timing
import torch
import typer
from torch import nn
from torch.nn import functional as F

from asc_nas.core.machine import keep_freed_memory
from asc_nas.cost.counts import count
from asc_nas.nn import subnet
from asc_nas.run.opening import read_settings
from asc_nas.space.netspec import resolve
from asc_nas.training.device import to_device
from asc_nas.training.network_trainer import new_network
from asc_nas.training.trainer import TrainConfig, make_optimizer

CLASSES = 10
VARIANTS = {
    "torch.nn, default": set(),
    "+ channels last": {"channels last"},
    "+ fused AdamW": {"channels last", "fused"},
    "+ own gradient, ReLU in place": {"channels last", "fused", "own"},
    "+ freed memory kept (asc-nas)": {"channels last", "fused", "own", "keep"},
}


def conv_norm(spec):
    shape = spec.in_channels, spec.out_channels, spec.kernel, spec.stride, spec.padding
    conv = nn.Conv2d(*shape, groups=spec.groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(spec.out_channels))


class PlainBlock(nn.Module):
    """Inverted residual with one kernel, as anyone would write it."""

    def __init__(self, spec):
        super().__init__()
        self.spec = spec
        layers = [conv_norm(spec.expand), nn.ReLU()] if spec.expand else []
        layers += [conv_norm(spec.depthwise[0]), nn.ReLU(), conv_norm(spec.project)]
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        out = self.layers(x)
        if self.spec.shortcut:
            if self.spec.stride != (1, 1):
                x = F.avg_pool2d(x, self.spec.stride, ceil_mode=True, count_include_pad=False)
            missing = self.spec.out_channels - self.spec.in_channels
            out = out + (F.pad(x, (0, 0, 0, 0, 0, missing)) if missing else x)
        return F.relu(out) if self.spec.activation_after_sum else out


class Plain(nn.Module):
    """The whole network."""

    def __init__(self, spec):
        super().__init__()
        self.norm = subnet.InputNorm(spec.input_size[0])
        self.stem = nn.Sequential(*(nn.Sequential(conv_norm(c), nn.ReLU()) for c in spec.stem))
        self.blocks = nn.Sequential(*(PlainBlock(b) for b in spec.blocks if b is not None))
        self.head = conv_norm(spec.head)

    def forward(self, x):
        return self.head(self.blocks(self.stem(self.norm(x)))).mean((2, 3))


def median_of(function, count=15):
    for _ in range(4):
        function()
    return statistics.median(timing.seconds(function) for _ in range(count))


def measure(config, network, variant, threads):
    """Return the seconds of a step and the peak in MAC/s."""
    torch.set_num_threads(threads)
    levers = VARIANTS[variant]
    if "keep" in levers:
        keep_freed_memory()
    spec = spec_of(config, network)
    module = new_network(spec, 0) if "own" in levers else Plain(spec)
    size = config.retrain.batch_size
    x = torch.randn(size, 1, *spec.input_size, generator=torch.Generator().manual_seed(0))
    targets = torch.arange(size) % CLASSES
    if "channels last" in levers:
        to_device(module, "cpu")
        x = x.contiguous(memory_format=torch.channels_last)
    if "fused" in levers:
        optimizer = make_optimizer(module, TrainConfig())
    else:
        optimizer = torch.optim.AdamW(module.parameters())

    def step():
        optimizer.zero_grad()
        F.cross_entropy(module(x), targets, label_smoothing=0.1).backward()
        optimizer.step()

    seconds = median_of(step)
    a = torch.randn(2048, 2048)
    return seconds, 2048**3 / median_of(lambda: a @ a, 5)


def spec_of(config, network):
    blocks = len(config.skeleton.block_plans)
    genotype = config.baselines[network].genotype(blocks)
    size = (config.frontend.n_mels, config.frontend.frames)
    return resolve(genotype, config.skeleton, size, CLASSES)


def main(
    config: Annotated[Path, typer.Argument()] = Path("configs/nasc.yaml"),
    network: str = "baseline",
    threads: int = 1,
    rounds: int = 5,
) -> None:
    config = read_settings(config)
    workers = {
        name: partial(timing.in_a_process, measure, config, network, name, threads)
        for name in VARIANTS
    }
    found = timing.in_turns(workers, rounds)
    steps = {name: statistics.median(step for step, _ in each) for name, each in found.items()}
    peak = statistics.median(peak for each in found.values() for _, peak in each)
    macs = count(spec_of(config, network), config.frontend).macs * config.retrain.batch_size * 3
    peer, best = steps["torch.nn, default"], steps[list(VARIANTS)[-1]]
    print(f"{'':<32}{'ms':>8}{'ratio':>8}{'GMAC/s':>8}{'of peak':>9}")
    for name, step in steps.items():
        print(
            f"{name:<32}{step * 1e3:>8.1f}{peer / step:>8.2f}{macs / step / 1e9:>8.1f}"
            f"{macs / step / peak:>9.0%}"
        )
    print(f"{threads} thread(s); peak {peak / 1e9:.1f} GMAC/s")
    timing.print_aims(
        [
            ("torch.nn, default / asc-nas", peer / best, "at least 2"),
            ("share of the matmul peak", macs / best / peak, "stated"),
        ]
    )


if __name__ == "__main__":
    timing.run(main)
