"""Feature extraction: clips per second with one and with two workers, and memory while it runs.

python benchmarks/extraction.py ESC10_FOLDER [--clips 2000] [--workers 1 2] [--repeats 3]

The recordings are listed again and again with another start until there are as many clips as asked
for, so that every clip is decoded, resampled and transformed like a new one. "steady" leaves out
the start of the processes: it is the speed from the first tenth of the clips to the last. Memory is
the resident set of this process and its workers together, in MB.
"""

import argparse
import os
import statistics
import tempfile
import threading
import time
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from asc_nas.audio.logmel import PRESETS
from asc_nas.data.manifest import Manifest
from data_prep.datasets import read_dataset
from data_prep.features import extract

SECONDS_BETWEEN_STARTS = 0.05
SAMPLE_SECONDS = 0.1


@dataclass
class Measured:
    seconds: float
    steady: float
    memory: list[tuple[int, float]]
    """Clips done, and MB resident at that moment."""


def repeated(manifest: Manifest, clips: int) -> Manifest:
    listed = []
    for turn in count():
        for clip in manifest.clips:
            if len(listed) == clips:
                return manifest.with_clips(listed)
            listed.append(replace(clip, start=round(turn * SECONDS_BETWEEN_STARTS, 3)))
    raise AssertionError("not reached")


def resident_megabytes() -> float:
    """Return what this process and its children hold, in MB."""
    page = os.sysconf("SC_PAGE_SIZE")
    total = 0
    children = [
        child
        for task in Path("/proc/self/task").iterdir()
        for child in (task / "children").read_text().split()
    ]
    for process in ["self", *children]:
        try:
            total += int(Path(f"/proc/{process}/statm").read_text().split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has just ended
    return total * page / 1e6


def measure(manifest: Manifest, workers: int) -> Measured:
    marks: list[tuple[int, float]] = []
    memory: list[tuple[int, float]] = []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(SAMPLE_SECONDS):
            memory.append((marks[-1][0] if marks else 0, resident_megabytes()))

    watcher = threading.Thread(target=watch)
    with tempfile.TemporaryDirectory() as folder:
        watcher.start()
        start = time.perf_counter()
        try:
            extract(
                manifest,
                PRESETS["esc10"],
                Path(folder) / "features",
                workers=workers,
                progress=lambda done, total: marks.append((done, time.perf_counter())),
            )
        finally:
            seconds = time.perf_counter() - start
            over.set()
            watcher.join()
    first, last = marks[len(marks) // 10], marks[-1]
    return Measured(seconds, (last[0] - first[0]) / (last[1] - first[1]), memory)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--clips", type=int, default=2000)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    manifest = repeated(read_dataset("esc10", arguments.folder), arguments.clips)
    runs: dict[int, list[Measured]] = {workers: [] for workers in arguments.workers}
    for _ in range(arguments.repeats):
        for workers, measured in runs.items():
            measured.append(measure(manifest, workers))

    print(f"{len(manifest.clips)} clips of {manifest.name}, median of {arguments.repeats} runs")
    print("workers  clips/s  (min to max)     steady  gain  steady gain")
    base: tuple[float, float] | None = None
    for workers, measured in runs.items():
        rates = [len(manifest.clips) / run.seconds for run in measured]
        rate, steady = statistics.median(rates), statistics.median(run.steady for run in measured)
        base = base or (rate, steady)
        print(
            f"{workers:7d}  {rate:7.1f}  ({min(rates):.1f} to {max(rates):.1f})  {steady:7.1f}  "
            f"{rate / base[0]:4.2f}  {steady / base[1]:11.2f}"
        )
    print("\nresident MB (median, largest) while these tenths of the clips were done")
    for workers, measured in runs.items():
        tenths: list[list[float]] = [[] for _ in range(10)]
        for done, megabytes in (sample for run in measured for sample in run.memory):
            tenths[min(9, 10 * done // len(manifest.clips))].append(megabytes)
        shown = (f"{statistics.median(t):.0f},{max(t):.0f}" if t else "-" for t in tenths)
        print(f"{workers:7d}  {'  '.join(shown)}")


if __name__ == "__main__":
    main()
