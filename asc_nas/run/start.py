"""Weights that a training begins with: of another run, or in a folder of models."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from asc_nas.audio.logmel import FrontEnd
from asc_nas.core.errors import AscNasError, UsageError
from asc_nas.data.manifest import Manifest
from asc_nas.evaluation.result import Result
from asc_nas.nn.subnet import SubNet
from asc_nas.nn.transfer import body_parameters, take_weights
from asc_nas.run.paths import RunPaths
from asc_nas.runtime.card import ModelCard
from asc_nas.runtime.model_files import model_folders
from asc_nas.space.genotype import Genotype
from asc_nas.space.skeleton import Skeleton
from asc_nas.training import checkpoint

SUFFIX = ".safetensors"


@dataclass(frozen=True)
class Start:
    """A trained network: what it heard, what it answered, and its weights.

    Attributes
    ----------
    file : Path
    genotype, skeleton, frontend, labels
        Of the network.
    weights : dict
        Its state.
    trained_on : frozenset of Path
        Recordings that it was trained on; empty if the file is not in its run any more.
    """

    file: Path
    genotype: Genotype
    skeleton: Skeleton
    frontend: FrontEnd
    labels: tuple[str, ...]
    weights: Mapping[str, Tensor]
    trained_on: frozenset[Path] = frozenset()

    @classmethod
    def read(cls, name: str) -> "Start":
        """Read the weights that `retrain.start_from` names.

        Parameters
        ----------
        name : a model with weights in the folders that are searched for models, the folder of a
            trained network, or the file itself

        Raises
        ------
        UsageError
            If there are no such weights.
        AscNasError
            If the file is damaged, or of a version that does not tell what the network hears.
        """
        file = _file(name)
        meta, tensors = checkpoint.read(file)
        if "frontend" not in meta:
            raise AscNasError(
                f"{file}: does not tell what its network hears, as it was written by an earlier "
                "version, or is no trained network; train it again."
            )
        weights = {
            key.removeprefix("model."): value
            for key, value in tensors.items()
            if key.startswith("model.")
        }
        return cls(
            file,
            Genotype.parse(meta["genotype"]),
            Skeleton.parse(meta["skeleton"], str(file)),
            FrontEnd.parse(meta["frontend"], str(file)),
            tuple(meta["labels"]),
            weights,
            _trained_on(file),
        )

    @property
    def card(self) -> ModelCard | None:
        """Card of the model that the weights are of, if it lies beside them."""
        file = self.file.with_suffix(".json")
        return ModelCard.read(file) if file.is_file() else None

    def fill(self, network: SubNet, frontend: FrontEnd, labels: tuple[str, ...]) -> float:
        """Fill a network with what it has in common with this one; return the share of weights.

        Raises
        ------
        UsageError
            If it hears something else, or has nothing in common with this one.
        """
        self.require_heard(frontend)
        share = take_weights(network, self.weights, classes=labels == self.labels)
        if not share:
            raise UsageError(
                f"retrain.start_from: the network has no layer in common with that of {self.file}."
            )
        return share

    def require_unheard(self, test: Sequence[Path]) -> None:
        """Raise AscNasError if the network was trained on one of the recordings of a test."""
        known = self.trained_on & {path.resolve() for path in test}
        if known:
            raise AscNasError(
                f"retrain.start_from: the network of {self.file} was trained on {len(known)} of "
                f"the {len(test)} test clips, such as {min(known)}, so a score on them would mean "
                "nothing. Take one that has not heard them, or the same test folds."
            )

    def require_heard(self, frontend: FrontEnd) -> None:
        """Raise UsageError unless the network heard through this front end."""
        if frontend.fingerprint != self.frontend.fingerprint:
            theirs, own = self.frontend.model_dump(), frontend.model_dump()
            name = next((key for key in theirs if theirs[key] != own[key]), "fmax")
            raise UsageError(
                f"retrain.start_from: the network of {self.file} hears with {name} {theirs[name]}, "
                f"this one with {own[name]}; take its frontend ('asc-nas init --start-from' does)."
            )


def told_by(
    genotype: Genotype, skeleton: Skeleton, frontend: FrontEnd, labels: tuple[str, ...]
) -> dict[str, Any]:
    """Return what a file of weights tells of its network, for `Start.read`."""
    return {
        "genotype": str(genotype),
        "skeleton": skeleton.model_dump(mode="json"),
        "frontend": frontend.model_dump(mode="json"),
        "labels": list(labels),
    }


def frozen_until(network: SubNet, epochs: float) -> Callable[[int], None]:
    """Return what is called before each epoch: until then only the last layer learns."""
    body = body_parameters(network)

    def before_epoch(done: int) -> None:
        for parameter in body:
            parameter.requires_grad_(done >= epochs)

    return before_epoch


def _trained_on(file: Path) -> frozenset[Path]:
    """Return the recordings that weights were trained on, if they lie in ``RUN/retrain/NAME``."""
    root = file.resolve().parent.parent.parent
    result, manifest = file.with_name("result.json"), RunPaths(root).manifest
    if not (result.is_file() and manifest.is_file()):
        return frozenset()
    clips, roles = Manifest.read(manifest), Result.read(result).trained_on
    return frozenset(clips.audio_path(c).resolve() for c in clips.clips if c.role in roles)


def _file(name: str) -> Path:
    path = Path(name)
    if path.is_dir():
        path /= "model" + SUFFIX
    if path.suffix == SUFFIX:
        if path.is_file():
            return path
        raise UsageError(f"{path}: no such weights; give the folder of a trained network.")
    found = [folder / f"{name}{SUFFIX}" for folder in model_folders()]
    for file in found:
        if file.is_file():
            return file
    known = sorted({file.stem for folder in model_folders() for file in folder.glob(f"*{SUFFIX}")})
    raise UsageError(
        f"no weights '{name}' to start from; give the folder of a trained network, such as "
        f"runs/NAME/retrain/0, or one of: {', '.join(known) or 'none is installed'}."
    )
