"""``crossval.json``: the single results of a cross-validation, and what they come to."""

from collections.abc import Sequence
from math import isfinite
from statistics import mean, stdev
from typing import ClassVar

from pydantic import Field, FiniteFloat

from asc_nas.core.documents import Count, Document, Measure, Part
from asc_nas.evaluation.intervals import Interval, Intervals
from asc_nas.evaluation.result import Result
from asc_nas.space.genotype import GenotypeText

SCORES = ("accuracy", "macro_f1", "log_loss")
SEARCHED = "searched"
"""What the search found in each fold: another genotype in each, under one name."""


class Row(Part):
    """What is kept of one training's result, with the fold it was tested on.

    `absent` are the labels of which the fold has no test clips.
    """

    network: str
    fold: str
    genotype: GenotypeText
    seed: Count
    accuracy: float
    macro_f1: float
    log_loss: Measure
    intervals: Intervals | None = None
    macs: Count
    params: Count
    ram_bytes: Count | None = None
    test_clips: Count
    test_clips_left_out: Count = 0
    absent: list[str] = Field(default_factory=list)


class Spread(Part):
    """Mean and standard deviation (n - 1 in the denominator; None of one)."""

    mean: Measure
    std: float | None


class Range(Part):
    """Least and most, which differ where each fold has its own network."""

    min: int
    max: int


class NetworkSummary(Part):
    """The scores of one network over folds and seeds; `folds` has the means by fold."""

    network: str
    trainings: int
    accuracy: Spread
    macro_f1: Spread
    log_loss: Spread
    folds: dict[str, dict[str, Measure]]
    macs: Range
    params: Range
    ram_bytes: Range | None = None


class Difference(Part):
    """How much more accurate a network is than another, every test clip against itself.

    Attributes
    ----------
    accuracy : -1 to 1
        Mean over the clips, and over the seeds that both were trained with.
    interval : 95 %, groups of clips being drawn; None if all clips are of one group
    trainings : of each of both
    """

    network: str
    against: str
    accuracy: FiniteFloat
    interval: Interval | None
    clips: Count
    groups: Count
    trainings: Count

    @property
    def told(self) -> str:
        """Which of both is better, as far as the interval tells."""
        low, high = self.interval or (-1.0, 1.0)
        if low > 0 or high < 0:
            return f"{self.network if low > 0 else self.against} is better"
        return "cannot be told apart"


class Crossval(Document):
    """A cross-validation of the dataset `data`: every single result, and their summary.

    `differences` are those of the first network from each other.
    """

    format_name: ClassVar[str] = "asc-nas/crossval/1"
    remedy: ClassVar[str] = "delete it: 'asc-nas crossval' makes it again from the folds' results"

    data: str
    summary: list[NetworkSummary]
    results: list[Row]
    differences: list[Difference] = Field(default_factory=list)


def row_of(result: Result, fold: str, network: str | None = None) -> Row:
    """Return the row of a result.

    Parameters
    ----------
    network : what the training counts as, if not as the network's own name
    """
    kept = {key: getattr(result, key) for key in Row.model_fields if key not in ("network", "fold")}
    return Row(network=network or result.network, fold=fold, **kept)


def summary(rows: Sequence[Row]) -> list[NetworkSummary]:
    """Return the mean and the spread of each network's scores, in the order of `rows`.

    Every fold counts the same, however many clips it has. The standard deviation is that of the
    single trainings, and not an interval for the mean: the folds share most of their training
    clips.
    """
    found = []
    for network in dict.fromkeys(row.network for row in rows):
        own = [row for row in rows if row.network == network]
        by_fold: dict[str, list[Row]] = {}
        for row in own:
            by_fold.setdefault(row.fold, []).append(row)
        folds = {
            fold: {score: mean(getattr(row, score) for row in part) for score in SCORES}
            for fold, part in by_fold.items()
        }
        found.append(
            NetworkSummary(
                network=network,
                trainings=len(own),
                accuracy=_spread([row.accuracy for row in own]),
                macro_f1=_spread([row.macro_f1 for row in own]),
                log_loss=_spread([row.log_loss for row in own]),
                folds=folds,
                macs=_range([row.macs for row in own]),
                params=_range([row.params for row in own]),
                ram_bytes=_known_range([row.ram_bytes for row in own]),
            )
        )
    return found


def _spread(values: Sequence[float]) -> Spread:
    known = len(values) > 1 and all(map(isfinite, values))
    return Spread(mean=mean(values), std=stdev(values) if known else None)


def _known_range(values: Sequence[int | None]) -> Range | None:
    known = [value for value in values if value is not None]
    return _range(known) if len(known) == len(values) else None


def _range(values: Sequence[int]) -> Range:
    return Range(min=min(values), max=max(values))
