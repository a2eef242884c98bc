"""Judging networks with trained supernets: in this process, or in several others."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from asc_nas.audio.logmel import FrontEnd
from asc_nas.core.errors import AscNasError
from asc_nas.core.files import fingerprint
from asc_nas.core.workers import DIED
from asc_nas.nn.supernet import Supernet
from asc_nas.run.folder import RunFolder
from asc_nas.run.jobs import Job, do
from asc_nas.run.parts import split_of
from asc_nas.run.standalone import TrainingEvaluator
from asc_nas.search.evaluator import Evaluate, JudgedPart
from asc_nas.search.objectives import Evaluation
from asc_nas.search.prefix_evaluator import PrefixEvaluator
from asc_nas.space.genotype import Genotype
from asc_nas.space.hearing import frontend_of
from asc_nas.training import checkpoint
from asc_nas.training.device import to_device


def supernet_evaluator(run: RunFolder, recalibration: bool | None = None) -> Evaluate:
    """Return the evaluator of the trained supernets, recalibrating as the config says by default.

    Raises
    ------
    AscNasError
        If a supernet is not trained, or was trained for another space.
    """
    return evaluator_of(run, trained_supernets(run), recalibration)


def trained_supernets(run: RunFolder) -> list[Supernet]:
    """Return the trained supernet, or those of all parts, in evaluation mode.

    Raises
    ------
    AscNasError
        If one is not trained, or was trained for another space.
    """
    supernets = []
    for place in run.supernets:
        supernet = run.new_supernet()
        checkpoint.load(place.weights, supernet)
        supernets.append(to_device(supernet.eval(), run.device))
    return supernets


def evaluator_of(
    run: RunFolder, supernets: Sequence[Supernet], recalibration: bool | None = None
) -> Evaluate:
    """Return the evaluator of `supernets` as they are whenever the evaluator is called.

    Each is of one part of the run's clips, see `asc_nas.run.parts.split_of`.
    """
    settings = run.config.search
    own_norms = settings.recalibration if recalibration is None else recalibration
    by_input: dict[FrontEnd, Evaluate] = {}
    for shape in supernets[0].space.inputs:
        frontend = frontend_of(shape, run.config.frontend)
        parts = zip(supernets, split_of(run, len(supernets), frontend), strict=True)
        by_input[frontend] = PrefixEvaluator(
            [JudgedPart(supernet, own, held_out) for supernet, (own, held_out) in parts],
            run.cost,
            recalibration=own_norms,
            device=run.device,
        )
    return ByInput(by_input, run.frontend)


@dataclass(frozen=True)
class ByInput:
    """Judges every genotype with the evaluator for what it hears."""

    evaluators: Mapping[FrontEnd, Evaluate]
    frontend_of: Callable[[Genotype], FrontEnd]

    def __call__(self, genotypes: Sequence[Genotype]) -> list[Evaluation]:
        """Return one evaluation per genotype, in order."""
        found: dict[Genotype, Evaluation] = {}
        for frontend, evaluate in self.evaluators.items():
            own = [genotype for genotype in genotypes if self.frontend_of(genotype) == frontend]
            found |= dict(zip(own, evaluate(own), strict=True))
        return [found[genotype] for genotype in genotypes]


@dataclass(frozen=True)
class ParallelEvaluator:
    """Equals the run's evaluator on one thread, with the genotypes dealt to worker processes.

    Each gets one part, with genotypes that begin alike together: `PrefixEvaluator` computes
    beginnings once. Smaller parts would be spread more evenly, but share less.
    """

    run: RunFolder
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
        parts = np.array_split(np.array(alike, dtype=object), self.workers)
        try:
            jobs = [Job.of(self.run, _judge, tuple(part)) for part in parts if len(part)]
            futures = [self.submit(job) for job in jobs]
            judged = [evaluation for future in futures for evaluation in future.result()]
        except DIED as error:
            raise AscNasError(
                "a worker process died while candidates were judged, perhaps for want of memory; "
                "run again with a smaller search.workers."
            ) from error
        known = {evaluation.genotype: evaluation for evaluation in judged}
        return [known[genotype] for genotype in genotypes]


@contextmanager
def population_evaluator(run: RunFolder, workers: int) -> Iterator[Evaluate]:
    """Give what judges candidates: in this process, or in so many new ones."""
    if run.config.search.judge == "training":
        yield TrainingEvaluator(run, workers)
        return
    with shared_evaluator(run, workers) as evaluate:
        yield evaluate


@contextmanager
def shared_evaluator(run: RunFolder, workers: int) -> Iterator[Evaluate]:
    """Give what judges with shared weights: in this process, or in so many new ones."""
    workers = run.most_workers(workers)
    if run.stays_here(workers):
        yield supernet_evaluator(run)
        return
    with run.new_executor()(do, workers) as submit:
        yield ParallelEvaluator(run, submit, workers)


def _judge(run: RunFolder, genotypes: tuple[str, ...]) -> list[Evaluation]:
    """Judge in a worker, which keeps the evaluator for the next part of the same supernets."""
    root = run.paths.root
    _runs[root] = run
    evaluate = _evaluator(root, fingerprint(run.shared_scope()))
    return evaluate([Genotype.parse(text) for text in genotypes])


_runs: dict[Path, RunFolder] = {}


@lru_cache(maxsize=1)
def _evaluator(root: Path, scope: str) -> Evaluate:
    return supernet_evaluator(_runs[root])
