"""Strong scaling: the same work of a run on more and more cores, and where it loses.

python benchmarks/scaling.py RUN [--cores 1 --cores 2] [--epochs 7] [--trainings 4] [--rounds 3]

RUN is a run directory with features and a trained supernet. On each number of cores (no more than
those may be used) these take turns: feature extraction; the supernet by one process on so many
threads, and by as many workers, which divide the networks of a step; one with a single network in a
step by as many ranks of torchrun, which divide the batch; a generation of 40 candidates; trainings
of the first baseline with several seeds. Supernets are timed from the end of their first epoch to
that of the last, in whole seconds; extraction and trainings with the start of their processes, a
generation without.
"""

import datetime
import json
import os
import statistics
import subprocess
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import timing
import torch
import typer
from parallel_trainings import seconds_of

from asc_nas.core.randomness import stream
from asc_nas.run.folder import RunFolder
from asc_nas.run.population import population_evaluator
from data_prep.extraction import extract

CANDIDATES = 40


def on_cores(cores: int, work: Callable[..., float], *arguments: object) -> float:
    """Return what `work` measures in this process, which may use so many cores from now on."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
    torch.set_num_threads(1)
    return work(cores, *arguments)


def extraction(cores: int, run: Path) -> float:
    opened = RunFolder.open(run)
    with tempfile.TemporaryDirectory() as folder:
        return timing.seconds(
            lambda: extract(
                opened.manifest, opened.config.frontend, Path(folder) / "features", workers=cores
            )
        )


def supernet(cores: int, run: Path, epochs: int, by: str) -> float:
    settings, launcher, threads = [f"supernet.epochs={epochs}", "shrinking=null"], [], 1
    match by:
        case "threads":
            threads = cores
        case "workers":
            settings.append(f"supernet.workers={cores}")
        case "ranks":
            settings += ["supernet.passes=1", "supernet.sampler=uniform"]
            launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={cores}"]
    python, *module = timing.ASC_NAS
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        (out / "features").symlink_to((run / "features").absolute())
        command = [python, *launcher, *module, "supernet", run / "config.yaml", f"--out={out}"]
        subprocess.run(
            [*command, *(f"--set={setting}" for setting in settings)],
            env={**os.environ, "OMP_NUM_THREADS": str(threads)},
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        lines = (out / "events.jsonl").read_text().splitlines()
    ends = [
        datetime.datetime.fromisoformat(event["time"])
        for event in map(json.loads, lines)
        if event["step"] == "supernet"
    ]
    return (ends[-1] - ends[0]).total_seconds()


def generation(cores: int, run: Path) -> float:
    opened = RunFolder.open(run)
    rng = stream(0, "scaling")
    space = opened.remaining_space()
    candidates = [space.sample(rng) for _ in range(CANDIDATES)]
    with population_evaluator(opened, cores) as judge:
        judge(candidates[:cores])  # the processes are up
        return timing.seconds(lambda: judge(candidates))


def trained(cores: int, run: Path, epochs: int, trainings: int) -> float:
    return seconds_of(RunFolder.open(run), epochs, trainings, cores)


def main(
    run: Path,
    cores: Annotated[list[int] | None, typer.Option()] = None,
    epochs: Annotated[int, typer.Option(min=2)] = 7,
    trainings: int = 4,
    training_epochs: int = 60,
    rounds: int = 3,
) -> None:
    counts = cores or [1, 2]
    steps = {
        "feature extraction": (extraction, run),
        "supernet, threads": (supernet, run, epochs, "threads"),
        "supernet, workers": (supernet, run, epochs, "workers"),
        "one network a step, ranks": (supernet, run, 4 * epochs, "ranks"),
        "a generation of 40": (generation, run),
        f"{trainings} trainings": (trained, run, training_epochs, trainings),
    }
    print(f"{'seconds on':<32}" + "".join(f"{count:>8} core(s)" for count in counts) + "  times")
    for name, (measure, *arguments) in steps.items():
        peers = {
            str(count): partial(timing.in_a_process, on_cores, count, measure, *arguments)
            for count in counts
        }
        times = timing.in_turns(peers, rounds)
        cells = "".join(f"{statistics.median(times[str(count)]):>16.1f}" for count in counts)
        gain = timing.ratio(times, str(counts[0]), str(counts[-1]))
        print(f"{name:<32}{cells}  {gain:.2f}", flush=True)


if __name__ == "__main__":
    timing.run(main)
