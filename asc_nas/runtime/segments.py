"""Segments of a timeline: which scene holds from when to when."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from asc_nas.runtime.timeline import Step, TimelineConfig

UNKNOWN: Final = "unknown"
"""The label where no scene is as probable as `TimelineConfig.min_confidence`."""
NONE: Final = "none of these"
"""The label of sounds that the model rejects. A class of this name, trained with recordings of
other sounds, means the same."""
SILENT: Final = "silent"
"""The label of windows whose level is below `TimelineConfig.silence`."""
NO_SCENE: Final = frozenset((UNKNOWN, NONE, SILENT))
_ROUNDING = 1e-6  # seconds


def outcomes(labels: tuple[str, ...]) -> tuple[str, ...]:
    """Return what a window can be: a label of the card, "none of these" or "silent".

    A window that is rejected or silent has all its probability there, so that averages over windows
    tell which share of the time it was, and the largest one decides, as among the labels.
    """
    return tuple(dict.fromkeys((*labels, NONE, SILENT)))


@dataclass(frozen=True)
class Segment:
    """A stretch of one scene.

    Attributes
    ----------
    start, end : float
        Seconds from the beginning of the recording.
    label : str
        A label of the card, "none of these", "silent" or "unknown".
    probability : float
        Mean probability of the label over the stretch; where the label is "unknown", that of the
        most probable label.
    """

    start: float
    end: float
    label: str
    probability: float


class Segmenter:
    """Makes segments of steps, as `merge` and `min_confidence` of the settings say.

    A label that does not hold for `merge` seconds at the beginning of a recording takes that of
    the first that does; if none does, the whole is one segment of its most probable label.

    Parameters
    ----------
    labels : tuple of str
        In the order of the posteriors: the `outcomes` of a card's labels.
    """

    def __init__(self, labels: tuple[str, ...], config: TimelineConfig) -> None:
        self._labels, self._config = labels, config
        self._lead: _Run | None = None  # the beginning, while no label has held for long enough
        self._current: _Run | None = None  # the segment that goes on
        self._other: _Run | None = None  # another label after it, not yet for long enough

    def push(self, step: Step) -> list[Segment]:
        """Add a step; return the segments that are final now."""
        run = _Run(step.start, step.end, step.posterior, self._decide(step.posterior))
        if self._config.merge is None:
            return [self._segment(run)]
        if self._other is not None and self._other.label == run.label:
            run = self._other.joined(run)
        else:
            self._absorb_other()
        self._other = None
        if self._current is not None and self._current.label == run.label:
            self._current = self._current.joined(run)
            return []
        if run.seconds < self._config.merge - _ROUNDING:
            self._other = run
            return []
        before, self._current = self._current, run
        if self._lead is not None:
            self._current, self._lead = run.joined(self._lead), None
        return [] if before is None else [self._segment(before)]

    def finish(self) -> list[Segment]:
        """Return the last segment, if there was any step."""
        self._absorb_other()
        if self._lead is not None:
            self._lead.label = self._decide(self._lead.posterior)
        last = self._current or self._lead
        self._lead = self._current = self._other = None
        return [] if last is None else [self._segment(last)]

    def _absorb_other(self) -> None:
        other = self._other
        if other is None:
            return
        if self._current is not None:
            self._current = self._current.joined(other)
        else:
            self._lead = other if self._lead is None else self._lead.joined(other)

    def _decide(self, posterior: NDArray[np.float64]) -> int | None:
        return decide(posterior, self._config.min_confidence)

    def _segment(self, run: "_Run") -> Segment:
        label, probability = answer(self._labels, run.posterior, run.label)
        return Segment(run.start, run.end, label, probability)


def decide(posterior: NDArray[np.float64], min_confidence: float) -> int | None:
    """Return the place of the largest of (classes,) probabilities, or None if that is too small."""
    best = int(posterior.argmax())
    return best if posterior[best] >= min_confidence else None


def answer(
    labels: tuple[str, ...], posterior: NDArray[np.float64], decided: int | None
) -> tuple[str, float]:
    """Return the decided label and its probability; of "unknown", the largest probability."""
    if decided is None:
        return UNKNOWN, float(posterior.max())
    return labels[decided], float(posterior[decided])


@dataclass(eq=False)
class _Run:
    """Steps in a row: their mean posterior (classes,), and a label or None for unknown."""

    start: float
    end: float
    posterior: NDArray[np.float64]
    label: int | None

    @property
    def seconds(self) -> float:
        return self.end - self.start

    def joined(self, other: "_Run") -> "_Run":
        """Return both, with this one's label."""
        weight = other.seconds / (self.seconds + other.seconds)
        posterior = self.posterior + (other.posterior - self.posterior) * weight
        return _Run(min(self.start, other.start), max(self.end, other.end), posterior, self.label)
