"""What trained networks and models say of a run's training clips, as a file for students."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from asc_nas.audio.io import load_audio
from asc_nas.audio.logmel import fit_length, log_mel
from asc_nas.core.errors import AscNasError, UsageError
from asc_nas.data.logits import ClipScores, mean_probabilities
from asc_nas.data.manifest import Clip
from asc_nas.run.calibration import clip_logits
from asc_nas.run.folder import RunFolder
from asc_nas.run.foreign_teachers import FUNCTION, scores_of_function, scores_of_model
from asc_nas.run.network_folder import NetworkFolder
from asc_nas.run.networks import find_network
from asc_nas.run.published_logits import SUFFIXES, read_published
from asc_nas.runtime.classifier import Classifier
from asc_nas.training.feature_distillation import clip_embeddings

ROLES = ("train", "search_val")


def teach(
    run: RunFolder, teachers: Sequence[str], out: Path | None = None, rows: Path | None = None
) -> Path:
    """Write what teachers say of the clips that are not for the test; return the file.

    Embeddings are in it if all teachers have some, each network's beside the other's.

    Parameters
    ----------
    teachers : networks of the run, as for `train`, each with all seeds that it was trained with
        Or exported models (``NAME.onnx``), which hear the recordings through their own front end;
        ONNX models of others with an adapter (``NAME.yaml``, see `Adapter`) beside them; Python
        functions (``package.module:function`` or ``FILE.py:function``, see `scores_of_function`);
        or published logits (``NAME.pt``, ``NAME.npy``), see `read_published`.
    out : the file; by default ``RUN/teachers/NAME.npz``
    rows : the list whose rows those of published logits are

    Raises
    ------
    UsageError
        If no teacher is named, or there is no such network, or published logits have no list.
    AscNasError
        If a network is not trained, a model has other labels, or logits or their list do not fit.
    """
    if not teachers:
        raise UsageError(
            "name a network of the run, an exported model NAME.onnx, a Python function "
            "FILE.py:function, or logits NAME.pt or NAME.npy."
        )
    clips = [clip for role in ROLES for clip in run.readable(role)]
    keys, labels = tuple(clip.key for clip in clips), run.manifest.labels
    names: list[str] = []
    logits: list[NDArray[np.float32]] = []
    embeddings: list[NDArray[np.float32]] = []
    dims: list[int] = []
    heard: set[str] = set()
    for text in teachers:
        name, found = _scores_of(run, text, clips, rows)
        names.append(name)
        for scores in found:
            logits.append(scores.of(keys, labels, text))
            heard |= scores.trained_on
            if scores.embeddings is not None:
                embeddings.append(scores.embeddings_of(keys, text))
                dims += scores.dims
    all_have = len(embeddings) == len(logits)
    file = run.paths.root / "teachers" / f"{'+'.join(names)}.npz" if out is None else out
    file.parent.mkdir(parents=True, exist_ok=True)
    ClipScores(
        keys,
        labels,
        _logs(mean_probabilities(logits, temperature=1.0)),
        frozenset(heard),
        np.concatenate(embeddings, axis=1) if all_have else None,
        tuple(dims) if all_have else (),
    ).write(file)
    return file


def _scores_of(
    run: RunFolder, text: str, clips: Sequence[Clip], rows: Path | None
) -> tuple[str, list[ClipScores]]:
    """Return the name of a teacher, and what each of its networks says of clips, or of more."""
    path = Path(text)
    if text.endswith(SUFFIXES):
        if rows is None:
            raise UsageError(f"{text}: --rows must name the list of clips that it belongs to.")
        published = read_published(path, rows, run.manifest.labels)
        if not {clip.key for clip in clips} & set(published.keys):
            raise AscNasError(
                f"{rows}: none of its {len(published.keys)} rows begins with the path of a "
                f"training clip, such as '{clips[0].key}', and a tab; name the list of these "
                "logits."
            )
        return path.stem, [published]
    if text.endswith(".onnx"):
        adapter = path.with_suffix(".yaml")
        if adapter.is_file():
            return path.stem, [scores_of_model(run, path, adapter, clips)]
        return path.stem, [_of_exported(run, text, clips)]
    if (function := FUNCTION.fullmatch(text)) is not None:
        name = f"{Path(function['module']).stem}-{function['name']}"
        return name, [scores_of_function(run, text, clips)]
    if text.endswith(".py"):
        raise UsageError(f"{text}: name a function of it, too, as in {text}:teacher.")
    network = find_network(run, text)
    seeds = sorted({result.seed for result in network.results(run)}) or [run.config.seed]
    return network.name, [_of_network(network.folder(run, seed)) for seed in seeds]


def _of_network(folder: NetworkFolder) -> ClipScores:
    """Return what a trained network of the run says."""
    run = folder.run
    trained_on = folder.require_result().trained_on
    examples = run.examples(*ROLES, frontend=run.frontend(folder.genotype))
    network = folder.load()
    embeddings = clip_embeddings(network, examples)
    return ClipScores(
        examples.clip_keys,
        examples.labels,
        _logs(clip_logits(network, examples).posteriors(1.0)),
        frozenset(clip.key for role in trained_on for clip in run.readable(role)),
        embeddings,
        (embeddings.shape[1],),
    )


def _of_exported(run: RunFolder, model: str, clips: Sequence[Clip]) -> ClipScores:
    """Return what an exported model says of the first window of clips."""
    classifier = Classifier.load(model)
    card, labels = classifier.card, run.manifest.labels
    if set(card.labels) != set(labels):
        other = sorted(set(card.labels) ^ set(labels))
        raise AscNasError(
            f"{model}: its labels are not those of the run ('{other[0]}' is not common to both); "
            "take a model that was trained for the same classes."
        )
    heard, posteriors, embeddings = card.frontend, [], []
    with run.listener.stage(f"{card.name} teaches") as progress:
        for number, clip in enumerate(clips, start=1):
            path = run.manifest.audio_path(clip)
            wave = load_audio(path, heard.sample_rate, clip.start, clip.duration or heard.seconds)
            mel = log_mel(fit_length(wave, heard.samples, heard.short), heard)
            posteriors.append(classifier.posterior(mel))
            if classifier.has_features:
                embeddings.append(classifier.features(mel))
            progress(number, len(clips), "clips")
    return ClipScores(
        tuple(clip.key for clip in clips),
        card.labels,
        _logs(np.stack(posteriors)),
        embeddings=np.stack(embeddings) if embeddings else None,
        dims=(len(embeddings[0]),) if embeddings else (),
    )


def _logs(probabilities: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return finite logarithms."""
    return np.log(np.maximum(probabilities, 1e-30)).astype(np.float32)
