"""What networks that were adapted to recording devices gain over the general one, on test."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asc_nas.data.examples import Examples
from asc_nas.evaluation.gain import Adapted, Compared, ComparedRecorder
from asc_nas.evaluation.intervals import Interval, bootstrap
from asc_nas.evaluation.scores import Decisions
from asc_nas.run.folder import RunFolder
from asc_nas.run.network_folder import NetworkFolder
from asc_nas.training.trainer import posteriors


@dataclass(frozen=True)
class _Judge:
    """The test clips, and what networks say of them."""

    run: RunFolder
    examples: Examples
    groups: NDArray[np.str_] = field(repr=False)

    def posteriors(self, folder: NetworkFolder, chosen: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return what a network says of chosen clips, (chosen, classes)."""
        part = self.examples.of_clips(chosen)
        return part.clip_posteriors(posteriors(folder.load(), part).numpy())

    def accuracy(
        self, said: NDArray[np.float64], where: NDArray[np.bool_]
    ) -> tuple[float, Interval | None]:
        """Return the accuracy of what is said of all clips, on some of them, with its interval."""
        labels = self.run.manifest.labels
        decisions = Decisions.of_posteriors(said, self.examples.clip_targets, labels).where(where)
        intervals = bootstrap(decisions, self.groups[where].tolist())
        return decisions.scores().accuracy, None if intervals is None else intervals.accuracy


def compared(
    general: NetworkFolder, adapted: Mapping[str, NetworkFolder], seen: Sequence[str] = ()
) -> Adapted:
    """Compare a network with those that were adapted to recording devices, on the test clips.

    Parameters
    ----------
    adapted : by recording device
    seen : recording devices that training heard
    """
    run = general.run
    examples = run.examples("test", frontend=run.frontend(general.genotype))
    by_key = {clip.key: clip for clip in run.manifest.with_role("test")}
    groups = np.array([by_key[key].group or key for key in examples.clip_keys], dtype=np.str_)
    names = np.array(examples.recorders, dtype=np.str_)
    judge = _Judge(run, examples, groups)
    everything = np.arange(examples.num_clips)
    without = judge.posteriors(general, everything)
    said = without.copy()
    for name, folder in adapted.items():
        here = np.flatnonzero(names == name)
        if len(here):
            said[here] = judge.posteriors(folder, here)

    def scores(where: NDArray[np.bool_], own: bool) -> dict[str, Any]:
        before, interval = judge.accuracy(without, where)
        told: dict[str, Any] = {
            "clips": int(where.sum()),
            "general": before,
            "general_interval": interval,
        }
        if own:
            told["adapted"], told["adapted_interval"] = judge.accuracy(said, where)
        return told

    return Adapted(
        network=general.argument,
        genotype=str(general.genotype),
        seed=general.seed,
        data=run.manifest.name,
        adapted_to=list(adapted),
        without_clips=[name for name in adapted if name not in names],
        test_clips_left_out=len(by_key) - examples.num_clips,
        total=Compared.model_validate(scores(np.ones(len(names), dtype=np.bool_), own=True)),
        recorders=[
            ComparedRecorder.model_validate(
                {
                    "recorder": name,
                    "seen": name in seen if name else None,
                    **scores(names == name, name in adapted),
                }
            )
            for name in np.unique(names).tolist()
        ],
    )
