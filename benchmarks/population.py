"""Judging a population: shared beginnings once, side by side, against one after another.

python benchmarks/population.py RUN [--size 50] [--generations 10] [--workers 2]

The run has a trained supernet (`asc-nas supernet`). A search is made; the genotypes that each of
its generations judged for the first time are then judged again, in turns, recalibration included:
one candidate after another on one thread (the peer), with shared beginnings computed once, and so
in several processes. Scores must be equal, or the benchmark stops. Layers: blocks computed by the
second as a share of the first.
"""

import statistics
import time
from pathlib import Path

import timing
import torch

from asc_nas.run.folder import RunFolder
from asc_nas.run.parts import split_of
from asc_nas.run.population import population_evaluator, supernet_evaluator, trained_supernets
from asc_nas.run.search import cached_cost
from asc_nas.search.evaluator import CachedEvaluator, JudgedPart, SupernetEvaluator
from asc_nas.search.strategies import new_strategy, search_with


def blocks(genotypes):
    """Count blocks computed alone, and with shared beginnings."""
    alone = [g.blocks[: i + 1] for g in genotypes for i in range(len(g.blocks))]
    real = [prefix for prefix in alone if not prefix[-1].is_skip]
    return len(real), len(set(real))


def timed(evaluate, genotypes):
    start = time.perf_counter()
    scores = evaluate(genotypes)
    return time.perf_counter() - start, scores


def main(run: Path, size: int = 50, generations: int = 10, workers: int = 2) -> None:
    torch.set_num_threads(1)

    run = RunFolder.open(run)
    together = supernet_evaluator(run)
    supernets = trained_supernets(run)
    parts = [
        JudgedPart(supernet, own, held_out)
        for supernet, (own, held_out) in zip(supernets, split_of(run, len(supernets)), strict=True)
    ]
    plain = SupernetEvaluator(parts, run.cost, recalibration=run.config.search.recalibration)
    judged = []

    def recorded(genotypes):
        judged.append(list(genotypes))
        return together(genotypes)

    changes = {"population": size, "generations": generations}
    search = run.config.search.model_copy(update=changes)
    strategy = new_strategy(search, run.remaining_space(), cached_cost(run), 0)
    search_with(strategy, CachedEvaluator(recorded))

    with population_evaluator(run, workers) as side_by_side:
        side_by_side(judged[0])  # the processes are up
        names = ("plain s", "shared s", "processes s")
        print(f"{'generation':>10}{'new':>6}{'layers':>8}" + "".join(f"{n:>13}" for n in names))
        rows = []
        for number, genotypes in enumerate(judged, start=1):
            seconds, expected = timed(plain, genotypes)
            row = [seconds]
            for evaluate in (together, side_by_side):
                seconds, scores = timed(evaluate, genotypes)
                row.append(seconds)
                if scores != expected:
                    raise SystemExit(f"generation {number}: the scores differ.")
            alone, shared = blocks(genotypes)
            rows.append(row)
            print(
                f"{number:>10}{len(genotypes):>6}{shared / alone:>8.2f}"
                + "".join(f"{seconds:>13.2f}" for seconds in row)
            )
    aims = []
    peers = (("shared beginnings", 1, "stated"), (f"{workers} processes", 2, "at least 2.5"))
    for name, place, aim in peers:
        ratios = [row[0] / row[place] for row in rows]
        total = sum(row[0] for row in rows) / sum(row[place] for row in rows)
        print(f"{name}: ratio {total:.2f}, median of generations {statistics.median(ratios):.2f}")
        aims.append((f"one after another / {name}", total, aim))
    timing.print_aims(aims)


if __name__ == "__main__":
    timing.run(main)
