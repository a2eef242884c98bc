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
from asc_nas.run.network_folder import NetworkFolder
from asc_nas.run.networks import find_network
from asc_nas.run.published_logits import SUFFIXES, read_published
from asc_nas.runtime.classifier import Classifier

ROLES = ("train", "search_val")


def teach(
    run: RunFolder, teachers: Sequence[str], out: Path | None = None, rows: Path | None = None
) -> Path:
    """Write what teachers say of the clips that are not for the test; return the file.

    Parameters
    ----------
    teachers : networks of the run, as for `train`, each with all seeds that it was trained with, or
        exported models (``NAME.onnx``), which hear the recordings through their own front end, or
        published logits (``NAME.pt``, ``NAME.npy``), see `read_published`
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
            "name a network of the run, an exported model NAME.onnx, or logits NAME.pt or NAME.npy."
        )
    clips = [clip for role in ROLES for clip in run.readable(role)]
    keys, labels = tuple(clip.key for clip in clips), run.manifest.labels
    found: list[NDArray[np.float32]] = []
    heard: set[str] = set()
    names: list[str] = []
    for text in teachers:
        if text.endswith(SUFFIXES):
            if rows is None:
                raise UsageError(f"{text}: --rows must name the list of clips that it belongs to.")
            names.append(Path(text).stem)
            published = read_published(Path(text), rows, labels)
            if not set(keys) & set(published.keys):
                raise AscNasError(
                    f"{rows}: none of its {len(published.keys)} rows begins with the path of a "
                    f"training clip, such as '{keys[0]}', and a tab; name the list of these logits."
                )
            found.append(published.of(keys, labels, text))
            continue
        if text.endswith(".onnx"):
            names.append(Path(text).stem)
            found.append(_of_model(run, text, clips, labels))
            continue
        network = find_network(run, text)
        names.append(network.name)
        seeds = sorted({result.seed for result in network.results(run)}) or [run.config.seed]
        for folder in (network.folder(run, seed) for seed in seeds):
            trained_on = folder.require_result().trained_on
            heard |= {clip.key for role in trained_on for clip in run.readable(role)}
            found.append(_of_network(folder, keys))
    logits = _logs(mean_probabilities(found, temperature=1.0))
    file = run.paths.root / "teachers" / f"{'+'.join(names)}.npz" if out is None else out
    file.parent.mkdir(parents=True, exist_ok=True)
    ClipScores(keys, labels, logits, frozenset(heard)).write(file)
    return file


def _of_network(folder: NetworkFolder, keys: Sequence[str]) -> NDArray[np.float32]:
    """Return the log probabilities (clips, labels) of a trained network."""
    run = folder.run
    examples = run.examples(*ROLES, frontend=run.frontend(folder.genotype))
    logits = _logs(clip_logits(folder.load(), examples).posteriors(1.0))
    places = {key: place for place, key in enumerate(examples.clip_keys)}
    return logits[[places[key] for key in keys]]


def _of_model(
    run: RunFolder, model: str, clips: Sequence[Clip], labels: tuple[str, ...]
) -> NDArray[np.float32]:
    """Return the log probabilities (clips, labels) of an exported model, of its first window."""
    classifier = Classifier.load(model)
    card = classifier.card
    if set(card.labels) != set(labels):
        other = sorted(set(card.labels) ^ set(labels))
        raise AscNasError(
            f"{model}: its labels are not those of the run ('{other[0]}' is not common to both); "
            "take a model that was trained for the same classes."
        )
    heard, order = card.frontend, [card.labels.index(label) for label in labels]
    rows = []
    with run.listener.stage(f"{card.name} teaches") as progress:
        for number, clip in enumerate(clips, start=1):
            path = run.manifest.audio_path(clip)
            wave = load_audio(path, heard.sample_rate, clip.start, clip.duration or heard.seconds)
            mel = log_mel(fit_length(wave, heard.samples, heard.short), heard)
            rows.append(classifier.posterior(mel)[order])
            progress(number, len(clips), "clips")
    return _logs(np.stack(rows))


def _logs(probabilities: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return finite logarithms."""
    return np.log(np.maximum(probabilities, 1e-30)).astype(np.float32)
