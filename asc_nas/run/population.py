"""Judging networks with the trained supernet: in this process, or in several others."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from asc_nas.core.errors import AscNasError
from asc_nas.core.workers import DIED, processes
from asc_nas.nn.supernet import Supernet
from asc_nas.run.config import PipelineConfig
from asc_nas.run.folder import Context
from asc_nas.run.paths import RunPaths
from asc_nas.search.evaluator import Evaluate, SupernetEvaluator
from asc_nas.search.objectives import Evaluation
from asc_nas.search.prefix_evaluator import PrefixEvaluator
from asc_nas.space.genotype import Genotype
from asc_nas.training import checkpoint


def supernet_evaluator(context: Context, recalibration: bool | None = None) -> SupernetEvaluator:
    """Return the evaluator of the trained supernet, recalibrating as the config says by default.

    Raises
    ------
    AscNasError
        If the supernet is not trained, or was trained for another space.
    """
    supernet = context.new_supernet()
    checkpoint.load(context.paths.supernet, supernet)
    return evaluator_of(context, supernet.eval(), recalibration)


def evaluator_of(
    context: Context, supernet: Supernet, recalibration: bool | None = None
) -> SupernetEvaluator:
    """Return the evaluator of `supernet` as it is whenever the evaluator is called."""
    return PrefixEvaluator(
        supernet,
        context.examples("train"),
        context.examples("search_val"),
        context.cost,
        recalibration=(
            context.config.search.recalibration if recalibration is None else recalibration
        ),
    )


@dataclass(frozen=True)
class ParallelEvaluator:
    """Equals the run's evaluator on one thread, with the genotypes dealt to worker processes.

    Each gets one part, with genotypes that begin alike together: `PrefixEvaluator` computes
    beginnings once. Smaller parts would be spread more evenly, but share less.
    """

    context: Context
    submit: Callable[..., Future[list[Evaluation]]]
    workers: int

    def __call__(self, genotypes: Sequence[Genotype]) -> list[Evaluation]:
        """Return one evaluation per genotype, in order.

        Raises
        ------
        AscNasError
            If a worker process died.
        """
        alike = sorted(dict.fromkeys(map(str, genotypes)))
        config, root = self.context.config, self.context.paths.root.absolute()
        parts = np.array_split(np.array(alike, dtype=object), self.workers)
        try:
            futures = [self.submit(config, root, tuple(part)) for part in parts if len(part)]
            judged = [evaluation for future in futures for evaluation in future.result()]
        except DIED as error:
            raise AscNasError(
                "a worker process died while candidates were judged, perhaps for want of memory; "
                "run again with a smaller search.workers."
            ) from error
        known = {evaluation.genotype: evaluation for evaluation in judged}
        return [known[genotype] for genotype in genotypes]


@contextmanager
def population_evaluator(context: Context, workers: int) -> Iterator[Evaluate]:
    """Give the evaluator of the trained supernet: in this process, or in so many new ones."""
    if workers == 1:
        yield supernet_evaluator(context)
        return
    with processes(_judge, workers) as submit:
        yield ParallelEvaluator(context, submit, workers)


def _judge(config: PipelineConfig, root: Path, genotypes: tuple[str, ...]) -> list[Evaluation]:
    """Judge in a worker, which keeps the evaluator for the next part."""
    _configs[root] = config
    return _evaluator(root)([Genotype.parse(text) for text in genotypes])


_configs: dict[Path, PipelineConfig] = {}


@lru_cache(maxsize=1)
def _evaluator(root: Path) -> Evaluate:
    return supernet_evaluator(Context(_configs[root], RunPaths(root)))
