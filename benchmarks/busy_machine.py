"""A training step on all threads while another program keeps one core busy.

python benchmarks/busy_machine.py [CONFIG] [--threads 2] [--rounds 3]

The step is that of `training_step.py`, ours, once with threads that wait as PyTorch's do by
default and once as asc-nas lets them wait; on a machine that does nothing else, and beside an
endless loop. The two take turns.
"""

import os
import statistics
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Annotated
from unittest.mock import patch

import timing
import typer
from training_step import VARIANTS, measure

from asc_nas.core.machine import wait_asleep
from asc_nas.run.config import RunConfig
from asc_nas.run.opening import read_settings

LOOP = [sys.executable, "-c", "while True: pass"]


def step_ms(config: RunConfig, threads: int, environment: dict[str, str]) -> float:
    with patch.dict(os.environ, environment, clear=True):
        ours = (config, "baseline", list(VARIANTS)[-1], threads)
        return timing.in_a_process(measure, *ours)[0] * 1e3


def main(
    config: Annotated[Path, typer.Argument()] = Path("configs/nasc.yaml"),
    threads: int = 2,
    rounds: int = 3,
) -> None:
    config = read_settings(config)
    environments = {"PyTorch's default": dict(os.environ)}
    wait_asleep()
    environments["asc-nas"] = dict(os.environ)

    peers = {name: partial(step_ms, config, threads, e) for name, e in environments.items()}

    medians = {}
    for beside, busy in (("alone", 0), ("beside a busy process", 1)):
        loops = [subprocess.Popen(LOOP) for _ in range(busy)]
        try:
            times = timing.in_turns(peers, rounds)
        finally:
            for loop in loops:
                loop.kill()
        medians[beside] = {name: statistics.median(taken) for name, taken in times.items()}
        for name, taken in medians[beside].items():
            print(f"{beside:<24}{name:<20}{taken:>8.1f} ms")
    print(f"{threads} threads, {rounds} rounds")
    aims = []
    for beside, found in medians.items():
        ratio = found["PyTorch's default"] / found["asc-nas"]
        aims.append((f"default / asc-nas, {beside}", ratio, "stated"))
    timing.print_aims(aims)


if __name__ == "__main__":
    timing.run(main)
