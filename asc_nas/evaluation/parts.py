"""Scores of the parts of a set: per device, and for devices that training heard or did not hear."""

import math
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asc_nas.evaluation.intervals import Intervals, bootstrap
from asc_nas.evaluation.scores import Decisions, Scores, partial_macro_f1

TOLD_OF_SEEN = {True: "seen", False: "unseen", None: ""}
"""Whether training heard a recording device, as tables have it."""


@dataclass(frozen=True)
class Part:
    """The clips of one device, or of all seen or unseen devices.

    Attributes
    ----------
    name : str
        The device, or ``"seen"`` or ``"unseen"``.
    seen : bool or None
        Whether training heard the device; None if that is not known.
    clips : int
    accuracy, macro_f1 : float, 0 to 1
        macro-F1 over the classes that have clips in this part.
    log_loss : float, nats; NaN where only decisions are known
    """

    name: str
    seen: bool | None
    clips: int
    accuracy: float
    macro_f1: float
    log_loss: float


@dataclass(frozen=True)
class ScoreReport:
    """Everything that is reported of a set of clips."""

    scores: Scores
    intervals: Intervals | None
    clips_of: dict[str, int]
    devices: tuple[Part, ...]
    seen_and_unseen: tuple[Part, ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain data; a log loss that is not known is None."""
        plain = asdict(self.scores)
        plain["clips"] = sum(self.clips_of.values())
        plain["clips_per_class"] = self.clips_of
        plain["intervals"] = None if self.intervals is None else self.intervals.to_json()
        plain["devices"] = [asdict(part) for part in self.devices]
        plain["seen_and_unseen"] = [asdict(part) for part in self.seen_and_unseen]
        for scores in (plain, *plain["devices"], *plain["seen_and_unseen"]):
            if math.isnan(scores["log_loss"]):
                scores["log_loss"] = None
        return plain


def score_clips(
    decisions: Decisions,
    groups: Sequence[str],
    devices: Sequence[str],
    seen: Collection[str] | None,
    *,
    seed: int = 0,
) -> ScoreReport:
    """Score clips as a whole, with intervals by group, per class and per device.

    Parameters
    ----------
    groups, devices : one per clip
        An empty device is unknown, and in no part.
    seen : the devices that training heard, or None if that is not known
    """
    counts = np.bincount(decisions.targets, minlength=len(decisions.labels))
    return ScoreReport(
        scores=decisions.scores(),
        intervals=bootstrap(decisions, groups, seed=seed),
        clips_of=dict(zip(decisions.labels, counts.tolist(), strict=True)),
        devices=by_device(decisions, devices, seen),
        seen_and_unseen=() if seen is None else by_seen(decisions, devices, seen),
    )


def by_device(
    decisions: Decisions, devices: Sequence[str], seen: Collection[str] | None
) -> tuple[Part, ...]:
    """Return the scores of each device, in the order of their names."""
    names = np.asarray(devices, dtype=np.str_)
    return tuple(
        _part(decisions, names == name, name, None if seen is None else name in seen)
        for name in sorted(set(devices) - {""})
    )


def by_seen(
    decisions: Decisions, devices: Sequence[str], seen: Collection[str]
) -> tuple[Part, ...]:
    """Return the scores of the clips of all seen and of all unseen devices, where there are any."""
    known = np.array([device in seen for device in devices], dtype=np.bool_)
    named = np.array([device != "" for device in devices], dtype=np.bool_)
    masks = {"seen": known & named, "unseen": ~known & named}
    return tuple(
        _part(decisions, mask, name, name == "seen") for name, mask in masks.items() if mask.any()
    )


def _part(decisions: Decisions, mask: NDArray[np.bool_], name: str, seen: bool | None) -> Part:
    part = decisions.where(mask)
    scores, confusion = part.scores(), part.confusion()
    macro_f1 = partial_macro_f1(
        confusion.diagonal(), confusion.sum(1), confusion.sum(0), decisions.confusion().sum(1)
    )
    return Part(name, seen, len(part), scores.accuracy, float(macro_f1), scores.log_loss)
