"""Ranking: the supernet's scores against stand-alone trainings of the same architectures."""

from pathlib import Path

import numpy as np

from asc_nas.core.errors import AscNasError
from asc_nas.core.randomness import stream
from asc_nas.run.folder import RunFolder
from asc_nas.run.jobs import Job, spread
from asc_nas.run.population import supernet_evaluator
from asc_nas.run.search import cached_cost
from asc_nas.run.standalone import Standalone, standalone_trainings, train_standalone
from asc_nas.search.ranking import (
    RankedNetwork,
    Ranking,
    StandaloneScores,
    ranking_score,
    sample_over_cost,
)
from asc_nas.space.genotype import Genotype


def networks_to_rank(run: RunFolder, like: Path | None = None) -> list[Genotype]:
    """Return the architectures to rank: drawn over the cost range, or those of another ranking.

    Raises
    ------
    AscNasError
        If the other ranking has architectures that this run's space does not have.
    """
    if like is None:
        rng = stream(run.config.seed, "rank")
        count = run.config.rank.networks
        return sample_over_cost(run.remaining_space(), cached_cost(run), count, rng)
    space = run.config.search_space()
    genotypes = [Genotype.parse(network.genotype) for network in Ranking.read(like).networks]
    for genotype in genotypes:
        if genotype not in space:
            raise AscNasError(f"{like}: '{genotype}' is not in the space of {run.paths.root}.")
    return genotypes


def rank(
    run: RunFolder, *, like: Path | None = None, standalone: Path | None = None, workers: int = 1
) -> Ranking:
    """Rank architectures with the supernet and by training each alone; write ``rank.json``.

    Both sides are judged on the same clips: search-val, or with `search.folds` out-of-fold on all
    training clips.

    Parameters
    ----------
    like : Path, optional
        ``rank.json`` of another run whose architectures are ranked.
    standalone : Path, optional
        Folder of the stand-alone scores; several runs may share one.
    workers : int
        Trainings side by side, one thread each.
    """
    from asc_nas.report.plots import plot_ranking

    genotypes = networks_to_rank(run, like)
    folder, repeats = standalone or run.standalone, run.config.rank.repeats
    folds = run.config.search.folds
    trainings = standalone_trainings(run, genotypes, folder, repeats, folds)
    jobs = [Job.of(run, train_standalone, training) for training in trainings]
    with run.listener.stage("Ranking") as progress:
        results: list[Standalone] = spread(run, jobs, workers, progress)
    by_genotype = [results[i : i + repeats] for i in range(0, len(results), repeats)]
    own = supernet_evaluator(run, recalibration=True)(genotypes)
    shared = supernet_evaluator(run, recalibration=False)(genotypes)
    networks = [
        RankedNetwork(
            genotype=str(genotype),
            macs=judged.macs,
            params=judged.params,
            macro_f1=judged.macro_f1,
            log_loss=judged.log_loss,
            macro_f1_as_trained=as_trained.macro_f1,
            log_loss_as_trained=as_trained.log_loss,
            standalone=[
                StandaloneScores(macro_f1=scores.macro_f1, log_loss=scores.log_loss)
                for scores in alone
            ],
            standalone_macro_f1=float(np.mean([scores.macro_f1 for scores in alone])),
            standalone_log_loss=float(np.mean([scores.log_loss for scores in alone])),
        )
        for genotype, judged, as_trained, alone in zip(
            genotypes, own, shared, by_genotype, strict=True
        )
    ]
    rng = stream(run.config.seed, "rank", "bootstrap")
    ranking = Ranking.of(run.manifest.name, networks, rng)
    ranking.write(run.paths.rank)
    score = ranking_score(run.config.search.objectives)
    tau = next(getattr(row, score).tau for row in ranking.agreement if row.predictor == score)
    title = f"{run.config.name}: {len(networks)} networks, Kendall's tau {tau:.2f}"
    plot_ranking(networks, score, title, run.paths.rank.with_suffix(".png"))
    return ranking
