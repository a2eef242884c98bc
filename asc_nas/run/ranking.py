"""Ranking: the supernet's scores against stand-alone trainings of the same architectures."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from asc_nas.core.errors import AscNasError
from asc_nas.core.files import fingerprint, read_json, write_json
from asc_nas.core.randomness import stream
from asc_nas.core.workers import run_jobs
from asc_nas.report.plots import plot_ranking
from asc_nas.run.config import PipelineConfig
from asc_nas.run.folder import Context
from asc_nas.run.paths import RunPaths
from asc_nas.run.population import supernet_evaluator
from asc_nas.run.ranking_document import FORMAT, read_ranking
from asc_nas.run.search import cached_cost
from asc_nas.search.ranking import agreement, ranking_table, sample_over_cost
from asc_nas.space.genotype import Genotype
from asc_nas.training.network_trainer import evaluate, train_network
from asc_nas.training.trainer import Progress

STANDALONE_FORMAT = "asc-nas/standalone/1"


@dataclass(frozen=True)
class StandaloneJob:
    """One architecture to train alone with one seed, and the file for its scores."""

    config: PipelineConfig
    root: Path
    genotype: str
    seed: int
    file: Path

    def __str__(self) -> str:
        return f"{self.genotype}, seed {self.seed}"


def train_standalone(job: StandaloneJob) -> dict[str, Any]:
    """Train on train, score on search-val with the last epoch's weights; a finished one is read."""
    if job.file.exists():
        return read_json(job.file, STANDALONE_FORMAT)
    context = Context(job.config, RunPaths(job.root))
    state_file = job.file.with_suffix(".safetensors")
    network, _ = train_network(
        context.spec(Genotype.parse(job.genotype)),
        context.examples("train"),
        job.config.rank,
        seed=job.seed,
        state_file=state_file,
        on_epoch=context.events.counter("rank", "epoch", job.file.stem),
    )
    scores = evaluate(network, context.examples("search_val"))
    result = {
        "format": STANDALONE_FORMAT,
        "genotype": job.genotype,
        "seed": job.seed,
        "macro_f1": scores.macro_f1,
        "accuracy": scores.accuracy,
        "log_loss": scores.log_loss,
    }
    write_json(job.file, result)
    state_file.unlink(missing_ok=True)
    return result


def networks_to_rank(context: Context, like: Path | None = None) -> list[Genotype]:
    """Return the architectures to rank: drawn over the cost range, or those of another ranking.

    Raises
    ------
    AscNasError
        If the other ranking has architectures that this run's space does not have.
    """
    space = context.config.search_space()
    if like is None:
        rng = stream(context.config.seed, "rank")
        space = context.remaining_space()
        return sample_over_cost(space, cached_cost(context), context.config.rank.networks, rng)
    genotypes = [Genotype.parse(row["genotype"]) for row in read_ranking(like)["networks"]]
    for genotype in genotypes:
        if genotype not in space:
            raise AscNasError(f"{like}: '{genotype}' is not in the space of {context.paths.root}.")
    return genotypes


def standalone_jobs(
    context: Context, genotypes: Sequence[Genotype], folder: Path
) -> list[StandaloneJob]:
    """Return the trainings that the ranking needs, all seeds of a genotype in a row.

    A file's name is a hash of all that its scores depend on, so that several runs may share a
    folder.
    """
    config = context.config
    roles = [[clip.key, clip.role] for clip in context.manifest.clips]
    recipe = config.rank.model_dump(mode="json", exclude={"networks", "repeats"})
    common = [fingerprint(roles), config.frontend.model_dump(mode="json"), recipe]
    return [
        StandaloneJob(
            config,
            context.paths.root.absolute(),
            str(genotype),
            seed,
            folder.absolute()
            / f"{fingerprint([*common, repr(context.spec(genotype)), seed])[:16]}.json",
        )
        for genotype in genotypes
        for seed in range(config.rank.repeats)
    ]


def rank_step(
    context: Context,
    *,
    like: Path | None = None,
    standalone: Path | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Rank architectures with the supernet and by training each alone; return ``rank.json``.

    Parameters
    ----------
    like : Path, optional
        ``rank.json`` of another run whose architectures are ranked.
    standalone : Path, optional
        Folder of the stand-alone scores; several runs may share one.
    workers : int
        Trainings side by side, one thread each.
    """
    genotypes = networks_to_rank(context, like)
    jobs = standalone_jobs(context, genotypes, standalone or context.paths.standalone)
    results = run_jobs(train_standalone, jobs, workers, progress)
    repeats = context.config.rank.repeats
    by_genotype = [results[i : i + repeats] for i in range(0, len(results), repeats)]
    own = supernet_evaluator(context, recalibration=True)(genotypes)
    shared = supernet_evaluator(context, recalibration=False)(genotypes)
    rows = [
        {
            "genotype": str(genotype),
            "macs": judged.macs,
            "params": judged.params,
            "macro_f1": judged.macro_f1,
            "log_loss": judged.log_loss,
            "macro_f1_as_trained": as_trained.macro_f1,
            "log_loss_as_trained": as_trained.log_loss,
            "standalone": [
                {"macro_f1": result["macro_f1"], "log_loss": result["log_loss"]} for result in alone
            ],
            "standalone_macro_f1": float(np.mean([result["macro_f1"] for result in alone])),
            "standalone_log_loss": float(np.mean([result["log_loss"] for result in alone])),
        }
        for genotype, judged, as_trained, alone in zip(
            genotypes, own, shared, by_genotype, strict=True
        )
    ]
    rng = stream(context.config.seed, "rank", "bootstrap")
    agreements = ranking_table(rows, PREDICTORS, rng)
    document = {
        "format": FORMAT,
        "data": context.manifest.name,
        "repeats": repeats,
        "agreement": agreements,
        "between_seeds": _between_seeds(rows, rng),
        "networks": rows,
    }
    write_json(context.paths.rank, document)
    tau = agreements[0]["macro_f1"]["tau"]
    title = f"{context.config.name}: {len(rows)} networks, Kendall's tau {tau:.2f}"
    plot_ranking(rows, title, context.paths.rank.with_suffix(".png"))
    return document


PREDICTORS = {
    "macro_f1": 1,
    "log_loss": -1,
    "macro_f1_as_trained": 1,
    "log_loss_as_trained": -1,
    "macs": 1,
    "params": 1,
}
"""What is compared with stand-alone training: supernet scores on search-val with the candidate's
own batch-norm statistics, the same with those left from training, and, as what any supernet has to
beat, cost alone."""


def _between_seeds(
    rows: Sequence[dict[str, Any]], rng: np.random.Generator
) -> dict[str, Any] | None:
    """Return how well two stand-alone trainings agree: what limits every predictor's tau."""
    if len(rows[0]["standalone"]) < 2:
        return None

    def scores(seed: int, name: str) -> list[float]:
        return [row["standalone"][seed][name] for row in rows]

    return {
        name: asdict(agreement(scores(0, name), scores(1, name), rng))
        for name in ("macro_f1", "log_loss")
    }
