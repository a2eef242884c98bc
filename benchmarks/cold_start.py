"""Seconds of ``asc-nas classify`` on one file, started cold, against importing what it needs.

python benchmarks/cold_start.py MODEL FILE [--repeats 11]
"""

import argparse
import statistics
import subprocess
import sys

import timing


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("file")
    timing.add_options(parser, repeats=11)
    arguments = parser.parse_args()
    timing.restart_with_threads(1)
    classify = ["-m", "asc_nas.cli.main", "classify", arguments.file, "--model", arguments.model]
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
    times = timing.by_turns(peers, arguments.repeats, arguments.clock)
    ours, imports, _ = commands
    timing.print_times(times, imports, threads=1)
    more = statistics.median(a - b for a, b in zip(times[ours], times[imports], strict=True))
    timing.print_aims([("seconds more than the imports", more, "at most 0.4")])


if __name__ == "__main__":
    main()
