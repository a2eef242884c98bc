"""Architectures trained alone and judged on clips they have not seen: the truth about candidates.

Used by the ranking, and by searches that trust trainings alone. Results are kept under a hash of
all that they depend on, so that later searches and rankings of the same data share them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from asc_nas.core.documents import Document, Measure
from asc_nas.core.files import fingerprint
from asc_nas.data.examples import Examples
from asc_nas.evaluation.scores import score
from asc_nas.run.folder import RunFolder
from asc_nas.run.jobs import Job, spread
from asc_nas.run.network_folder import Recipe, train
from asc_nas.run.parts import split_of
from asc_nas.search.objectives import SCORES, Evaluation
from asc_nas.space.genotype import Genotype, GenotypeText
from asc_nas.training.trainer import posteriors


class Standalone(Document):
    """The scores of one architecture, trained alone with one seed, on clips it has not seen.

    Attributes
    ----------
    log_loss_by_part : list of float
        That of each part's training, on the clips that it held out: how far judgements agree. Empty
        in files of earlier versions.
    """

    format_name: ClassVar[str] = "asc-nas/standalone/1"
    remedy: ClassVar[str] = "delete it: the network is trained again"

    genotype: GenotypeText
    seed: int
    macro_f1: float
    accuracy: float
    log_loss: Measure
    log_loss_by_part: list[Measure] = Field(default_factory=list)


class Said(Document):
    """The posteriors, (clips, classes), of the clips that one of several trainings held out."""

    format_name: ClassVar[str] = "asc-nas/said/1"
    remedy: ClassVar[str] = "delete it: the network is trained again"

    posteriors: list[list[float]]


@dataclass(frozen=True)
class StandaloneTraining:
    """One architecture to train alone with one seed, and the file for its scores.

    Attributes
    ----------
    unfinished : Path
        Folder of what is kept until the scores are there; of one run alone, where `file` may be of
        several.
    folds : int
        1: trained on train, judged on search-val. More: once for every part of both, without it,
        and judged on all parts together.
    """

    genotype: Genotype
    seed: int
    file: Path
    unfinished: Path
    folds: int = 1

    def __str__(self) -> str:
        return f"{self.genotype}, seed {self.seed}"

    @property
    def begun(self) -> bool:
        """Whether its scores are there, or a state that it goes on from."""
        return self.file.exists() or any(self.unfinished.glob(f"{self.file.stem}*"))


def standalone_trainings(
    run: RunFolder, genotypes: Sequence[Genotype], folder: Path, repeats: int, folds: int = 1
) -> list[StandaloneTraining]:
    """Return the trainings of all genotypes, all seeds of a genotype in a row.

    A file's name is a hash of all that its scores depend on, so that several runs may share a
    folder.
    """
    config = run.config
    roles = [[clip.key, clip.role] for clip in run.manifest.clips]
    recipe, unfinished = config.rank.recipe(), run.paths.standalone.absolute()
    own: list[Any] = [] if folds == 1 else [folds, config.seed]

    def file(genotype: Genotype, seed: int) -> Path:
        heard = run.frontend(genotype).model_dump(mode="json")
        common = [fingerprint(roles), heard, recipe, *own]
        name = fingerprint([*common, repr(run.spec(genotype)), seed])[:16]
        return folder.absolute() / f"{name}.json"

    return [
        StandaloneTraining(genotype, seed, file(genotype, seed), unfinished, folds)
        for genotype in genotypes
        for seed in range(repeats)
    ]


def train_standalone(run: RunFolder, training: StandaloneTraining) -> Standalone:
    """Train, and score with the last epoch's weights; a finished one is read, others go on."""
    file = training.file
    if file.exists():
        _forget(training)  # what a kill may have come before
        return Standalone.read(file)
    parts = split_of(run, training.folds, run.frontend(training.genotype))
    found, targets = [], []
    for number, (own, held_out) in enumerate(parts):
        said = _said(training, number)
        if not said.exists():
            _train_part(run, training, own, held_out, said)
        found.append(np.array(Said.read(said).posteriors))
        targets.append(held_out.clip_targets)
    labels = run.manifest.labels
    scores = score(np.concatenate(found), np.concatenate(targets), labels)
    by_part = [score(*part, labels).log_loss for part in zip(found, targets, strict=True)]
    alone = Standalone(
        genotype=str(training.genotype),
        seed=training.seed,
        macro_f1=scores.macro_f1,
        accuracy=scores.accuracy,
        log_loss=scores.log_loss,
        log_loss_by_part=by_part,
    )
    alone.write(file)
    _forget(training)
    return alone


def _said(training: StandaloneTraining, part: int) -> Path:
    return training.unfinished / f"{training.file.stem}-{part}.json"


def _forget(training: StandaloneTraining) -> None:
    """Remove what the parts of a training that is done have left."""
    for part in range(training.folds):
        said = _said(training, part)
        said.unlink(missing_ok=True)
        said.with_suffix(".safetensors").unlink(missing_ok=True)


def _train_part(
    run: RunFolder, training: StandaloneTraining, own: Examples, held_out: Examples, said: Path
) -> None:
    """Train on `own` and write the posteriors of the clips that are held out."""
    state = said.with_suffix(".safetensors")
    name = training.file.stem if training.folds == 1 else said.stem
    recipe = Recipe(run.config.rank, (), "rank")
    network, _ = train(run, training.genotype, training.seed, recipe, state, name, examples=own)
    clips = held_out.clip_posteriors(posteriors(network, held_out).numpy())
    Said(posteriors=clips.tolist()).write(said)
    state.unlink(missing_ok=True)


@dataclass(frozen=True)
class TrainingEvaluator:
    """Judges candidates by training each alone, with one seed, in so many workers."""

    run: RunFolder
    workers: int

    def __call__(self, genotypes: Sequence[Genotype]) -> list[Evaluation]:
        """Return one evaluation per genotype, in order."""
        run, folds = self.run, self.run.config.search.folds
        trainings = standalone_trainings(run, genotypes, run.standalone, 1, folds)
        jobs = [Job.of(run, train_standalone, training) for training in trainings]
        with run.listener.stage(f"Training {len(jobs)} candidates alone") as progress:
            results: list[Standalone] = spread(run, jobs, self.workers, progress)
        return [
            Evaluation.of(
                genotype, run.cost(genotype), {name: getattr(alone, name) for name in SCORES}
            )
            for genotype, alone in zip(genotypes, results, strict=True)
        ]
