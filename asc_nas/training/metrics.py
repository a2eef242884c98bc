"""Metrics of clip decisions."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Scores:
    """How well a network does on a set of clips.

    Attributes
    ----------
    accuracy, macro_f1 : float, 0 to 1
    log_loss : float, nats
    per_class : F1 of each label
    confusion : counts, true label by decided label
    """

    accuracy: float
    macro_f1: float
    log_loss: float
    per_class: dict[str, float]
    confusion: tuple[tuple[int, ...], ...]


def score(posteriors: np.ndarray, targets: np.ndarray, labels: tuple[str, ...]) -> Scores:
    """Score clip posteriors (clips, classes) against targets (clips,).

    F1 of a class is 2 TP / (2 TP + FP + FN), and 0 where a class is neither present nor decided;
    macro-F1 is its mean over all `labels`.
    """
    classes = len(labels)
    decided = posteriors.argmax(1)
    confusion = np.bincount(targets * classes + decided, minlength=classes**2)
    confusion = confusion.reshape(classes, classes)
    hits = confusion.diagonal()
    denominator = confusion.sum(0) + confusion.sum(1)
    f1 = 2 * hits / np.maximum(denominator, 1)
    chosen = posteriors[np.arange(len(targets)), targets]
    return Scores(
        accuracy=float(hits.sum() / len(targets)),
        macro_f1=float(f1.mean()),
        log_loss=float(-np.log(np.maximum(chosen, 1e-12)).mean()),
        per_class={label: float(value) for label, value in zip(labels, f1, strict=True)},
        confusion=tuple(tuple(int(n) for n in row) for row in confusion),
    )
