"""Calibration of probabilities: one temperature, and how well they are calibrated with it.

C. Guo et al., "On calibration of modern neural networks", ICML 2017 (arXiv 1706.04599).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from asc_nas.evaluation.scores import SMALLEST_PROBABILITY

BINS = 15
"""Bins of equal width of the expected calibration error, as in the paper."""
COLDEST, HOTTEST = 0.25, 4.0
"""Temperatures tried: a few clips that are all right would else ask for certainty."""
_GOLDEN = (5**0.5 - 1) / 2


@dataclass(frozen=True)
class ClipLogits:
    """Logits of clips whose probabilities are averaged over channels, as the classifier does.

    Attributes
    ----------
    logits : (examples, classes) float64
        One example per channel; log probabilities will do.
    clips : (examples,) int64
        Clip of each example.
    targets : (clips,) int64
        True label of each clip.
    """

    logits: NDArray[np.float64]
    clips: NDArray[np.int64]
    targets: NDArray[np.int64]

    def posteriors(self, temperature: float) -> NDArray[np.float64]:
        """Return the probabilities of clips, (clips, classes)."""
        scaled = self.logits / temperature
        powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
        total = np.zeros((len(self.targets), powers.shape[1]))
        np.add.at(total, self.clips, powers / powers.sum(axis=1, keepdims=True))
        return total / np.bincount(self.clips, minlength=len(self.targets))[:, None]

    def log_loss(self, temperature: float) -> float:
        """Return the mean negative log probability of the true labels, in nats."""
        chosen = self.posteriors(temperature)[np.arange(len(self.targets)), self.targets]
        return float(-np.log(np.maximum(chosen, SMALLEST_PROBABILITY)).mean())

    def calibration_error(self, temperature: float) -> float:
        """Return the expected calibration error (0 to 1) of the decisions."""
        return expected_calibration_error(self.posteriors(temperature), self.targets)


def fit_temperature(clips: ClipLogits) -> float:
    """Return the temperature, 0.25 to 4, that makes the log loss of `clips` smallest.

    A coarse look at the whole range, then golden-section search around its best place.
    """
    grid = np.linspace(np.log(COLDEST), np.log(HOTTEST), 41)
    best = int(np.argmin([clips.log_loss(float(np.exp(t))) for t in grid]))
    low, high = float(grid[max(0, best - 1)]), float(grid[min(len(grid) - 1, best + 1)])
    while high - low > 1e-4:
        left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        if clips.log_loss(float(np.exp(left))) <= clips.log_loss(float(np.exp(right))):
            high = right
        else:
            low = left
    return round(float(np.exp((low + high) / 2)), 4)


def expected_calibration_error(
    posteriors: NDArray[np.floating], targets: NDArray[np.int64], bins: int = BINS
) -> float:
    """Return the mean gap between confidence and accuracy, weighted by the clips in each bin.

    Parameters
    ----------
    posteriors : (clips, classes)
    targets : (clips,)
    bins : int
        Of the largest probability, of equal width from 0 to 1.
    """
    confidence = posteriors.max(axis=1)
    right = posteriors.argmax(axis=1) == targets
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = np.bincount(place, weights=confidence - right, minlength=bins)
    return float(np.abs(gaps).sum() / len(targets))
