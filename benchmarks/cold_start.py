"""Seconds of ``asc-nas classify`` on one file, started cold, against importing what it needs.

python benchmarks/cold_start.py MODEL FILE [--repeats 7]
"""

import argparse
import statistics
import subprocess
import sys
import time


def seconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("file")
    parser.add_argument("--repeats", type=int, default=7)
    arguments = parser.parse_args()
    python = sys.executable
    commands = {
        "asc-nas classify": [
            *(python, "-m", "asc_nas.cli.main", "classify"),
            *(arguments.file, "--model", arguments.model),
        ],
        "import numpy, onnxruntime": [python, "-c", "import numpy, onnxruntime"],
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(arguments.repeats):
        for name, command in commands.items():
            times[name].append(seconds(command))
    for name, values in times.items():
        print(
            f"{name:28s} median {statistics.median(values):.2f} s "
            f"({min(values):.2f} to {max(values):.2f}, {len(values)} runs)"
        )


if __name__ == "__main__":
    main()
