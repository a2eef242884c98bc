"""Which recordings were made together, guessed from folders and file names.

Recordings of one place and time sound alike beyond their scene. With some of them in training and
others in the test, the score says how well the place was learnt, not the scene.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import ceil
from pathlib import PurePosixPath

from asc_nas.data.manifest import Clip, Manifest

MIN_GROUPS = 3
"""Groups that every class needs: one each for training, search-val and test."""
MIN_TOGETHER = 0.2
"""Share of the recordings that must share group and class for a guess to mean anything."""
BLOCKS = 8
"""Blocks of time that the recordings of a class are cut into where they are too few."""
GAP_SECONDS = 10.0
"""What is left out between two blocks, at most."""
MOST_PARTS = 4
"""Parts that are taken off the end of a name at most."""
_SEPARATORS = re.compile(r"[-_. ]+")


@dataclass(frozen=True)
class Grouping:
    """A guess: the group of every recording, in the order given, and where it comes from."""

    groups: tuple[str, ...]
    source: str

    @property
    def count(self) -> int:
        """Number of groups."""
        return len(set(self.groups))


def guess_groups(paths: Sequence[str], labels: Sequence[str]) -> Grouping | None:
    """Return the finest grouping that joins recordings and leaves every class enough groups.

    Looked at are folders below the class folder, then file names, from whose end one to four parts
    are taken (``site3_day2_001`` gives ``site3_day2``, then ``site3``). Groups of the same name in
    two classes are one group.

    Parameters
    ----------
    paths : relative paths with forward slashes, ``label/.../name.ending``
    labels : the class of each

    Returns
    -------
    Grouping or None
        None where neither folders nor names join anything.
    """
    for source, groups in _candidates([PurePosixPath(path) for path in paths]):
        if _means_something(groups, labels):
            return Grouping(tuple(groups), source)
    return None


def _candidates(paths: Sequence[PurePosixPath]) -> Iterator[tuple[str, list[str]]]:
    deepest = max(len(path.parts) for path in paths) - 2
    for depth in range(deepest, 0, -1):
        # A recording that lies higher up is a group of its own, under its whole path.
        groups = [
            "/".join(path.parts[1 : 1 + depth]) if len(path.parts) - 2 >= depth else str(path)
            for path in paths
        ]
        yield "folders below the class folders", groups
    ends = [[match.start() for match in _SEPARATORS.finditer(path.stem)] for path in paths]
    for off in range(1, MOST_PARTS + 1):
        groups = [
            path.stem[: places[-off]] if len(places) >= off else str(path)
            for places, path in zip(ends, paths, strict=True)
        ]
        yield f"file names without their last {'part' if off == 1 else f'{off} parts'}", groups


def _means_something(groups: Sequence[str], labels: Sequence[str]) -> bool:
    # Within a class: files that are called 1, 2, 3 in every class are no sessions.
    sizes = Counter(zip(groups, labels, strict=True))
    together = sum(size for size in sizes.values() if size > 1)
    groups_of: dict[str, set[str]] = defaultdict(set)
    for group, label in zip(groups, labels, strict=True):
        groups_of[label].add(group)
    enough = min(map(len, groups_of.values())) >= MIN_GROUPS
    return enough and together >= MIN_TOGETHER * len(groups)


def in_blocks(manifest: Manifest) -> tuple[Manifest, tuple[str, ...]]:
    """Cut long recordings into groups by time where a class has too few groups to be divided.

    Between two blocks of a recording clips are left out. Still, blocks of one recording are alike:
    a test on them is easier than one in another place.

    Parameters
    ----------
    manifest : with long recordings cut into clips

    Returns
    -------
    The manifest, and the classes whose recordings were cut into blocks.
    """
    kept: dict[str, str] = {clip.key: clip.group for clip in manifest.clips}
    labels = []
    for label in manifest.labels:
        recordings: dict[str, list[Clip]] = defaultdict(list)
        for clip in manifest.clips:
            if clip.label == label:
                recordings[clip.path].append(clip)
        groups = len({clip.group for clips in recordings.values() for clip in clips})
        if groups >= MIN_GROUPS or groups < len(recordings):  # enough, or joined by somebody
            continue
        blocks = [_blocks(clips, ceil(BLOCKS / groups)) for clips in recordings.values()]
        if sum(map(len, blocks)) < MIN_GROUPS:
            continue
        labels.append(label)
        for clips, of_recording in zip(recordings.values(), blocks, strict=True):
            for clip in clips:
                del kept[clip.key]
            for number, block in enumerate(of_recording, start=1):
                kept |= {clip.key: f"{clip.group}#{number}" for clip in block}
    clips = [replace(c, group=kept[c.key]) for c in manifest.clips if c.key in kept]
    return manifest.with_clips(clips), tuple(labels)


def _blocks(clips: Sequence[Clip], wanted: int) -> list[Sequence[Clip]]:
    """Return blocks of about equal length of a recording's clips, with clips left out between."""
    total, seconds = len(clips), max(clip.duration for clip in clips) or GAP_SECONDS
    gap = max(1, min(ceil(GAP_SECONDS / seconds), total // (4 * wanted)))
    count = min(wanted, (total + gap) // (1 + gap))
    used = total - gap * (count - 1)
    ends = [used * number // count for number in range(count + 1)]
    return [clips[ends[i] + i * gap : ends[i + 1] + i * gap] for i in range(count)]
