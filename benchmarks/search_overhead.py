"""What a search does besides evaluating: NSGA-II, hashing, the cost model, writing its history.

python benchmarks/search_overhead.py RUN [--generations 10] [--threads 1]

RUN is a run directory with a trained supernet. Its search is made again, in a folder that is thrown
away; the time in the evaluator is the peer of all the rest.
"""

import tempfile
import time
from pathlib import Path

import timing
import torch

from asc_nas.run.folder import RunFolder
from asc_nas.run.population import supernet_evaluator
from asc_nas.run.search import cached_cost
from asc_nas.search.evaluator import CachedEvaluator
from asc_nas.search.history import write_history
from asc_nas.search.pareto import pareto_set
from asc_nas.search.strategies import new_strategy, search_with


def main(run: Path, generations: int = 10, threads: int = 1) -> None:
    torch.set_num_threads(threads)

    run = RunFolder.open(run)
    search = run.config.search.model_copy(update={"generations": generations})
    evaluate = supernet_evaluator(run)
    inside = 0.0
    judged = 0

    def timed(genotypes):
        nonlocal inside, judged
        start = time.perf_counter()
        scores = evaluate(genotypes)
        inside += time.perf_counter() - start
        judged += len(genotypes)
        return scores

    found = []
    with tempfile.TemporaryDirectory() as folder:
        history = Path(folder) / "history.parquet"
        scope = run.evaluation_scope()

        def on_generation(number, evaluations):
            found.append(evaluations)
            write_history(history, found, scope)

        start = time.perf_counter()
        strategy = new_strategy(search, run.remaining_space(), cached_cost(run), 0)
        search_with(strategy, CachedEvaluator(timed), on_generation)
        pareto_set([e for generation in found for e in generation], search.objectives)
        total = time.perf_counter() - start
    print(f"{'evaluation':<12}{inside:>8.2f} s  {judged} genotypes, {threads} thread(s)")
    print(f"{'the rest':<12}{total - inside:>8.2f} s  {(total - inside) / inside:.2%} of it")
    timing.print_aims([("the rest / evaluation", (total - inside) / inside, "below 0.03")])


if __name__ == "__main__":
    timing.run(main)
