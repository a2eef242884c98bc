"""Metrics of clip decisions."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

SMALLEST_PROBABILITY = 1e-12
"""What a probability of 0 counts as in the log loss."""


@dataclass(frozen=True)
class Scores:
    """How well a network does on a set of clips.

    Attributes
    ----------
    accuracy, macro_f1 : float, 0 to 1
    log_loss : float, nats; NaN where only decisions are known
    per_class : F1 of each label
    confusion : counts, true label by decided label
    """

    accuracy: float
    macro_f1: float
    log_loss: float
    per_class: dict[str, float]
    confusion: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Decisions:
    """What was decided about a set of clips.

    Attributes
    ----------
    decided, targets : (clips,) int64
        Positions in `labels`.
    losses : (clips,) float64, nats, or None
        Negative log probability of each clip's true label; None where only decisions are known.
    labels : tuple of str
    """

    decided: NDArray[np.int64]
    targets: NDArray[np.int64]
    losses: NDArray[np.float64] | None
    labels: tuple[str, ...]

    @classmethod
    def of_posteriors(
        cls,
        posteriors: NDArray[np.floating],
        targets: NDArray[np.int64],
        labels: tuple[str, ...],
        decided: NDArray[np.int64] | None = None,
    ) -> "Decisions":
        """Decide for the most probable label of posteriors (clips, classes), or as `decided`."""
        chosen = posteriors[np.arange(len(targets)), targets]
        losses = -np.log(np.maximum(chosen, SMALLEST_PROBABILITY)).astype(np.float64)
        return cls(posteriors.argmax(1) if decided is None else decided, targets, losses, labels)

    def __len__(self) -> int:
        return len(self.targets)

    def where(self, mask: NDArray[np.bool_]) -> "Decisions":
        """Return the clips for which `mask` (clips,) is true."""
        losses = None if self.losses is None else self.losses[mask]
        return replace(self, decided=self.decided[mask], targets=self.targets[mask], losses=losses)

    def confusion(self) -> NDArray[np.int64]:
        """Return the counts (classes, classes), true label by decided label."""
        classes = len(self.labels)
        counts = np.bincount(self.targets * classes + self.decided, minlength=classes**2)
        return counts.reshape(classes, classes)

    def scores(self) -> Scores:
        """Score the decisions; see `score`."""
        confusion = self.confusion()
        hits = confusion.diagonal()
        f1 = f1_scores(hits, confusion.sum(1), confusion.sum(0))
        return Scores(
            accuracy=float(hits.sum() / len(self)),
            macro_f1=float(f1.mean()),
            log_loss=float("nan") if self.losses is None else float(self.losses.mean()),
            per_class={label: float(value) for label, value in zip(self.labels, f1, strict=True)},
            confusion=tuple(tuple(int(n) for n in row) for row in confusion),
        )


def score(
    posteriors: NDArray[np.floating], targets: NDArray[np.int64], labels: tuple[str, ...]
) -> Scores:
    """Score clip posteriors (clips, classes) against targets (clips,).

    F1 of a class is 2 TP / (2 TP + FP + FN), and 0 where a class is neither present nor decided;
    macro-F1 is its mean over all `labels`.
    """
    return Decisions.of_posteriors(posteriors, targets, labels).scores()


def f1_scores(
    hits: NDArray[np.number], present: NDArray[np.number], decided: NDArray[np.number]
) -> NDArray[np.float64]:
    """Return the F1 of each class from its counts, all of one shape (..., classes)."""
    return 2 * hits / np.maximum(present + decided, 1)


def partial_macro_f1(
    hits: NDArray[np.number],
    present: NDArray[np.number],
    decided: NDArray[np.number],
    present_in_all: NDArray[np.number],
) -> NDArray[np.float64]:
    """Return the macro-F1 (...) of parts of a set, from counts (..., classes).

    A class that has clips in the whole set (`present_in_all`, (classes,)) but none in a part has no
    F1 there and is left out of that part's mean: counted as 0, it would pull down even a faultless
    classifier. Of the whole set this is the macro-F1 of `score`.
    """
    counted = (present > 0) | (present_in_all == 0)
    total = np.where(counted, f1_scores(hits, present, decided), 0.0).sum(-1)
    return total / counted.sum(-1)
