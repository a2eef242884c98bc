"""Time peers in one process: by turns, on a stated number of threads, and as ratios of each turn.

Peers take turns, so that whatever else the machine does falls on all of them alike; a ratio is the
median over the turns, as a time on a busy machine says little.
"""

import os
import re
import resource
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from enum import StrEnum
from functools import partial
from multiprocessing import get_context
from typing import Annotated, TypeVar

import typer

THREAD_SETTINGS = [f"{library}_NUM_THREADS" for library in ("OMP", "OPENBLAS", "MKL", "NUMBA")]
ASC_NAS = (sys.executable, "-m", "asc_nas.cli.main")
T = TypeVar("T")
Times = dict[str, list[float]]
"""Seconds of every turn, by peer."""


def processor_seconds() -> float:
    """Return the seconds that this process and its ended children have had of the processor."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


class Clock(StrEnum):
    WALL = "wall"
    CPU = "cpu"


ClockOption = Annotated[
    Clock,
    typer.Option(
        help="cpu: seconds of the processor, for a machine that does other work; those of all "
        "threads together, so only for one thread"
    ),
]
RepeatsOption = Annotated[int, typer.Option(help="turns of each peer")]


def run(main: Callable[..., None]) -> None:
    """Run a script's `main` with the options that it takes; the script's first line is the help."""
    main.__doc__ = sys.modules[main.__module__].__doc__.partition("\n")[0]
    typer.run(main)


def restart_with_threads(count: int) -> None:
    """Start the script anew if its libraries were not told to use so many threads."""
    wanted = dict.fromkeys(THREAD_SETTINGS, str(count))
    if any(os.environ.get(name) != value for name, value in wanted.items()):
        sys.stdout.flush()
        os.execve(sys.executable, sys.orig_argv, {**os.environ, **wanted})


def seconds(run: Callable[[], object], clock: Clock = Clock.WALL) -> float:
    """Return how long a call takes."""
    now = time.perf_counter if clock is Clock.WALL else processor_seconds
    start = now()
    run()
    return now() - start


def by_turns(
    peers: Mapping[str, Callable[[], object]], repeats: int, clock: Clock = Clock.WALL
) -> Times:
    """Time every peer by turns, after all have run once to warm up."""
    for run in peers.values():
        run()
    return in_turns({name: partial(seconds, run, clock) for name, run in peers.items()}, repeats)


def in_turns(peers: Mapping[str, Callable[[], T]], repeats: int) -> dict[str, list[T]]:
    """Call all peers by turns and return what each gave."""
    found: dict[str, list[T]] = {name: [] for name in peers}
    for _ in range(repeats):
        for name, run in peers.items():
            found[name].append(run())
    return found


def in_a_process(function: Callable[..., T], *arguments: object) -> T:
    """Call a function in a new process: what this one has loaded does not count as its memory."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


@contextmanager
def sampled(take: Callable[[], T], every: float = 0.1) -> Iterator[list[T]]:
    """Give a list that `take` adds to, every so many seconds, as long as the context is open."""
    samples: list[T] = []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(every):
            samples.append(take())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield samples
    finally:
        over.set()
        watcher.join()


def ratio(times: Times, name: str, base: str) -> float:
    """Return how many times `base` a peer took, the median over the turns."""
    return statistics.median(a / b for a, b in zip(times[name], times[base], strict=True))


def print_times(times: Times, base: str, threads: int, unit: str = "ms") -> None:
    """Print medians, extremes, and how many times longer than `base` each peer took."""
    scale = {"s": 1.0, "ms": 1e3}[unit]
    width = max(map(len, times))
    print(f"{threads} thread(s), {len(times[base])} turns\n")
    print(f"{'':{width}s} {'median ' + unit:>10s} {'least':>8s} {'most':>8s}  times {base}")
    for name, seconds in times.items():
        median, least, most = (scale * f(seconds) for f in (statistics.median, min, max))
        times_base = ratio(times, name, base)
        print(f"{name:{width}s} {median:10.2f} {least:8.2f} {most:8.2f}  {times_base:.2f}")


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
