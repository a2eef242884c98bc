"""Independent trainings by several workers, local and by Ray, against the same on one core.

python benchmarks/executors.py RUN [--workers 2] [--trainings 4] [--epochs 60] [--rounds 3] [--ray]

RUN is a run directory with features. The first baseline is trained with several seeds, in turns by
one worker on one thread, by `--workers` local ones, and with `--ray` by as many of a cluster that
runs on this machine (`ray start --head`). Let a training take 10 s or more.
"""

import statistics
from functools import partial
from pathlib import Path
from typing import Annotated

import timing
import torch
import typer
from parallel_trainings import seconds_of

from asc_nas.run.folder import RunFolder


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
    opened = RunFolder.open(run, address="auto")
    peers = {
        "one core": lambda: seconds_of(opened, epochs, trainings, 1),
        f"local, {workers} workers": lambda: seconds_of(opened, epochs, trainings, workers),
    }
    if ray:
        together = partial(seconds_of, opened, epochs, trainings, workers, "ray")
        peers[f"ray, {workers} workers"] = together
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
