"""Checks that need no audio: groups on two sides, classes with too little, unequal classes."""

from collections import defaultdict
from collections.abc import Iterator

from asc_nas.data.manifest import Clip, Manifest
from data_prep.checks.findings import Finding

FEWEST_GROUPS = 2
FEW_GROUPS = 4
"""Below it, the outcome hangs on which group happens to be where."""
UNEQUAL = 10
"""Largest class over smallest class from which a classifier tends to forget the small one."""


def group_of(clip: Clip) -> str:
    """Return the clip's group; without one it is a group of its own."""
    return clip.group or f"clip {clip.key}"


def leaks(manifest: Manifest) -> Iterator[Finding]:
    """Find groups that stand in more than one fold or role; clips without one take no side.

    Published folds stay as they are, so that in them, and in roles cut from them, it is a warning.
    """
    published = manifest.published_folds
    for side in ("fold", "role"):
        first: dict[str, dict[str, Clip]] = defaultdict(dict)
        for clip in manifest.clips:
            if clip.group and (where := getattr(clip, side)):
                first[clip.group].setdefault(where, clip)
        for group, clips in first.items():
            if len(clips) > 1:
                shown = ", ".join(f"'{where}' ({clip.key})" for where, clip in clips.items())
                advice = (
                    "they are used as published, so that training hears what is tested."
                    if published
                    else f"put all its clips into one {side}, or exclude some."
                )
                yield Finding(
                    check="leak",
                    severity="warning" if published else "error",
                    message=f"the group '{group}' is in {len(clips)} {side}s: {shown}; {advice}",
                    group=group,
                )


def labels(manifest: Manifest) -> Iterator[Finding]:
    """Find classes without a name, without clips, or with too few groups to be split."""
    groups: dict[str, set[str]] = {label: set() for label in manifest.labels}
    clips = dict.fromkeys(manifest.labels, 0)
    for clip in manifest.clips:
        groups[clip.label].add(group_of(clip))
        clips[clip.label] += 1
    for label in manifest.labels:
        count, independent = clips[label], len(groups[label])
        if not label.strip():
            message = f"{count} clips have no label; label them."
            yield Finding(check="label", severity="error", message=message, label=label)
        elif count < 2:
            yield Finding(
                check="label",
                severity="error",
                message=f"the class '{label}' has {count or 'no'} clip{'s' * (not count)}; record "
                "more of it, or remove the class.",
                label=label,
            )
        elif independent < FEW_GROUPS:
            bad = independent < FEWEST_GROUPS
            yield Finding(
                check="label",
                severity="error" if bad else "warning",
                message=f"the {count} clips of '{label}' come from {independent} "
                f"group{'s' * (independent > 1)} of recordings, "
                + (
                    f"and {FEWEST_GROUPS} are needed to train and to test; "
                    if bad
                    else "so that its scores hang on which is tested; "
                )
                + "record more of it, or give its recordings finer groups.",
                label=label,
            )


def imbalance(manifest: Manifest) -> Iterator[Finding]:
    """Find that the largest class has more than ten times the clips of the smallest."""
    clips = dict.fromkeys(manifest.labels, 0)
    for clip in manifest.clips:
        clips[clip.label] += 1
    present = {label: count for label, count in clips.items() if count}
    if not present:
        return
    small, large = min(present, key=present.__getitem__), max(present, key=present.__getitem__)
    if present[large] > UNEQUAL * present[small]:
        yield Finding(
            check="imbalance",
            severity="warning",
            message=f"'{large}' has {present[large]} clips, '{small}' has {present[small]} "
            f"({present[large] / present[small]:.0f} times fewer); record more of the small class, "
            "and judge by macro-F1, not by accuracy.",
            label=small,
        )
