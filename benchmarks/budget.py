"""How well `asc-nas run --budget` keeps its time.

python benchmarks/budget.py CONFIG DATA TIME [--set KEY=VALUE ...] [--out RUN]

A whole run, from the start of the process to its end, into a new folder, or into one that is thrown
away.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import timing

from asc_nas.run.config import parse_duration
from asc_nas.run.folder import Budget


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("time")
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--out", type=Path, help="keep the run here")
    arguments = parser.parse_args()
    settings = [word for change in arguments.set for word in ("--set", change)]
    with tempfile.TemporaryDirectory() as folder:
        run = arguments.out or Path(folder) / "run"
        start = time.perf_counter()
        options = ["--data", arguments.data, "--out", run, "--budget", arguments.time, *settings]
        command = [sys.executable, "-m", "asc_nas.cli.main", "run", arguments.config, *options]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        seconds = time.perf_counter() - start
        plan = Budget.read(run / "budget.json")
    budget = parse_duration(arguments.time)
    print(f"sizes: {plan.settings}")
    print(f"budget {budget:.0f} s, taken {seconds:.0f} s: {seconds / budget - 1:+.1%}")
    timing.print_aims([(f"taken / {arguments.time}", seconds / budget, "0.85 to 1.15")])


if __name__ == "__main__":
    main()
