"""The one place where networks are trained from scratch into a folder, loaded and locked.

Pareto members, baselines, networks that are shipped, teachers and the twins that calibrate
probabilities: all lie in a folder of their own, with the same files.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from asc_nas.audio.logmel import FrontEnd
from asc_nas.core.errors import AscNasError, command
from asc_nas.core.locks import locked, taking_turns
from asc_nas.core.progress import Progress, unheard
from asc_nas.data.examples import Examples
from asc_nas.data.logits import ClipScores, mean_probabilities
from asc_nas.evaluation.result import LoggedEpoch, Result
from asc_nas.export.quantisation_aware import quantisation_aware
from asc_nas.nn.committee import together
from asc_nas.nn.join_kernels import join_kernels
from asc_nas.nn.subnet import SubNet
from asc_nas.nn.transfer import body_parameters
from asc_nas.run.config import SUPERNET, TeacherConfig
from asc_nas.run.folder import RunFolder
from asc_nas.run.start import Start, frozen_until, told_by
from asc_nas.space.genotype import Genotype
from asc_nas.training import checkpoint
from asc_nas.training.feature_distillation import FeatureLoss, WithProjection
from asc_nas.training.network_trainer import fit_network, new_network
from asc_nas.training.trainer import Hooks, Slower, Teacher, TrainConfig, Trainer

WEIGHTS = "model.safetensors"
TWIN = "calibration.safetensors"
"""Weights of the twin of a network that was trained on search-val too, which has not seen it."""
_STATES = {WEIGHTS: "state.safetensors", TWIN: "calibration.state.safetensors"}


@dataclass(frozen=True)
class Recipe:
    """How a network is trained, and on what.

    Attributes
    ----------
    settings : TrainConfig
    roles : tuple of str
        Roles of the clips it is trained on.
    step : str
        What its epochs count as in the event log; empty: they are not logged.
    teacher : see `Trainer`
    taught_by : TeacherConfig, optional
        With files of logits.
    qat_share, start_from, frozen_share, started_rate : see `RetrainConfig`
    """

    settings: TrainConfig
    roles: tuple[str, ...]
    step: str = "retrain"
    teacher: Teacher | None = None
    qat_share: float = 0.0
    taught_by: TeacherConfig | None = None
    start_from: str | None = None
    frozen_share: float = 0.0
    started_rate: float = 1.0


def train(
    run: RunFolder,
    genotype: Genotype,
    seed: int,
    recipe: Recipe,
    state_file: Path,
    log_as: str,
    progress: Progress = unheard,
    examples: Examples | None = None,
) -> tuple[SubNet, list[LoggedEpoch]]:
    """Train a network of the run from scratch, or go on from `state_file`; return it and its log.

    Parameters
    ----------
    log_as : name of the network in the event log
    examples : what it is trained on, in place of all clips with the recipe's roles
    """
    frontend, settings = run.frontend(genotype), recipe.settings
    network, before_epoch = new_network(run.spec(genotype), seed), None
    slower: Slower = ((), 1.0)
    if recipe.start_from is not None:
        filled = (
            _take_slice(run, network, genotype)
            if recipe.start_from == SUPERNET
            else Start.read(recipe.start_from).fill(network, frontend, run.manifest.labels)
        )
        if filled:
            before_epoch = frozen_until(network, recipe.frozen_share * settings.epochs)
            if recipe.started_rate != 1:
                slower = body_parameters(network), recipe.started_rate
    hooks = Hooks(before_epoch=before_epoch, progress=progress)
    trainer = new_trainer(run, frontend, seed, recipe, state_file, log_as, hooks)
    trainer = replace(trainer, slower=slower)
    if examples is None:
        examples = run.examples(*recipe.roles, frontend=frontend)
    learner: SubNet | WithProjection = network
    if recipe.taught_by is not None:
        examples, feature_loss = taught(run, recipe.taught_by, examples)
        if feature_loss is not None:
            learner = WithProjection(network, sum(feature_loss.dims), seed)
            trainer = replace(trainer, feature_loss=feature_loss)
    steps = quantisation_aware(network, examples, settings, recipe.qat_share, learner)
    return network, fit_network(learner, examples, trainer, steps)


def _take_slice(run: RunFolder, network: SubNet, genotype: Genotype) -> bool:
    """Fill a network with its slice of the run's supernet; return whether it is of its space."""
    supernet = run.new_supernet()
    if genotype not in supernet.space:
        return False
    (place,) = run.supernets
    if not place.weights.exists():
        raise AscNasError(
            f"{place.weights}: retrain.start_from needs the supernet, which is not trained yet; "
            f"run '{command('supernet', run.paths.root)}'."
        )
    checkpoint.load(place.weights, supernet)
    network.load_state_dict(supernet.extract(genotype).state_dict())
    return True


