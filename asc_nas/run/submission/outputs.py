"""What a submission says of an evaluation set: asked in parts, so that a stopped call goes on."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from asc_nas.core.errors import AscNasError
from asc_nas.core.files import as_written, atomic_path, fingerprint, sha256
from asc_nas.core.machine import cores
from asc_nas.core.progress import Progress, unheard
from asc_nas.core.workers import run_jobs
from asc_nas.run.submission.interface import load_model, predict
from data_prep.results.dcase_results import write_results
from data_prep.results.evaluation_list import EvaluationList

AT_ONCE = 500
"""Clips of a part."""


@dataclass(frozen=True)
class Part:
    """Some of the clips: what is asked, and where the answers (clips, classes) go."""

    file: Path
    paths: tuple[str, ...]
    devices: tuple[str, ...] | None
    checkpoint: Path

    def __str__(self) -> str:
        """Return a name for progress and errors."""
        return f"{len(self.paths)} clips from {self.paths[0]} on"


def write_output(
    target: Path,
    clips: EvaluationList,
    checkpoint: Path,
    *,
    devices: bool,
    workers: int | None = None,
    progress: Progress = unheard,
) -> None:
    """Let the networks of a checkpoint answer for all clips, and write the result file.

    Parameters
    ----------
    target : Path
        Parts lie beside it until all are there.
    devices : bool
        Whether the networks of single devices answer for these, where the list names them.
    workers : int, optional
        Processes; None is one per core.

    Raises
    ------
    AscNasError
        If recordings cannot be read; all other parts are kept.
    """
    told = clips.devices if devices else None
    asked = [str(clips.folder.resolve()), clips.paths, told, sha256(checkpoint), AT_ONCE]
    folder = target.with_name(f".{target.name}.{fingerprint(asked)}")
    parts = []
    for first in range(0, len(clips.paths), AT_ONCE):
        chosen = slice(first, first + AT_ONCE)
        paths = tuple(str(clips.folder / path) for path in clips.paths[chosen])
        parts.append(Part(folder / f"{first}.npy", paths, told and told[chosen], checkpoint))
    used = min(workers or cores()[0], len(parts))
    run_jobs(answer_part, parts, used, progress)
    found = []
    for part in parts:
        with as_written(part.file, "delete it and call again"):
            found.append(np.load(part.file, allow_pickle=False))
    labels = load_model(checkpoint).class_order
    posteriors = np.exp(np.concatenate(found).astype(np.float64))
    posteriors /= posteriors.sum(1, keepdims=True)
    write_results(target, clips.paths, posteriors, labels, "probabilities")
    for done in target.parent.glob(f".{target.name}.*/"):  # also of weights that are no more
        shutil.rmtree(done, ignore_errors=True)


def answer_part(part: Part) -> None:
    """Write the answers of a part, unless they are there."""
    if part.file.exists():
        return
    try:
        logits, _ = predict(part.paths, part.devices, part.checkpoint)
    except RuntimeError as error:  # of soundfile: it names the file
        raise AscNasError(f"{str(error).rstrip('.')}; get the file again.") from error
    with atomic_path(part.file) as temporary, temporary.open("wb") as file:
        np.save(file, np.stack([one.numpy() for one in logits]), allow_pickle=False)
