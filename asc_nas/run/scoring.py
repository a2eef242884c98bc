"""Scores of a trained network or an exported model on clips of a run, or of another manifest."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asc_nas.audio.logmel import FrontEnd
from asc_nas.core.errors import AscNasError, UsageError
from asc_nas.core.locks import taking_turns
from asc_nas.data.examples import Examples
from asc_nas.data.feature_store import FeatureStore
from asc_nas.data.manifest import ROLES, Manifest
from asc_nas.evaluation.parts import ScoreReport, score_clips
from asc_nas.evaluation.result import Result
from asc_nas.evaluation.scores import Decisions
from asc_nas.run.adapted import find_trained
from asc_nas.run.folder import RunFolder
from asc_nas.run.network_folder import NetworkFolder
from asc_nas.run.preparation import transform_of
from asc_nas.runtime.card import ModelCard
from asc_nas.runtime.classifier import Classifier
from asc_nas.training.trainer import posteriors as network_posteriors
from data_prep.extraction import extract
from data_prep.results.dcase_results import result_format, write_results

SCORED_ROLES = ("test", "search_val")

Posteriors = Callable[[Examples], NDArray[Any]]
"""From examples to the posteriors of their clips, (clips, classes)."""
Judged = tuple[dict[str, Any], FrontEnd, Posteriors]


@dataclass(frozen=True)
class Scored:
    """What was scored, and how well it does.

    Attributes
    ----------
    about : dict
        The network or the model, and the clips, in plain values.
    evaluation : ScoreReport
        Scores with 95 % intervals, per class, per device.
    """

    about: dict[str, Any]
    evaluation: ScoreReport

    def to_json(self) -> dict[str, Any]:
        """Return the content of the file that ``--json`` writes."""
        return {"format": "asc-nas/evaluation/1", **self.about, **self.evaluation.to_json()}


def score(
    run: RunFolder,
    text: str,
    *,
    seed: int | None = None,
    role: str = "test",
    manifest_file: Path | None = None,
    dcase: Path | None = None,
    dcase_format: str | None = None,
) -> Scored:
    """Score a network or a model of a run.

    Parameters
    ----------
    text : what `find_trained` takes, or a file NAME.onnx
    seed : of a trained network; by default the run's
    role : of the clips to score, ``test`` or ``search_val``
    manifest_file : all clips of this manifest are scored, not the run's own
    dcase : the challenge's result file to write
    dcase_format : ``labels`` or ``probabilities``; by default as the dataset's challenge asks

    Raises
    ------
    UsageError
        If there is no such network, or the model is not of the run.
    AscNasError
        If the network is not trained, or there are no clips.
    """
    about, frontend, posteriors_of = (_exported if Path(text).suffix == ".onnx" else _trained)(
        run, text, seed
    )
    manifest, store = _clips_to_score(run, manifest_file, role, frontend)
    examples = Examples.load(manifest, store, (role,))
    left_out = [clip.key for clip in manifest.with_role(role) if clip.key in store.failed]
    if not examples.num_clips:
        source = manifest_file or run.paths.manifest
        why = f": none of {len(left_out)} can be read" if left_out else ""
        raise AscNasError(f"{source}: there are no clips with the role '{role}' to score{why}.")
    posteriors = posteriors_of(examples)
    about |= {"role": role, "scored": manifest.name, "left_out": len(left_out)}
    trained_on = about["trained_on"] or ()
    seen = {clip.device for part in trained_on for clip in run.manifest.with_role(part)} - {""}
    if role in trained_on and manifest_file is None:
        run.listener.note(
            f"note: this network was trained on {' and '.join(trained_on)}: the scores "
            "below are not of unseen clips."
        )
    if about["trained_on"] is None:
        run.listener.note(
            f"note: {text} was trained on other clips or splits than the run's: it may have "
            "heard clips that are scored below."
        )
    for key in left_out:
        run.listener.note(f"left out: {key}: {store.failed[key]}")
    evaluation = judged(manifest, examples, posteriors, seen)
    if dcase is not None:
        form = dcase_format or result_format(manifest.name)
        write_results(dcase, examples.clip_keys, posteriors, manifest.labels, form)
        run.listener.say(f"{examples.num_clips} clips ({form}) -> {dcase}")
    return Scored(about, evaluation)


def judged(
    manifest: Manifest,
    examples: Examples,
    posteriors: NDArray[np.floating],
    seen: Collection[str] = (),
) -> ScoreReport:
    """Score what a network says of clips: the test, ``evaluate`` and the report all do it here.

    Clips of one group are drawn together for the intervals; a clip without a group is one itself.

    Parameters
    ----------
    posteriors : (clips, classes), of the clips of `examples`
    seen : the devices that training heard, if that is known
    """
    by_key = {clip.key: clip for clip in manifest.clips}
    clips = [by_key[key] for key in examples.clip_keys]
    return score_clips(
        Decisions.of_posteriors(posteriors, examples.clip_targets, manifest.labels),
        [clip.group or clip.key for clip in clips],
        [clip.device for clip in clips],
        seen or None,
    )


def with_intervals(folder: NetworkFolder, result: Result) -> Result:
    """Return a result of an earlier version, which stored no intervals, with those it has.

    Raises
    ------
    AscNasError
        If the network or the features of the test clips are missing.
    """
    if result.has_intervals:
        return result
    run = folder.run
    examples = run.examples("test", frontend=run.frontend(folder.genotype))
    posteriors = examples.clip_posteriors(network_posteriors(folder.load(), examples).numpy())
    intervals = judged(run.manifest, examples, posteriors).intervals
    return result.model_copy(update={"intervals": intervals})


def _clips_to_score(
    run: RunFolder, manifest_file: Path | None, role: str, frontend: FrontEnd
) -> tuple[Manifest, FeatureStore]:
    """Return the run's clips, or all clips of another manifest under `role`, and their features."""
    if manifest_file is None:
        return run.manifest, run.store(frontend)
    manifest = Manifest.read(manifest_file)
    if manifest.labels != run.manifest.labels:
        raise UsageError(
            f"{manifest_file}: its labels ({', '.join(manifest.labels)}) are not the run's "
            f"({', '.join(run.manifest.labels)})."
        )
    manifest = manifest.with_clips([replace(clip, role=role) for clip in manifest.clips])
    folder = run.paths.root / "evaluate" / manifest_file.stem
    if frontend != run.config.frontend:
        folder = folder.with_name(f"{folder.name}-{frontend.fingerprint[:8]}")
    listener = run.listener
    with taking_turns(folder, listener.note), listener.stage("Features") as progress:
        store = extract(
            manifest,
            frontend,
            folder,
            workers=run.config.data.workers,
            skip_unreadable=run.config.data.skip_unreadable,
            progress=progress,
            transform=transform_of(run, frontend),
        )
    return manifest, store


