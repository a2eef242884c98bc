"""Waiting for data while training, against the time in compute.

python benchmarks/data_loading.py RUN [--threads 1] [--epochs 3]

RUN is a run directory with features. A stand-alone network (the first baseline) is trained as
`asc-nas train` does; reading the batch from the feature store, augmenting it and putting it in
channels-last order is timed apart from forward, backward and update. The first epoch is not
counted.
"""

import statistics
import time
from pathlib import Path

import numpy as np
import timing
import torch
from torch.nn import functional as F

from asc_nas.data.augment import Augmentation
from asc_nas.run.folder import RunFolder
from asc_nas.run.networks import find_network
from asc_nas.training.device import to_device
from asc_nas.training.network_trainer import new_network
from asc_nas.training.trainer import make_optimizer


def main(run: Path, threads: int = 1, epochs: int = 3) -> None:
    torch.set_num_threads(threads)
    run = RunFolder.open(run)
    config = run.config.retrain
    examples = run.examples("train", "search_val")
    genotype = find_network(run, next(iter(run.config.baselines))).genotype
    network = to_device(new_network(run.spec(genotype), 0), "cpu").train()
    network.input_norm.set_statistics(*examples.mel_statistics(network.input_norm.level))
    optimizer = make_optimizer(network, config)
    augmentation = Augmentation(config.augment, examples)
    rng = np.random.default_rng(0)
    shares, batches = [], []
    for epoch in range(epochs + 1):
        for positions in examples.batches(config.batch_size, rng):
            start = time.perf_counter()
            x, targets = examples.batch(positions)
            read = time.perf_counter()
            x, soft = augmentation(x, targets, rng)
            x = x.contiguous(memory_format=torch.channels_last)
            ready = time.perf_counter()
            optimizer.zero_grad()
            F.cross_entropy(network(x), soft).backward()
            optimizer.step()
            end = time.perf_counter()
            if epoch:
                batches.append((read - start, ready - read, end - ready))
                shares.append((ready - start) / (end - ready))
    names = ("reading", "augmentation", "forward, backward, update")
    for name, seconds in zip(names, zip(*batches, strict=True), strict=True):
        print(f"{name:<28}{statistics.median(seconds) * 1e3:>8.2f} ms")
    print(f"{threads} thread(s), {len(shares)} steps")
    timing.print_aims([("waiting / compute", statistics.median(shares), "below 0.05")])


if __name__ == "__main__":
    timing.run(main)
