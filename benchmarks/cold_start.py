"""Seconds of ``asc-nas classify`` on one file, started cold, against importing what it needs.

python benchmarks/cold_start.py MODEL FILE [--repeats 11]
"""

import statistics
import subprocess
import sys

import timing


def main(
    model: str,
    file: str,
    repeats: timing.RepeatsOption = 11,
    clock: timing.ClockOption = timing.Clock.WALL,
) -> None:
    timing.restart_with_threads(1)
    classify = [*timing.ASC_NAS[1:], "classify", file, "--model", model]
    commands = {
        "asc-nas classify": classify,
        "import numpy, onnxruntime": ["-c", "import numpy, onnxruntime"],
        "python": ["-c", ""],
    }

    def start(command):
        return lambda: subprocess.run(
            [sys.executable, *command], check=True, stdout=subprocess.DEVNULL
        )

    peers = {name: start(command) for name, command in commands.items()}
    times = timing.by_turns(peers, repeats, clock)
    ours, imports, _ = commands
    timing.print_times(times, imports, threads=1)
    more = statistics.median(a - b for a, b in zip(times[ours], times[imports], strict=True))
    timing.print_aims([("seconds more than the imports", more, "at most 0.4")])


if __name__ == "__main__":
    timing.run(main)