def _trained(run: RunFolder, text: str, seed: int | None) -> Judged:
    """Return what a trained network is, what it hears, and what gives its posteriors."""
    network = find_trained(run, text)
    folder = network.folder(run, run.config.seed if seed is None else seed)
    result, module = folder.require_result(), folder.load()
    about = {"network": network.name}
    about |= {key: getattr(result, key) for key in ("genotype", "seed", "data", "trained_on")}

    def posteriors_of(examples: Examples) -> NDArray[np.float64]:
        return examples.clip_posteriors(network_posteriors(module, examples).numpy())

    return about, run.frontend(folder.genotype), posteriors_of


def _exported(run: RunFolder, text: str, seed: int | None) -> Judged:
    """Return what an exported model is, what it hears, and what gives its posteriors."""
    if seed is not None:
        raise UsageError(
            f"--seed is of a trained network; {text} is an exported one: leave it out."
        )
    classifier = load_exported(run, Path(text))
    if classifier.card.recorders:
        run.listener.note(
            "note: the general network of this model is scored, for all recording devices."
        )
    about = describe_exported(run, Path(text), classifier.card)
    return about, classifier.card.frontend, partial(exported_posteriors, classifier)


def load_exported(run: RunFolder, model: Path) -> Classifier:
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
    wanted = run.manifest.labels
    if labels != wanted:
        raise UsageError(
            f"{model}: its labels ({', '.join(labels)}) are not those of the run "
            f"{run.paths.root} ({', '.join(wanted)}), in this order; give a model of this run."
        )
    if front not in run.config.frontends():
        own, other = front.model_dump(), run.config.frontend.model_dump()
        differing = [
            f"{key} is {own[key]}, not {other[key]}" for key in own if own[key] != other[key]
        ]
        raise UsageError(
            f"{model}: it hears other features than the run {run.paths.root} has "
            f"({'; '.join(differing)}); give a model of this run."
        )
    return classifier


def describe_exported(run: RunFolder, model: Path, card: ModelCard) -> dict[str, Any]:
    """Return what an evaluation says about a model.

    ``trained_on`` holds the roles of the run's clips that it was trained on, or is None if its card
    describes other clips than the run's: then nobody knows.
    """
    manifest, data = run.manifest, card.data
    clips = {role: run.readable(role) for role in ROLES}
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
        "trained_on": list(run.config.retrain.roles) if of_run else None,
    }


def exported_posteriors(classifier: Classifier, examples: Examples) -> NDArray[np.float64]:
    """Return the posteriors of clips, (clips, classes), one clip at a time as `classify` does."""
    starts = np.flatnonzero(np.diff(examples.clips)) + 1  # the channels of a clip stand together
    channels = np.split(np.arange(len(examples)), starts)
    return np.stack([classifier.posterior(examples.batch(c)[0][:, 0].numpy()) for c in channels])
