"""Independent trainings by several workers, local and by Ray, against the same on one core.

python benchmarks/executors.py RUN [--workers 2] [--trainings 4] [--epochs 60] [--rounds 3] [--ray]

RUN is a run directory with features. The first baseline is trained with several seeds, in turns by
one worker on one thread, by `--workers` local ones, and with `--ray` by as many of a cluster that
runs on this machine (`ray start --head`). Let a training take 10 s or more.
"""

import statistics
import tempfile
from pathlib import Path
from typing import Annotated

import timing
import torch
import typer

from asc_nas.run.folder import RunFolder
from asc_nas.run.networks import find_network
from asc_nas.run.paths import RunPaths
from asc_nas.run.training import train_networks


def main(
    run: Path,
    workers: int = 2,
    trainings: int = 4,
    epochs: int = 60,
    rounds: int = 3,
    ray: Annotated[bool, typer.Option("--ray", help="a Ray cluster as well")] = False,
) -> None:
    timing.restart_with_threads(1)
    torch.set_num_threads(1)
    opened = RunFolder.open(run)
    retrain = opened.config.retrain.model_copy(update={"epochs": epochs})
    compute = opened.config.compute.model_copy(update={"address": "auto"})
    config = opened.config.model_copy(update={"retrain": retrain, "compute": compute})
    network = find_network(opened, next(iter(config.baselines)))

    def seconds(executor: str, workers: int) -> float:
        with tempfile.TemporaryDirectory() as folder:
            paths = RunPaths(Path(folder))
            for source, link in (
                (opened.paths.manifest.parent, paths.manifest.parent),
                (opened.paths.features, paths.features),
            ):
                link.symlink_to(source.absolute(), target_is_directory=source.is_dir())
            own = RunFolder(config, paths, executor=executor, asked=config)
            with own.lock():  # which writes the settings that other processes read
                pass
            return timing.seconds(
                lambda: train_networks([own], [network], range(trainings), workers)
            )

    peers = {
        "one core": lambda: seconds("local", 1),
        f"local, {workers} workers": lambda: seconds("local", workers),
    }
    if ray:
        peers[f"ray, {workers} workers"] = lambda: seconds("ray", workers)
    times = timing.in_turns(peers, rounds)
    one, local, *others = times
    timing.print_times(times, one, 1, "s")
    print(f"\n{trainings} trainings of {epochs} epochs, {rounds} rounds")
    alone = statistics.median(times[one]) / trainings
    aims = [
        ("seconds of a training", alone, "at least 10"),
        (f"one core / local, {workers} workers", timing.ratio(times, one, local), "at least 1.9"),
    ]
    aims += [
        (f"{other} / local", timing.ratio(times, other, local), "below 1.05") for other in others
    ]
    timing.print_aims(aims)


if __name__ == "__main__":
    timing.run(main)
