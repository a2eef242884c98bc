"""What a submission says of an evaluation set: asked in parts, so that a stopped call goes on."""

import shutil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from asc_nas.core.errors import AscNasError
from asc_nas.core.files import atomic_path, fingerprint, sha256
from asc_nas.core.progress import Progress, unheard
from asc_nas.run.submission.interface import load_model, predict
from data_prep.results.dcase_results import write_results
from data_prep.results.evaluation_list import EvaluationList

AT_ONCE = 500
"""Clips of a part."""


def write_output(
    target: Path,
    clips: EvaluationList,
    checkpoint: Path,
    *,
    devices: bool,
    progress: Progress = unheard,
) -> None:
    """Let the networks of a checkpoint answer for all clips, and write the result file.

    Parameters
    ----------
    target : Path
        Parts lie beside it until all are there.
    devices : bool
        Whether the networks of single devices answer for these, where the list names them.

    Raises
    ------
    AscNasError
        If a recording cannot be read.
    """
    told = clips.devices if devices else None
    asked = fingerprint([str(clips.folder.resolve()), clips.paths, told, sha256(checkpoint)])
    parts = target.with_name(f".{target.name}.{asked}")
    found = []
    for first in range(0, len(clips.paths), AT_ONCE):
        chosen = slice(first, first + AT_ONCE)
        part = parts / f"{first}.npy"
        if not part.exists():
            paths = [str(clips.folder / path) for path in clips.paths[chosen]]
            try:
                logits, _ = predict(paths, told[chosen] if told else None, checkpoint)
            except RuntimeError as error:  # of soundfile: it names the file
                why = str(error).rstrip(".")
                raise AscNasError(f"{clips.folder}: {why}; get the file again.") from error
            _write_part(part, np.stack([one.numpy() for one in logits]))
        found.append(np.load(part, allow_pickle=False))
        progress(min(first + AT_ONCE, len(clips.paths)), len(clips.paths), "clips")
    labels = load_model(checkpoint).class_order
    posteriors = np.exp(np.concatenate(found).astype(np.float64))
    posteriors /= posteriors.sum(1, keepdims=True)
    write_results(target, clips.paths, posteriors, labels, "probabilities")
    shutil.rmtree(parts, ignore_errors=True)


def _write_part(part: Path, logits: NDArray[np.float32]) -> None:
    with atomic_path(part) as temporary, temporary.open("wb") as file:
        np.save(file, logits, allow_pickle=False)
