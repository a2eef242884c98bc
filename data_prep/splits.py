"""Cut a manifest into train, search-val and test; no group is ever on two sides."""

import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from asc_nas.core.config import Config
from asc_nas.core.errors import AscNasError, UsageError, closest
from asc_nas.core.randomness import derived_seed
from asc_nas.data.manifest import Clip, Manifest

TRAIN_FOLD, TEST_FOLD = "train", "test"
"""Folds of a set with one published split."""
MAX_DRAWS = 10
"""How often a cut that leaves a class out on one side is drawn anew."""


class SplitConfig(Config):
    """How to cut."""

    test_folds: tuple[str, ...] = ()
    """Official folds that are the test set; numbers are taken as their names. Leave it empty for a
    set without folds, or with one published split, whose folds are called "train" and "test": its
    "test" is the test set."""
    test_fraction: float = Field(default=0.25, gt=0, le=0.5)
    """Share of the clips that is the test set where there are no test folds. A smaller test leaves
    more to train on, and tells less."""
    search_val_fraction: float = Field(default=0.2, gt=0, le=0.5)
    """Share of the remaining clips that steers the search, cut by group. More of it leaves less
    to train the supernet on; less of it tells networks apart badly, as the 60 clips of ESC-10 do.
    """

    @field_validator("test_folds", mode="before")
    @classmethod
    def _as_names(cls, value: Any) -> Any:
        if isinstance(value, (str, int)):
            value = (value,)
        return tuple(str(fold) for fold in value) if isinstance(value, (list, tuple)) else value


def assign_roles(manifest: Manifest, config: SplitConfig, seed: int) -> Manifest:
    """Return the manifest with every clip's role set.

    Test is the test folds or, if there are none, a cut by group with about the same share of each
    class; search-val is such a cut of the rest. With test folds, a clip that is in no fold is
    unused, as published, and its role is empty. A clip without a group is a group of its own. The
    same manifest, settings and seed give the same roles. Published folds are taken as they are,
    even where a group stands in two of them.

    Raises
    ------
    UsageError
        If a named fold does not exist.
    AscNasError
        If a group is in and outside test folds that are not published ones, or a class has too few
        groups to stand on every side.
    """
    test_folds = config.test_folds or published_test_folds(manifest)
    if test_folds:
        test = _clips_of_folds(manifest, test_folds)
        used = [number for number, clip in enumerate(manifest.clips) if clip.fold]
        _check_classes(manifest, used)
    else:
        used = list(range(len(manifest.clips)))
        _check_classes(manifest, used)
        test = _cut(manifest, used, config.test_fraction, "test", seed)
    rest = [number for number in used if number not in test]
    if not rest:
        raise AscNasError(
            f"{manifest.name}: every clip is in the test fold{'s' * (len(test_folds) > 1)} "
            f"{', '.join(test_folds)}, so nothing is left to train on; use it for testing only."
        )
    search_val = _cut(manifest, rest, config.search_val_fraction, "search_val", seed)
    roles = dict.fromkeys(rest, "train")
    roles.update(dict.fromkeys(test, "test"))
    roles.update(dict.fromkeys(search_val, "search_val"))
    return manifest.with_clips(
        [replace(clip, role=roles.get(number, "")) for number, clip in enumerate(manifest.clips)]
    )


def assign_training_roles(manifest: Manifest, config: SplitConfig, seed: int) -> Manifest:
    """Return the manifest with every clip of a fold in train or search-val, and none in test.

    For a model to ship, whose quality is known from a cross-validation. A clip in no fold is
    unused.

    Raises
    ------
    AscNasError
        As `assign_roles`.
    """
    used = [number for number, clip in enumerate(manifest.clips) if clip.fold]
    _check_classes(manifest, used)
    search_val = _cut(manifest, used, config.search_val_fraction, "search_val", seed)
    roles = dict.fromkeys(used, "train") | dict.fromkeys(search_val, "search_val")
    return manifest.with_clips(
        [replace(clip, role=roles.get(number, "")) for number, clip in enumerate(manifest.clips)]
    )


def published_test_folds(manifest: Manifest) -> tuple[str, ...]:
    """Return ``("test",)`` if that is a fold and the only others are ``"train"`` and none."""
    folds = {clip.fold for clip in manifest.clips} - {"", TRAIN_FOLD}
    return (TEST_FOLD,) if folds == {TEST_FOLD} else ()


def _group(clip: Clip) -> str:
    return clip.group or f"clip {clip.key}"


