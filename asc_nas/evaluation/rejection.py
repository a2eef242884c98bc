"""The probability below which an answer is rejected: the sound may be none of the classes.

D. Hendrycks and K. Gimpel, "A baseline for detecting misclassified and out-of-distribution examples
in neural networks", ICLR 2017 (arXiv 1610.02136).
"""

import numpy as np
from numpy.typing import NDArray

KEPT = 0.95
"""Share of the right answers that is to be kept."""


def fit_rejection(posteriors: NDArray[np.floating], targets: NDArray[np.int64]) -> float:
    """Return the largest probability below which at most 5 % of the right answers lie.

    The largest probability, as it is there for every network, of committees and in 8 bits too; the
    energy of logits (Liu et al., NeurIPS 2020, arXiv 2010.03759) is always 0 for a committee, whose
    output is the logarithm of a mean posterior.

    Parameters
    ----------
    posteriors : (clips, classes)
        Of clips that the network was not trained on.
    targets : (clips,)

    Returns
    -------
    float
        0 to 1; 0, which rejects nothing, if no answer is right.
    """
    right = posteriors.argmax(axis=1) == targets
    if not right.any():
        return 0.0
    limit = np.quantile(posteriors.max(axis=1)[right], 1 - KEPT, method="lower")
    return float(np.floor(limit * 1e4) / 1e4)
