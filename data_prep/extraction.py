"""Feature extraction: from a manifest to a feature store, on all cores, resumable to the clip.

A clip's rows reach the disk before the clip is marked as done, so a killed job loses at most the
clips of the last half second. Every clip's rows have their place before any is computed: the
features do not depend on the number of workers. A clip over which a process dies or hangs is
listed like one that cannot be read, and the others are done.
"""

import shutil
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asc_nas.audio.io import AudioError, load_audio
from asc_nas.audio.logmel import FrontEnd, fit_length, log_mel
from asc_nas.audio.signal import voting
from asc_nas.core.errors import AscNasError, UsageError
from asc_nas.core.files import fingerprint
from asc_nas.core.locks import locked, taking_turns
from asc_nas.core.progress import Progress, unheard
from asc_nas.core.tasks import Lost, each
from asc_nas.data.feature_store import (
    DONE,
    FEATURES,
    INDEX,
    FeatureStore,
    Index,
    open_array,
    store_shape,
)
from asc_nas.data.manifest import Clip, Manifest
from data_prep.feature_parts import Part
from data_prep.feature_writer import FeatureWriter, create_arrays

READ_BEYOND = 60.0
"""Seconds that are read, and so checked, beyond an example's end; the rest of an hour is not."""

LOUDEST = 1e6
"""Largest absolute sample that is taken for sound; full scale is 1, of 16-bit integers 32768."""


@dataclass(frozen=True)
class Task:
    """One clip to compute: its place in the manifest, its file, and the clip."""

    number: int
    path: Path
    clip: Clip


Transform = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Makes the log-mel (channels, mels, frames) of one example of a recording (channels, samples)."""

Result = NDArray[Any] | str
"""The features (channels, mels, frames) of a clip, NaN where not heard, or the samples (channels,
samples) that they are to be made of, or why there are none."""


def extract(
    manifest: Manifest,
    frontend: FrontEnd,
    folder: Path,
    *,
    workers: int | None = None,
    skip_unreadable: bool = False,
    progress: Progress = unheard,
    transform: Transform | None = None,
) -> FeatureStore:
    """Compute what is still missing of the manifest's features, and open them.

    Of a store that was begun in parts, the missing ones are made one after another.

    Each channel of a clip gives one example of `frontend.seconds`: longer clips keep their start,
    shorter ones are padded with zeros. A channel without a signal in it gives none if others of
    the clip have one: as where a model is asked, it neither votes nor is learnt from.

    Parameters
    ----------
    workers : int, optional
        Processes; None takes one per core. 1 computes in this one, which a crash over one clip
        would end.
    skip_unreadable : bool
        Whether clips that cannot be read are left out (and listed in ``failed``) or, once all the
        others are done, an error. If there is no other, it is an error in any case.
    progress : callable, optional
        Called with (clips done, clips in all), first with what was already done.
    transform : callable, optional
        Makes the features, in this process, of what the workers read; None lets them make them.

    Raises
    ------
    UsageError
        If `workers` is below 1, or the manifest has no clips.
    AscNasError
        If clips could not be read, if the folder holds features of other settings or of other
        clips, if the disk is full, or if no worker process can start. What is done is kept.
    """
    if workers is not None and workers < 1:
        raise UsageError(f"workers is {workers}; at least 1 is needed.")
    if not manifest.clips:
        raise UsageError(f"{manifest.name}: the manifest has no clips.")
    index = _prepared(manifest, frontend, folder)
    if index.complete and (skip_unreadable or not index.failed):
        return FeatureStore.open(folder, frontend)
    if index.missing:
        options: dict[str, Any] = {
            "workers": workers,
            "skip_unreadable": skip_unreadable,
            "transform": transform,
        }
        for part in map(Part.parse, index.missing):
            extract_part(manifest, frontend, folder, part, progress=progress, **options)
        return FeatureStore.open(folder, frontend)

    done = np.array(open_array(folder, DONE, (len(index.keys),)), dtype=bool)
    tasks = [
        Task(number, manifest.audio_path(clip).absolute(), clip)
        for number, clip in enumerate(manifest.clips)
        if not done[number]
    ]
    failed: dict[str, str] = {}
    finished, total = len(done) - len(tasks), len(done)
    progress(finished, total, "clips")
    by_workers: Callable[..., Result] = _clip_features if transform is None else _example
    ended = closing(each(partial(by_workers, frontend=frontend), tasks, workers))
    with FeatureWriter(folder, index) as writer, ended as results:
        for task, result in results:
            if isinstance(result, Lost):
                failed[index.keys[task.number]] = f"{task.path}: {result.reason}"
            elif isinstance(result, str):
                failed[index.keys[task.number]] = result
            else:
                made = result if transform is None else _features(result, transform)
                writer.add(task.number, made)
            finished += 1
            progress(finished, total, "clips")

    if failed and (not skip_unreadable or len(failed) == total):
        raise AscNasError(_failure_message(failed, total))
    _complete(replace(index, failed=failed), frontend, folder).write(folder)
    return FeatureStore.open(folder, frontend)


def extract_part(
    manifest: Manifest,
    frontend: FrontEnd,
    folder: Path,
    part: Part,
    *,
    workers: int | None = None,
    skip_unreadable: bool = False,
    progress: Progress = unheard,
    say: Callable[[str], None] = lambda line: None,
    transform: Transform | None = None,
) -> Index:
    """Compute what is still missing of one part of the features; return the index of all.

    Parts may be made in any order, also at the same time on several machines that share `folder`.
    With the last one the store is complete, and is the same that `extract` makes at once.

    Parameters
    ----------
    workers, skip_unreadable, progress, transform : see `extract`
    say : callable, optional
        Hears that another machine is waited for, which takes its part in.

    Raises
    ------
    UsageError
        See `extract`; or if there are fewer clips than parts.
    AscNasError
        See `extract`, for the clips of the part; or if another process makes this part, or the
        store was begun in other parts.
    """
    own, place = part.of(manifest), folder / part.folder
    with taking_turns(folder, say):
        index = _prepared(manifest, frontend, folder, part.all)
    part.require_one_of(index, folder)
    if str(part) not in index.missing:
        return index
    with locked(place, "wait for its end, or make another part"):
        if str(part) in Index.read(folder).missing:  # nobody was quicker
            made = extract(
                own,
                frontend,
                place,
                workers=workers,
                skip_unreadable=skip_unreadable,
                progress=progress,
                transform=transform,
            )
            with taking_turns(folder, say):
                index = part.take_in(made, Index.read(folder), folder)
                if not index.missing:
                    index = _complete(index, frontend, folder)
                index.write(folder)
            del made  # Windows removes no file that is mapped
    shutil.rmtree(place, ignore_errors=True)
    return Index.read(folder)


def _prepared(
    manifest: Manifest, frontend: FrontEnd, folder: Path, parts: tuple[str, ...] = ()
) -> Index:
    """Return the index of the store in `folder`, which is made, in `parts`, if there is none."""
    wanted = Index(
        frontend=frontend.model_dump(),
        fingerprint=frontend.fingerprint,
        source=fingerprint([[c.path, c.channels, c.start, c.duration] for c in manifest.clips]),
        keys=tuple(clip.key for clip in manifest.clips),
        channels=tuple(clip.channels for clip in manifest.clips),
        missing=parts,
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


def _clip_features(task: Task, frontend: FrontEnd) -> NDArray[np.float16] | str:
    """Return one clip's features, or why there are none."""
    wave = _example(task, frontend)
    return wave if isinstance(wave, str) else _features(wave, partial(log_mel, settings=frontend))


