"""One optimiser step of the supernet, against steps of its networks cut out.

python benchmarks/supernet_step.py [CONFIG] [--threads 1] [--steps 9]

A step of the supernet is K forward and backward passes on one batch and one update of all shared
weights (strict fairness: K is the number of candidates in a block). The peer makes, for the same K
genotypes, a step of each extracted stand-alone network with an optimiser of its own. Both take
turns; medians over the steps.
"""

import statistics
from functools import partial
from pathlib import Path
from typing import Annotated

import timing
import torch
import typer
from torch.nn import functional as F

from asc_nas.core.machine import keep_freed_memory
from asc_nas.nn.supernet import Supernet, init_supernet
from asc_nas.run.beginning import specs_of
from asc_nas.run.opening import read_settings
from asc_nas.training.device import to_device
from asc_nas.training.path_samplers import SAMPLERS
from asc_nas.training.trainer import make_optimizer

CLASSES = 10


def main(
    config: Annotated[Path, typer.Argument()] = Path("configs/nasc.yaml"),
    threads: int = 1,
    steps: int = 9,
) -> None:
    torch.set_num_threads(threads)
    keep_freed_memory()

    config = read_settings(config)
    size = (config.frontend.n_mels, config.frontend.frames)
    supernet = Supernet(config.search_space(), specs_of(config, CLASSES))
    init_supernet(supernet, torch.Generator().manual_seed(0))
    to_device(supernet, "cpu").train()
    optimizer = make_optimizer(supernet, config.supernet)
    batch = config.supernet.batch_size
    x = torch.randn(batch, 1, *size, generator=torch.Generator().manual_seed(0))
    x = x.contiguous(memory_format=torch.channels_last)
    targets = torch.arange(batch) % CLASSES
    sampler = SAMPLERS[config.supernet.sampler](supernet.space, 0, config.supernet.passes)

    def shared(genotypes):
        optimizer.zero_grad()
        for genotype in genotypes:
            (F.cross_entropy(supernet(x, genotype), targets) / len(genotypes)).backward()
        optimizer.step()

    def alone(networks):
        for network, own in networks:
            own.zero_grad()
            F.cross_entropy(network(x), targets).backward()
            own.step()

    rounds = []
    for step in range(steps + 1):
        genotypes = sampler.step(step)
        networks = [to_device(supernet.extract(g), "cpu").train() for g in genotypes]
        pairs = [(network, make_optimizer(network, config.supernet)) for network in networks]
        alone(pairs)  # their memory is there, as the supernet's is
        works = (partial(alone, pairs), partial(shared, genotypes))
        rounds.append([timing.seconds(work) for work in works])

    sums, wholes = zip(*rounds[1:], strict=True)
    ratio = statistics.median(b / a for a, b in rounds[1:])
    print(f"{'networks cut out, sum':<28}{statistics.median(sums) * 1e3:>9.0f} ms")
    print(f"{'supernet':<28}{statistics.median(wholes) * 1e3:>9.0f} ms  ratio {ratio:.2f}")
    print(f"{len(genotypes)} passes, batch {batch}, {threads} thread(s)")
    timing.print_aims([("supernet / networks cut out", ratio, "at most 1.15")])


if __name__ == "__main__":
    timing.run(main)