def new_trainer(
    run: RunFolder,
    frontend: FrontEnd,
    seed: int,
    recipe: Recipe,
    state_file: Path,
    log_as: str,
    hooks: Hooks,
) -> Trainer:
    """Return what trains networks of the run that hear through `frontend`; see `train`."""
    augment = recipe.settings.augment.heard_through(frontend, run.config.frontend)
    on_epoch = run.events.counter(recipe.step, "epoch", log_as) if recipe.step else None
    return Trainer(
        recipe.settings.model_copy(update={"augment": augment}),
        seed,
        state_file,
        hooks=replace(hooks, on_epoch=on_epoch),
        teacher=recipe.teacher,
        device=run.device,
        precision=run.config.compute.precision,
        ranks=run.ranks,
    )


def taught(
    run: RunFolder, teacher: TeacherConfig, examples: Examples
) -> tuple[Examples, FeatureLoss | None]:
    """Return the examples with what files of logits say of their clips, and how features teach.

    Raises
    ------
    AscNasError
        If a file is none, lacks a clip or embeddings that are asked for, or is of a teacher that
        was trained on the run's test.
    """
    test, keys = [clip.key for clip in run.manifest.with_role("test")], examples.clip_keys
    logits: list[NDArray[np.float32]] = []
    embeddings: list[NDArray[np.float32]] = []
    dims: list[int] = []
    for path in map(Path, teacher.logits):
        scores = ClipScores.read(path)
        scores.require_unheard(test, path)
        logits.append(scores.of(keys, examples.labels, path))
        if teacher.feature_weight:
            embeddings.append(scores.embeddings_of(keys, path))
            dims += scores.dims
    learnt = FeatureLoss(teacher.feature_weight, len(examples.labels), tuple(dims))
    told = examples.taught_by(
        mean_probabilities(logits, teacher.temperature),
        teacher.share,
        np.concatenate(embeddings, axis=1) if embeddings else None,
    )
    return told, learnt if embeddings else None


