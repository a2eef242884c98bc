"""Whether a network is better than others: every test clip against itself, over folds and seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean

from asc_nas.core.progress import Progress, unheard
from asc_nas.evaluation.intervals import mean_interval
from asc_nas.run.crossval_summary import Difference, Row
from asc_nas.run.network_folder import NetworkFolder
from asc_nas.training.trainer import posteriors


@dataclass(frozen=True)
class FoldTraining:
    """A trained network, with its row in a cross-validation."""

    row: Row
    folder: NetworkFolder

    @property
    def place(self) -> tuple[str, int]:
        """The fold that it was tested on, and its seed."""
        return self.row.fold, self.row.seed


Hits = Mapping[tuple[str, int], Mapping[str, bool]]
"""By fold and seed: of every test clip, whether a network knows it."""


def hits_of(tested: Sequence[FoldTraining], progress: Progress = unheard) -> Hits:
    """Return what the trainings of one network know."""
    found = {}
    for number, one in enumerate(tested, start=1):
        found[one.place] = _hits(one.folder)
        progress(number, len(tested), one.row.network)
    return found


def groups_of(tested: Sequence[FoldTraining]) -> dict[str, str]:
    """Return the group of every clip; a clip without one is one itself."""
    runs = {one.row.fold: one.folder.run for one in tested}
    clips = [clip for run in runs.values() for clip in run.manifest.with_role("test")]
    return {clip.key: clip.group or clip.key for clip in clips}


def difference(
    names: tuple[str, str], first: Hits, second: Hits, groups: Mapping[str, str]
) -> Difference | None:
    """Return the difference on the folds and seeds that both have; None if there are none.

    Parameters
    ----------
    names : of both networks
    groups : by clip
    """
    common = sorted(first.keys() & second.keys())
    if not common:
        return None
    by_clip: dict[str, list[int]] = {}
    for place in common:
        for key, known in first[place].items():
            by_clip.setdefault(key, []).append(int(known) - int(second[place][key]))
    values, members = [mean(own) for own in by_clip.values()], [groups[key] for key in by_clip]
    return Difference(
        network=names[0],
        against=names[1],
        accuracy=mean(values),
        interval=mean_interval(values, members),
        clips=len(values),
        groups=len(set(members)),
        trainings=len(common),
    )


def differences(tested: Sequence[FoldTraining], progress: Progress = unheard) -> list[Difference]:
    """Return the differences of the first network from each other.

    A network whose weights were removed is left out.
    """
    by_name: dict[str, list[FoldTraining]] = {}
    for one in tested:
        by_name.setdefault(one.row.network, []).append(one)
    there = {name: own for name, own in by_name.items() if all(one.folder.has() for one in own)}
    first = next(iter(by_name))
    if first not in there or len(there) < 2:
        return []
    groups, hits = groups_of(by_name[first]), {}
    for number, (name, own) in enumerate(there.items(), start=1):
        hits[name] = hits_of(own)
        progress(number, len(there), name)
    found = [difference((first, name), hits[first], hits[name], groups) for name in there]
    return [one for one in found[1:] if one is not None]


def _hits(folder: NetworkFolder) -> dict[str, bool]:
    run = folder.run
    test = run.examples("test", frontend=run.frontend(folder.genotype))
    decided = test.clip_posteriors(posteriors(folder.load(), test).numpy()).argmax(1)
    known = (decided == test.clip_targets).tolist()
    return dict(zip(test.clip_keys, known, strict=True))