def _check_classes(manifest: Manifest, used: Sequence[int]) -> None:
    clips_of = Counter(manifest.clips[number].label for number in used)
    for label in manifest.labels:
        if clips_of[label] < 2:
            raise AscNasError(
                f"{manifest.name}: the class '{label}' has {clips_of[label] or 'no'} clip"
                f"{'' if clips_of[label] else 's'}; record more of it or remove the class."
            )


def _clips_of_folds(manifest: Manifest, test_folds: Sequence[str]) -> set[int]:
    folds = sorted({clip.fold for clip in manifest.clips} - {""})
    for fold in test_folds:
        if fold not in folds:
            raise UsageError(
                f"{manifest.name}: no fold '{fold}'.{closest(fold, folds)} "
                f"Folds: {', '.join(folds) or 'none'}."
            )
    test = {number for number, clip in enumerate(manifest.clips) if clip.fold in test_folds}
    if manifest.published_folds:
        return test
    rest = {
        _group(clip): clip for n, clip in enumerate(manifest.clips) if clip.fold and n not in test
    }
    for number in sorted(test):
        clip = manifest.clips[number]
        if other := rest.get(_group(clip)):
            raise AscNasError(
                f"{manifest.name}: the group '{_group(clip)}' is in the test fold '{clip.fold}' "
                f"({clip.path}) and in fold '{other.fold}' ({other.path}); put all its clips into "
                "one fold."
            )
    return test


def _cut(
    manifest: Manifest, numbers: Iterable[int], fraction: float, name: str, seed: int
) -> set[int]:
    """Return those of the clips `numbers` that make up about `fraction`, by whole groups."""
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    chosen = np.array(list(numbers), dtype=np.int64)
    clips = [manifest.clips[number] for number in chosen]
    _check_groups(manifest, clips, name)
    labels = [manifest.label_index(clip) for clip in clips]
    groups = [_group(clip) for clip in clips]
    most = min(len(set(groups)), int(np.bincount(labels).max()))
    wanted = max(2, min(round(1 / fraction), most))
    alone = len(set(groups)) == len(groups)  # the faster cutter gives as good a cut then
    cutter = StratifiedKFold if alone else StratifiedGroupKFold
    for parts in range(wanted, 1, -1):  # fewer, larger parts miss fewer classes
        for draw in range(MAX_DRAWS):
            state = derived_seed(seed, "split", name, parts, draw)
            folds = cutter(parts, shuffle=True, random_state=state)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of a class with fewer clips than parts
                cuts = [outer for _, outer in folds.split(groups, labels, groups)]
            part = _fairest(cuts, np.array(labels), fraction)
            if part is not None:
                return set(chosen[part].tolist())
    raise AscNasError(
        f"{manifest.name}: no cut by group found that puts every class on both sides of {name}; "
        f"classes with the fewest groups: {_fewest(clips)}. Record more groups of them, or change "
        "the fractions."
    )


def _fairest(
    cuts: list[NDArray[np.int64]], labels: NDArray[np.int64], fraction: float
) -> NDArray[np.int64] | None:
    """Return the cut nearest to `fraction` of each class that has every class on both sides."""
    clips_of = np.bincount(labels)
    present = clips_of > 0
    best, best_distance = None, np.inf
    for cut in cuts:
        counts = np.bincount(labels[cut], minlength=len(clips_of))
        both = (counts > 0) & (counts < clips_of)
        distance = float(np.abs(counts - fraction * clips_of).sum())
        if both[present].all() and distance < best_distance:
            best, best_distance = cut, distance
    return best


def _check_groups(manifest: Manifest, clips: Sequence[Clip], name: str) -> None:
    """Raise unless every class has two groups among `clips`, to be cut into two sides."""
    groups_of = _groups_by_label(clips)
    for label in manifest.labels:
        count = len(groups_of[label])
        if count < 2:
            raise AscNasError(
                f"{manifest.name}: the class '{label}' has {count} group{'s' * (count != 1)} of "
                f"recordings left to cut {name} from, and 2 are needed; record more of it, give "
                "its recordings finer groups, or remove the class."
            )


def _groups_by_label(clips: Sequence[Clip]) -> dict[str, set[str]]:
    groups_of: dict[str, set[str]] = defaultdict(set)
    for clip in clips:
        groups_of[clip.label].add(_group(clip))
    return groups_of


def _fewest(clips: Sequence[Clip]) -> str:
    groups_of = _groups_by_label(clips)
    fewest = sorted(groups_of, key=lambda label: (len(groups_of[label]), label))[:3]
    return ", ".join(f"'{label}' ({len(groups_of[label])})" for label in fewest)
