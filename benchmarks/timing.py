"""Time peers in one process: by turns, on a stated number of threads, and as ratios of each turn.

Peers take turns, so that whatever else the machine does falls on all of them alike; a ratio is the
median over the turns, as a time on a busy machine says little.
"""

import argparse
import os
import re
import resource
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence

THREAD_SETTINGS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
)
Times = dict[str, list[float]]
"""Seconds of every turn, by peer."""


def processor_seconds() -> float:
    """Return the seconds that this process and its ended children have had of the processor."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


CLOCKS = {"wall": time.perf_counter, "cpu": processor_seconds}


def add_options(parser: argparse.ArgumentParser, repeats: int) -> None:
    parser.add_argument("--repeats", type=int, default=repeats, help="turns of each peer")
    parser.add_argument(
        "--clock",
        choices=CLOCKS,
        default="wall",
        help="cpu: seconds of the processor, for a machine that does other work; those of all "
        "threads together, so only for one thread",
    )


def restart_with_threads(count: int) -> None:
    """Start the script anew if its libraries were not told to use so many threads."""
    wanted = dict.fromkeys(THREAD_SETTINGS, str(count))
    if any(os.environ.get(name) != value for name, value in wanted.items()):
        sys.stdout.flush()
        os.execve(sys.executable, sys.orig_argv, {**os.environ, **wanted})


def by_turns(peers: Mapping[str, Callable[[], object]], repeats: int, clock: str = "wall") -> Times:
    """Run every peer once to warm up, then all by turns."""
    now = CLOCKS[clock]
    for run in peers.values():
        run()
    times: Times = {name: [] for name in peers}
    for _ in range(repeats):
        for name, run in peers.items():
            start = now()
            run()
            times[name].append(now() - start)
    return times


def ratio(times: Times, name: str, base: str) -> float:
    """Return how many times `base` a peer took, the median over the turns."""
    return statistics.median(a / b for a, b in zip(times[name], times[base], strict=True))


def print_times(times: Times, base: str, threads: int, unit: str = "ms") -> None:
    """Print medians, extremes, and how many times longer than `base` each peer took."""
    scale = {"s": 1.0, "ms": 1e3}[unit]
    turns = len(times[base])
    width = max(map(len, times))
    print(f"{threads} thread(s), {turns} turns\n")
    print(f"{'':{width}s} {'median ' + unit:>10s} {'least':>8s} {'most':>8s}  times {base}")
    for name, seconds in times.items():
        values = [
            scale * value for value in (statistics.median(seconds), min(seconds), max(seconds))
        ]
        print(
            f"{name:{width}s} {values[0]:10.2f} {values[1]:8.2f} {values[2]:8.2f}  "
            f"{ratio(times, name, base):.2f}"
        )


def print_aims(aims: Sequence[tuple[str, float, str]]) -> None:
    """Print what was measured beside what was aimed at: (what, measured, aim).

    An aim is "at least A", "at most A", "above A", "below A", "A to B", or words without a number.
    """
    print()
    for what, measured, aim in aims:
        print(f"{what}: {measured:.3g} (aim: {aim}{'' if met(measured, aim) else '; missed'})")


def met(measured: float, aim: str) -> bool:
    """Return whether what was measured is what was aimed at."""
    number = r"([\d.]+)"
    if between := re.fullmatch(f"{number} to {number}", aim):
        return float(between[1]) <= measured <= float(between[2])
    if one_sided := re.fullmatch(f"(at least|above|at most|below) {number}", aim):
        sign = 1 if one_sided[1] in ("at least", "above") else -1
        return sign * measured >= sign * float(one_sided[2])
    return True
