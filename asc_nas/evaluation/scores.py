"""Metrics of clip decisions."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from asc_nas.core.errors import AscNasError

SMALLEST_PROBABILITY = 1e-12
"""What a probability of 0 counts as in the log loss."""


@dataclass(frozen=True)
class Scores:
    """How well a network does on a set of clips.

    Attributes
    ----------
    accuracy, macro_f1 : float, 0 to 1
        macro-F1 is the mean over the labels that have an F1.
    log_loss : float, nats; NaN where only decisions are known
    per_class : F1 of each label; None of one that no clip has and none was decided for
    confusion : counts, true label by decided label
    """

    accuracy: float
    macro_f1: float
    log_loss: float
    per_class: dict[str, float | None]
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
        """Decide for the most probable label of posteriors (clips, classes), or as `decided`.

        Raises
        ------
        AscNasError
            If a posterior is no number.
        """
        if not np.isfinite(posteriors).all():
            raise AscNasError(
                "the answers of a network are not numbers, as its training has diverged: train it "
                "again, in a new run with a lower learning_rate."
            )
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
        per_class = {
            label: None if np.isnan(value) else float(value)
            for label, value in zip(self.labels, f1, strict=True)
        }
        return Scores(
            accuracy=float(hits.sum() / len(self)),
            macro_f1=float(np.nanmean(f1)),
            log_loss=float("nan") if self.losses is None else float(self.losses.mean()),
            per_class=per_class,
            confusion=tuple(tuple(int(n) for n in row) for row in confusion),
        )


def score(
    posteriors: NDArray[np.floating], targets: NDArray[np.int64], labels: tuple[str, ...]
) -> Scores:
    """Score clip posteriors (clips, classes) against targets (clips,).

    F1 of a class is 2 TP / (2 TP + FP + FN). A class that is neither present nor decided has none,
    and is left out of macro-F1, the mean over the others (as scikit-learn's ``f1_score``).
    """
    return Decisions.of_posteriors(posteriors, targets, labels).scores()


def f1_scores(
    hits: NDArray[np.number], present: NDArray[np.number], decided: NDArray[np.number]
) -> NDArray[np.float64]:
    """Return the F1 of each class from its counts, all of one shape (..., classes).

    It is NaN where a class is neither present nor decided.
    """
    total = present + decided
    return np.where(total > 0, 2 * hits / np.maximum(total, 1), np.nan)


def told_of_clips(scored: int, left_out: int) -> str:
    """Return how many test clips were scored, and how many could not be."""
    lost = f" ({left_out} more could not be read and are left out)" if left_out else ""
    return f"{scored} test clips{lost}"


def told_of_absent(absent: Sequence[str]) -> str:
    """Return what scores on clips mean that have none of the labels `absent`."""
    return (
        f"no test clips of {', '.join(absent)}: such a class has no F1, unless it was decided for "
        "(then it is 0); macro-F1 is the mean over the classes that have one."
    )


def partial_macro_f1(
    hits: NDArray[np.number],
    present: NDArray[np.number],
    decided: NDArray[np.number],
    present_in_all: NDArray[np.number],
) -> NDArray[np.float64]:
    """Return the macro-F1 (...) of parts of a set, from counts (..., classes).

    A class that has clips in the whole set (`present_in_all`, (classes,)) but none in a part has no
    F1 there and is left out of that part's mean: counted as 0, it would pull down even a faultless
    classifier. So is one that the whole set lacks, unless it was decided for. Of the whole set this
    is the macro-F1 of `score`.
    """
    counted = (present > 0) | ((present_in_all == 0) & (decided > 0))
    total = np.where(counted, f1_scores(hits, present, decided), 0.0).sum(-1)
    return total / counted.sum(-1)
