"""Whether a network is better than others: every test clip against itself, over folds and seeds.

A result tells what was decided for each clip. Those of earlier versions do not: their networks are
asked again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean

from asc_nas.core.progress import Progress, unheard
from asc_nas.evaluation.intervals import mean_interval
from asc_nas.evaluation.result import Result
from asc_nas.run.crossval_summary import Difference, Row
from asc_nas.run.folder import RunFolder
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


def groups_of(runs: Iterable[RunFolder]) -> dict[str, str]:
    """Return the group of every test clip; a clip without one is one itself."""
    clips = [clip for run in runs for clip in run.manifest.with_role("test")]
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

    A network is left out if its results do not tell what was decided, and its weights were removed.
    """
    by_name: dict[str, list[FoldTraining]] = {}
    for one in tested:
        by_name.setdefault(one.row.network, []).append(one)
    there = {name: own for name, own in by_name.items() if all(_tells(one.folder) for one in own)}
    first = next(iter(by_name))
    if first not in there or len(there) < 2:
        return []
    groups, hits = groups_of(one.folder.run for one in by_name[first]), {}
    for number, (name, own) in enumerate(there.items(), start=1):
        hits[name] = hits_of(own)
        progress(number, len(there), name)
    found = [difference((first, name), hits[first], hits[name], groups) for name in there]
    return [one for one in found[1:] if one is not None]


def on_test(
    run: RunFolder, names: tuple[str, str], first: Result, second: Result
) -> Difference | None:
    """Return the difference of two networks of a run on its test; None if it is not known.

    Parameters
    ----------
    names : of both networks
    """
    own, other = _told(run, first), _told(run, second)
    if own is None or other is None:
        return None
    place = "", first.seed
    return difference(names, {place: own}, {place: other}, groups_of([run]))


def _tells(folder: NetworkFolder) -> bool:
    """Return whether it can be known what a network knows."""
    result = folder.result()
    return folder.has() or (result is not None and _told(folder.run, result) is not None)


def _hits(folder: NetworkFolder) -> Mapping[str, bool]:
    result = folder.result()
    told = None if result is None else _told(folder.run, result)
    return _asked(folder) if told is None else told


def _told(run: RunFolder, result: Result) -> Mapping[str, bool] | None:
    """Return which test clips a network knows, as its result tells; None if it does not."""
    clips, labels = run.readable("test"), run.manifest.labels
    if result.decided is None or len(result.decided) != len(clips):
        return None
    decided = zip(clips, result.decided, strict=True)
    return {clip.key: clip.label == labels[place] for clip, place in decided}


def _asked(folder: NetworkFolder) -> Mapping[str, bool]:
    """Return which test clips a network knows, which it is asked for."""
    run = folder.run
    test = run.examples("test", frontend=run.frontend(folder.genotype))
    decided = test.clip_posteriors(posteriors(folder.load(), test).numpy()).argmax(1)
    known = (decided == test.clip_targets).tolist()
    return dict(zip(test.clip_keys, known, strict=True))
