"""Independent trainings in one-thread processes side by side, against one after the other.

python benchmarks/parallel_trainings.py RUN [--workers 2] [--trainings 4] [--epochs 20] [--rounds 3]

RUN is a run directory with features. The first baseline is trained with several seeds: with
`--workers 1` on that many threads as there are workers, then side by side, in turns.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import timing
import torch

from asc_nas.run.folder import RunFolder
from asc_nas.run.networks import find_network
from asc_nas.run.paths import RunPaths
from asc_nas.run.training import train_networks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--trainings", type=int, default=4)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.workers)

    run = RunFolder.open(arguments.run)
    retrain = run.config.retrain.model_copy(update={"epochs": arguments.epochs})
    config = run.config.model_copy(update={"retrain": retrain})
    network = find_network(run, next(iter(config.baselines)))

    def seconds(workers):
        with tempfile.TemporaryDirectory() as folder:
            paths = RunPaths(Path(folder))
            for source, link in (
                (run.paths.manifest.parent, paths.manifest.parent),
                (run.paths.features, paths.features),
            ):
                link.symlink_to(source.absolute(), target_is_directory=source.is_dir())
            start = time.perf_counter()
            seeds = range(arguments.trainings)
            train_networks([RunFolder(config, paths)], [network], seeds, workers)
            return time.perf_counter() - start

    rounds = [(seconds(1), seconds(arguments.workers)) for _ in range(arguments.rounds)]
    alone, together = (statistics.median(column) for column in zip(*rounds, strict=True))
    ratio = statistics.median(a / b for a, b in rounds)
    print(f"one after the other, {arguments.workers} threads {alone:>8.1f} s")
    print(f"side by side, one thread each     {together:>8.1f} s  ratio {ratio:.2f}")
    print(
        f"{arguments.trainings} trainings of {arguments.epochs} epochs, {arguments.rounds} rounds"
    )
    timing.print_aims([("one after the other / side by side", ratio, "at least 1.35")])


if __name__ == "__main__":
    main()
