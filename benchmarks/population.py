"""Judging a population: shared beginnings once, against one candidate after another.

python benchmarks/population.py RUN [--size 50] [--generations 10] [--threads 1]

The run has a trained supernet (`asc-nas supernet`). A search is made; the genotypes that each of
its generations judged for the first time are then judged again by both evaluators, in turns,
recalibration included. Their scores must be equal, or the benchmark stops. Layers: blocks computed
by the one as a share of the other.
"""

import argparse
import statistics
import time
from pathlib import Path

import torch

from asc_nas.cli.run_config import open_run
from asc_nas.pipeline.search_steps import cached_cost, supernet_evaluator
from asc_nas.search.evaluator import CachedEvaluator, SupernetEvaluator
from asc_nas.search.nsga2 import nsga2


def blocks(genotypes):
    """Count blocks computed alone, and with shared beginnings."""
    alone = [g.blocks[: i + 1] for g in genotypes for i in range(len(g.blocks))]
    real = [prefix for prefix in alone if not prefix[-1].is_skip]
    return len(real), len(set(real))


def timed(evaluate, genotypes):
    start = time.perf_counter()
    scores = evaluate(genotypes)
    return time.perf_counter() - start, scores


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--size", type=int, default=50)
    parser.add_argument("--generations", type=int, default=10)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)

    context = open_run(arguments.run).context
    together = supernet_evaluator(context)
    plain = SupernetEvaluator(
        together.supernet,
        context.examples("train"),
        context.examples("search_val"),
        context.cost,
        recalibration=together.recalibration,
    )
    generations = []

    def recorded(genotypes):
        generations.append(list(genotypes))
        return together(genotypes)

    search = context.config.search.model_copy(
        update={"population": arguments.size, "generations": arguments.generations}
    )
    nsga2(
        context.remaining_space(), CachedEvaluator(recorded), cached_cost(context), search, seed=0
    )

    print(f"{'generation':>10}{'new':>6}{'plain s':>10}{'shared s':>10}{'ratio':>8}{'layers':>8}")
    ratios, sums = [], [0.0, 0.0]
    for number, genotypes in enumerate(generations, start=1):
        seconds_plain, expected = timed(plain, genotypes)
        seconds, scores = timed(together, genotypes)
        if scores != expected:
            raise SystemExit(f"generation {number}: the scores differ.")
        alone, shared = blocks(genotypes)
        ratios.append(seconds_plain / seconds)
        sums = [sums[0] + seconds_plain, sums[1] + seconds]
        print(
            f"{number:>10}{len(genotypes):>6}{seconds_plain:>10.2f}{seconds:>10.2f}"
            f"{ratios[-1]:>8.2f}{shared / alone:>8.2f}"
        )
    print(
        f"all: {sums[0]:.1f} s and {sums[1]:.1f} s, ratio {sums[0] / sums[1]:.2f}; median of the "
        f"generations {statistics.median(ratios):.2f}; {arguments.threads} thread(s)"
    )


if __name__ == "__main__":
    main()