@dataclass(frozen=True)
class NetworkFolder:
    """The folder of one network, trained with one seed.

    Attributes
    ----------
    argument : str
        What ``asc-nas train`` takes for it: a name or a genotype.
    recorder : str
        Recording device that it was adapted to; empty: none.
    """

    run: RunFolder
    path: Path
    genotype: Genotype
    seed: int
    argument: str = ""
    recorder: str = ""

    @property
    def model_name(self) -> str:
        """What its exported model is called, behind the name of the config."""
        return self.path.name

    @property
    def result_file(self) -> Path:
        """Its scores on test."""
        return self.path / "result.json"

    def has(self, weights: str = WEIGHTS) -> bool:
        """Return whether these weights are there."""
        return (self.path / weights).exists()

    def state_file(self, weights: str = WEIGHTS) -> Path:
        """Where an interrupted training of these weights goes on from."""
        return self.path / _STATES[weights]

    def lock(self) -> AbstractContextManager[None]:
        """Keep other processes from the folder; of several ranks the first does it for all.

        Raises
        ------
        AscNasError
            If another process works in it.
        """
        if not self.run.ranks.first:
            return nullcontext()
        return locked(self.path, "wait for its end, or name other networks")

    def turn(self) -> AbstractContextManager[None]:
        """Wait until no other process works in the folder, and keep others from it, as `lock`."""
        if not self.run.ranks.first:
            return nullcontext()
        return taking_turns(self.path, lambda text: None)

    def result(self) -> Result | None:
        """Return the scores; None if it is not trained.

        Raises
        ------
        AscNasError
            If another network lies here.
        """
        if not self.result_file.exists():
            return None
        result = Result.read(self.result_file)
        if not result.is_of(self.genotype) or result.seed != self.seed:
            raise AscNasError(
                f"{self.path}: holds another network ({result.genotype}, seed {result.seed}); "
                "delete or rename it."
            )
        return result

    def require_result(self) -> Result:
        """Return the scores.

        Raises
        ------
        AscNasError
            If it is not trained yet, or another network lies here.
        """
        result = self.result()
        if result is None:
            raise AscNasError(f"{self.path}: not trained yet; run '{self.trained_by()}'.")
        return result

    def trained_by(self) -> str:
        """Return the call that trains the network."""
        seed = () if self.seed == self.run.config.seed else ("--seed", self.seed)
        return command("train", self.run.paths.root, self.argument, *seed)

    def train(
        self, recipe: Recipe, progress: Progress = unheard, weights: str = WEIGHTS
    ) -> tuple[SubNet, list[LoggedEpoch]]:
        """Train the network, write its weights and return it with its log.

        The state that an interrupted training goes on from stays until `finish`.
        """
        state = self.state_file(weights)
        network, log = train(
            self.run, self.genotype, self.seed, recipe, state, self.path.name, progress
        )
        self.save(network, weights)
        return network, log

    def save(self, network: SubNet, weights: str = WEIGHTS) -> None:
        """Write the weights of the network, and what it is."""
        run = self.run
        told = told_by(
            self.genotype, run.config.skeleton, run.frontend(self.genotype), run.manifest.labels
        )
        told |= self._identity(weights)
        run.ranks.by_first(partial(checkpoint.save, self.path / weights, network, told))

    def _identity(self, weights: str) -> dict[str, Any]:
        return {"genotype": str(self.genotype), "seed": self.seed, "weights": weights}

    def finish(self, weights: str = WEIGHTS) -> None:
        """Forget how to go on with a training that is done."""
        if self.run.ranks.first:
            self.state_file(weights).unlink(missing_ok=True)

    def is_done(self, weights: str = WEIGHTS) -> bool:
        """Return whether these weights are there; if so, `finish`, before which a kill may come."""
        done = self.run.ranks.by_first(partial(self.has, weights))
        if done:
            self.finish(weights)
        return done

    def ensure(self, recipe: Recipe, progress: Progress = unheard, weights: str = WEIGHTS) -> None:
        """Train the network unless its weights are there."""
        if not self.is_done(weights):
            self.train(recipe, progress, weights)
            self.finish(weights)

    def load(self, weights: str = WEIGHTS) -> SubNet:
        """Return the trained network, its depthwise kernels joined, in evaluation mode.

        Raises
        ------
        AscNasError
            If it is missing or damaged.
        """
        return join_kernels(self.load_as_trained(weights))

    def load_as_trained(self, weights: str = WEIGHTS) -> SubNet:
        """Return the trained network as `load` does, but with all of its kernels, to train on."""
        if not self.has(weights):
            raise AscNasError(f"{self.path / weights}: is missing; train it again.")
        network = new_network(self.run.spec(self.genotype), self.seed)
        stored = checkpoint.load(self.path / weights, network)
        wanted = self._identity(weights)
        if any(stored.get(key, wanted[key]) != wanted[key] for key in wanted):
            raise AscNasError(
                f"{self.path / weights}: these weights are of another training ({stored}); "
                "restore the file, or delete it and train again."
            )
        return network.to(self.run.device).eval()


def load_together(folders: Sequence[NetworkFolder], weights: str = WEIGHTS) -> nn.Module:
    """Return the network of a folder, or the committee of those of several."""
    return together([folder.load(weights) for folder in folders])
