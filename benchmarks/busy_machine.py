"""A training step on all threads while another program keeps one core busy.

python benchmarks/busy_machine.py [CONFIG] [--threads 2] [--rounds 3]

The step is that of `training_step.py`, ours, once with threads that wait as PyTorch's do by
default and once as asc-nas lets them wait; on a machine that does nothing else, and beside an
endless loop. The two take turns.
"""

import argparse
import os
import statistics
import subprocess
import sys
from pathlib import Path

import timing
from training_step import VARIANTS

from asc_nas.core.machine import wait_asleep

SCRIPT = Path(__file__).with_name("training_step.py")
LOOP = [sys.executable, "-c", "while True: pass"]


def step_ms(config: Path, threads: int, environment: dict[str, str]) -> float:
    variant = ["--variant", list(VARIANTS)[-1], "--threads", str(threads)]
    command = [sys.executable, str(SCRIPT), str(config), *variant]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[0]) * 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", type=Path, nargs="?", default=Path("configs/nasc.yaml"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    environments = {"PyTorch's default": dict(os.environ)}
    wait_asleep()
    environments["asc-nas"] = dict(os.environ)

    medians = {}
    for beside, busy in (("alone", 0), ("beside a busy process", 1)):
        loops = [subprocess.Popen(LOOP) for _ in range(busy)]
        try:
            times = {name: [] for name in environments}
            for _ in range(arguments.rounds):
                for name, environment in environments.items():
                    times[name].append(step_ms(arguments.config, arguments.threads, environment))
        finally:
            for loop in loops:
                loop.kill()
        medians[beside] = {name: statistics.median(taken) for name, taken in times.items()}
        for name, taken in medians[beside].items():
            print(f"{beside:<24}{name:<20}{taken:>8.1f} ms")
    print(f"{arguments.threads} threads, {arguments.rounds} rounds")
    timing.print_aims(
        [
            (
                f"default / asc-nas, {beside}",
                found["PyTorch's default"] / found["asc-nas"],
                "stated",
            )
            for beside, found in medians.items()
        ]
    )


if __name__ == "__main__":
    main()