def _features(wave: NDArray[np.float32], transform: Transform) -> NDArray[np.float16]:
    """Return the features of an example."""
    mel = transform(wave).astype(np.float16)
    mel[~voting(wave)] = np.nan
    return mel


def _example(task: Task, frontend: FrontEnd) -> NDArray[np.float32] | str:
    """Return what the features of one clip are made of, or why there are none."""
    clip = task.clip
    longest = frontend.seconds + READ_BEYOND
    duration = min(clip.duration, longest) if clip.duration > 0 else longest
    try:
        wave = load_audio(task.path, frontend.sample_rate, clip.start, duration)
    except AudioError as error:
        return str(error)
    if len(wave) != clip.channels:
        return (
            f"{task.path}: has {len(wave)} channels where the manifest says {clip.channels}; "
            "prepare the data again."
        )
    if (peak := float(np.abs(wave).max())) > LOUDEST:
        return (
            f"{task.path}: its samples reach {peak:.3g} where full scale is 1, as in a damaged "
            "file; write the recording again or remove it."
        )
    return np.ascontiguousarray(fit_length(wave, frontend.samples, frontend.short))


def _complete(index: Index, frontend: FrontEnd, folder: Path) -> Index:
    """Return the index of a store of which every clip is done, or failed."""
    failed = {key: index.failed[key] for key in index.keys if key in index.failed}
    unheard = _unheard(index, frontend, folder)
    return replace(index, failed=failed, unheard=unheard, complete=True)


def _unheard(index: Index, frontend: FrontEnd, folder: Path) -> tuple[int, ...]:
    """Return the rows that were written as not heard, also by an extraction that was killed."""
    features = open_array(folder, FEATURES, store_shape(index, frontend))
    several = [
        row
        for first, channels in zip(index.first_rows, index.channels, strict=False)
        for row in range(first, first + channels)
        if channels > 1
    ]
    return tuple(row for row in several if np.isnan(features[row, 0, 0]))


def _failure_message(failed: dict[str, str], total: int) -> str:
    shown = list(failed.values())[:3]
    more = f"; and {len(failed) - len(shown)} more" if len(failed) > len(shown) else ""
    message = f"{len(failed)} of {total} clips could not be read: {' | '.join(shown)}{more}."
    if len(failed) == total:
        return f"{message} No clip is left; check that the recordings are where they were."
    return (
        f"{message} Repair or remove them, or set data.skip_unreadable=true; the other features "
        "are kept."
    )
