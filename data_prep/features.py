"""Feature extraction: from a manifest to a feature store, on all cores, resumable to the clip.

A clip's rows reach the disk before the clip is marked as done, so a killed job loses at most the
clips of the last half second. Every clip's rows have their place before any is computed: the
features do not depend on the number of workers.
"""

import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from asc_nas.audio.io import AudioError, load_audio
from asc_nas.audio.logmel import FrontEnd, fit_length, log_mel
from asc_nas.data.feature_store import DONE, INDEX, FeatureStore, Index, open_array
from asc_nas.data.manifest import Clip, Manifest
from asc_nas.errors import AscNasError, UsageError
from asc_nas.files import fingerprint
from data_prep.feature_writer import FeatureWriter, create_arrays

IN_FLIGHT = 4
"""Tasks handed out per worker, so that memory stays small however many clips there are."""

Progress = Callable[[int, int], None]
"""Called with the number of clips done and the number of all clips."""


@dataclass(frozen=True)
class Task:
    """One clip to compute: its place in the manifest, its file, and the clip."""

    number: int
    path: Path
    clip: Clip


Result = tuple[int, NDArray[np.float16] | str]
"""Place in the manifest, and the features (channels, mels, frames) or why there are none."""


def extract(
    manifest: Manifest,
    frontend: FrontEnd,
    folder: Path,
    *,
    workers: int | None = None,
    skip_unreadable: bool = False,
    progress: Progress | None = None,
) -> FeatureStore:
    """Compute what is still missing of the manifest's features, and open them.

    Each channel of a clip gives one example of `frontend.seconds`: longer clips keep their start,
    shorter ones are padded with zeros.

    Parameters
    ----------
    workers : int, optional
        Processes; 1 computes in this one, None takes one per core.
    skip_unreadable : bool
        Whether clips that cannot be read are left out (and listed in ``failed``) or, once all the
        others are done, an error.
    progress : callable, optional
        Called with (clips done, clips in all), first with what was already done.

    Raises
    ------
    UsageError
        If `workers` is below 1, or the manifest has no clips.
    AscNasError
        If clips could not be read, if the folder holds features of other settings or of other
        clips, if the disk is full, or if a worker process died. What is done is kept.
    """
    if workers is not None and workers < 1:
        raise UsageError(f"workers is {workers}; at least 1 is needed.")
    if not manifest.clips:
        raise UsageError(f"{manifest.name}: the manifest has no clips.")
    index = _prepared(manifest, frontend, folder)
    if index.complete and (skip_unreadable or not index.failed):
        return FeatureStore.open(folder, frontend)

    done = np.array(open_array(folder, DONE, (len(index.keys),)), dtype=bool)
    tasks = [
        Task(number, manifest.audio_path(clip).absolute(), clip)
        for number, clip in enumerate(manifest.clips)
        if not done[number]
    ]
    failed: dict[str, str] = {}
    finished, total = len(done) - len(tasks), len(done)
    report = progress or (lambda finished, total: None)
    report(finished, total)
    with FeatureWriter(folder, index) as writer:
        for number, result in _computed(tasks, frontend, workers or _cores()):
            if isinstance(result, str):
                failed[index.keys[number]] = result
            else:
                writer.add(number, result)
            finished += 1
            report(finished, total)

    if failed and not skip_unreadable:
        raise AscNasError(_failure_message(failed, total))
    failed = {key: failed[key] for key in index.keys if key in failed}
    replace(index, failed=failed, complete=True).write(folder)
    return FeatureStore.open(folder, frontend)


def _prepared(manifest: Manifest, frontend: FrontEnd, folder: Path) -> Index:
    """Return the index of the store in `folder`, which is made if there is none."""
    wanted = Index(
        frontend=frontend.model_dump(),
        fingerprint=frontend.fingerprint,
        source=fingerprint([[c.path, c.channels, c.start, c.duration] for c in manifest.clips]),
        keys=tuple(clip.key for clip in manifest.clips),
        channels=tuple(clip.channels for clip in manifest.clips),
    )
    if not (folder / INDEX).is_file():
        create_arrays(folder, wanted, frontend)
        return wanted
    index = Index.read(folder)
    index.check_frontend(frontend, folder)
    if index.source != wanted.source:
        raise AscNasError(
            f"{folder}: these features belong to another list of clips "
            f"({_difference(index, wanted)}); use another folder, or delete this one."
        )
    return index


def _difference(index: Index, wanted: Index) -> str:
    there, asked = set(index.keys), set(wanted.keys)
    extra = [key for key in wanted.keys if key not in there]
    gone = [key for key in index.keys if key not in asked]
    if extra:
        return f"{len(extra)} clips of the manifest are not in it, such as {extra[0]}"
    if gone:
        return f"{len(gone)} of its clips are not in the manifest, such as {gone[0]}"
    return "the order, the channels, the start or the duration of clips changed"


def _computed(tasks: list[Task], frontend: FrontEnd, workers: int) -> Iterator[Result]:
    """Give the tasks' results as they come, with few in flight."""
    if min(workers, len(tasks)) <= 1:
        yield from (_clip_features(task, frontend) for task in tasks)
        return
    queue = iter(tasks)
    context = multiprocessing.get_context("spawn")  # a forked child may inherit held locks
    with ProcessPoolExecutor(min(workers, len(tasks)), mp_context=context) as pool:

        def submit(count: int) -> set[Future[Result]]:
            return {pool.submit(_clip_features, task, frontend) for task in islice(queue, count)}

        try:
            pending = submit(IN_FLIGHT * workers)
            while pending:
                ready, pending = wait(pending, return_when=FIRST_COMPLETED)
                pending |= submit(len(ready))
                yield from (future.result() for future in ready)
        except BrokenProcessPool as error:
            raise AscNasError(
                "a feature extraction process died (often for lack of memory); what is done is "
                "kept: run again with fewer workers."
            ) from error


def _clip_features(task: Task, frontend: FrontEnd) -> Result:
    """Return one clip's features, or why there are none."""
    clip = task.clip
    try:
        wave = load_audio(task.path, frontend.sample_rate, clip.start, clip.duration)
    except AudioError as error:
        return task.number, str(error)
    if len(wave) != clip.channels:
        return task.number, (
            f"{task.path}: has {len(wave)} channels where the manifest says {clip.channels}; "
            "prepare the data again."
        )
    mel = log_mel(fit_length(wave, frontend.samples), frontend)
    return task.number, mel.astype(np.float16)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _failure_message(failed: dict[str, str], total: int) -> str:
    shown = list(failed.values())[:3]
    more = f"; and {len(failed) - len(shown)} more" if len(failed) > len(shown) else ""
    return (
        f"{len(failed)} of {total} clips could not be read: {' | '.join(shown)}{more}. Repair or "
        "remove them, or set data.skip_unreadable=true; the other features are kept."
    )
