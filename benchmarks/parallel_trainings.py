"""Independent trainings in one-thread processes side by side, against one after the other.

python benchmarks/parallel_trainings.py RUN [--workers 2] [--trainings 4] [--epochs 20] [--rounds 3]

RUN is a run directory with features. The first baseline is trained with several seeds: with
`--workers 1` on that many threads as there are workers, then side by side, in turns.
"""

import statistics
import tempfile
from pathlib import Path

import timing
import torch

from asc_nas.run.folder import RunFolder
from asc_nas.run.networks import find_network
from asc_nas.run.paths import RunPaths
from asc_nas.run.training import train_networks


def seconds_of(
    run: RunFolder, epochs: int, trainings: int, workers: int, executor: str = "local"
) -> float:
    """Return how long the first baseline takes to train with several seeds, in a run of its own."""
    retrain = run.config.retrain.model_copy(update={"epochs": epochs})
    config = run.config.model_copy(update={"retrain": retrain})
    network = find_network(run, next(iter(config.baselines)))
    with tempfile.TemporaryDirectory() as folder:
        paths = RunPaths(Path(folder))
        for source, link in (
            (run.paths.manifest.parent, paths.manifest.parent),
            (run.paths.features, paths.features),
        ):
            link.symlink_to(source.absolute(), target_is_directory=source.is_dir())
        own = RunFolder(config, paths, executor=executor)
        return timing.seconds(lambda: train_networks([own], [network], range(trainings), workers))


def main(
    run: Path, workers: int = 2, trainings: int = 4, epochs: int = 20, rounds: int = 3
) -> None:
    torch.set_num_threads(workers)
    opened = RunFolder.open(run)
    peers = {
        "alone": lambda: seconds_of(opened, epochs, trainings, 1),
        "together": lambda: seconds_of(opened, epochs, trainings, workers),
    }
    times = timing.in_turns(peers, rounds)
    alone, together = map(statistics.median, times.values())
    ratio = timing.ratio(times, "alone", "together")
    print(f"one after the other, {workers} threads {alone:>8.1f} s")
    print(f"side by side, one thread each     {together:>8.1f} s  ratio {ratio:.2f}")
    print(f"{trainings} trainings of {epochs} epochs, {rounds} rounds")
    timing.print_aims([("one after the other / side by side", ratio, "at least 1.35")])


if __name__ == "__main__":
    timing.run(main)
