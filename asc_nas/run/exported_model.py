"""An exported model on the clips of a run, answering as in ``asc-nas classify``."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asc_nas.core.errors import UsageError
from asc_nas.data.examples import Examples
from asc_nas.data.manifest import ROLES
from asc_nas.run.folder import Context
from asc_nas.runtime.card import ModelCard
from asc_nas.runtime.classifier import Classifier


def load_exported(context: Context, model: Path) -> Classifier:
    """Load a model whose features and labels are those of the run.

    Raises
    ------
    UsageError
        If its labels or its front end are not the run's.
    AscNasError
        If it cannot be loaded.
    """
    classifier = Classifier.load(model)
    labels, front = classifier.card.labels, classifier.card.frontend
    wanted = context.manifest.labels
    if labels != wanted:
        raise UsageError(
            f"{model}: its labels ({', '.join(labels)}) are not those of the run "
            f"{context.paths.root} ({', '.join(wanted)}), in this order; give a model of this run."
        )
    if front != context.config.frontend:
        own, other = front.model_dump(), context.config.frontend.model_dump()
        differing = [
            f"{key} is {own[key]}, not {other[key]}" for key in own if own[key] != other[key]
        ]
        raise UsageError(
            f"{model}: it hears other features than the run {context.paths.root} has "
            f"({'; '.join(differing)}); give a model of this run."
        )
    return classifier


def describe_exported(context: Context, model: Path, card: ModelCard) -> dict[str, Any]:
    """Return what an evaluation says about a model.

    ``trained_on`` holds the roles of the run's clips that it was trained on, or is None if its card
    describes other clips than the run's: then nobody knows.
    """
    manifest, data = context.manifest, card.data
    clips = {role: manifest.with_role(role) for role in ROLES}
    counts = {"train": data.train_clips, "search_val": data.search_val_clips}
    counts["test"] = data.test_clips
    of_run = (
        data.name == manifest.name
        and set(data.test_folds) == {clip.fold for clip in clips["test"]} - {""}
        and all(len(clips[role]) == count for role, count in counts.items())
    )
    return {
        "network": card.name,
        "model": str(model),
        "sha256": card.sha256,
        "numeric_type": card.numeric_type,
        "temperature": card.temperature,
        "genotype": card.genotype,
        "seed": None,
        "data": data.name,
        "trained_on": list(context.config.retrain.roles) if of_run else None,
    }


def exported_posteriors(classifier: Classifier, examples: Examples) -> NDArray[np.float64]:
    """Return the posteriors of clips, (clips, classes), one clip at a time as `classify` does."""
    starts = np.flatnonzero(np.diff(examples.clips)) + 1  # the channels of a clip stand together
    channels = np.split(np.arange(len(examples)), starts)
    return np.stack([classifier.posterior(examples.batch(c)[0][:, 0].numpy()) for c in channels])
