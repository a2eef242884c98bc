"""The result of one training from scratch, as ``retrain/ID/result.json`` holds it."""

from typing import Any, ClassVar, Self

from pydantic import FiniteFloat, model_validator

from asc_nas.core.documents import Count, Document, Measure, Part
from asc_nas.core.rows import Rows
from asc_nas.evaluation.intervals import Interval, Intervals
from asc_nas.space.genotype import Genotype, GenotypeText


class LoggedEpoch(Part):
    """An epoch of a training's log."""

    epoch: Count
    loss: Measure


class Result(Document):
    """One network, trained from scratch and tested once with the last epoch's weights.

    Attributes
    ----------
    network : str
        Its name: a Pareto member's id, a baseline, or that of a genotype.
    accuracy, macro_f1, log_loss, per_class, confusion
        See `asc_nas.evaluation.scores.Scores`; labels and classes are in the order of `labels`.
    intervals : Intervals or None
        Of these scores, by group; None if all test clips are of one group. Files of earlier
        versions have none: see `has_intervals`.
    macs, params : int, of one example
    ram_bytes : int or None
        Of a device, see `asc_nas.cost.counts.Cost`; None in files of earlier versions.
    latency_ms : float or None
        Predicted; None without a latency table.
    data : str
        Name of the dataset.
    trained_on : list of str
        Roles of the clips it was trained on.
    test_clips, test_clips_left_out : int
        Clips that were scored, and those that could not be read.
    decided : list of int or None
        What was decided for every clip that was scored, as a place in `labels`, in the order of the
        manifest. None in files of earlier versions.
    """

    format_name: ClassVar[str] = "asc-nas/result/1"
    remedy: ClassVar[str] = "restore it, or delete it to train the network again"

    network: str
    genotype: GenotypeText
    accuracy: FiniteFloat
    macro_f1: FiniteFloat
    log_loss: Measure = float("nan")
    per_class: dict[str, FiniteFloat | None]
    confusion: list[list[Count]]
    labels: list[str]
    intervals: Intervals | None = None
    macs: Count
    macs_per_second: float | None = None
    params: Count
    ram_bytes: Count | None = None
    latency_ms: float | None = None
    data: str
    trained_on: list[str]
    test_clips: Count
    test_clips_left_out: Count = 0
    decided: list[Count] | None = None
    seed: Count
    epochs: list[LoggedEpoch]

    @model_validator(mode="after")
    def _check_labels(self) -> Self:
        labels = len(self.labels)
        if list(self.per_class) != self.labels:
            raise ValueError("'per_class' has not the F1 of every label")
        if [len(row) for row in self.confusion] != [labels] * labels:
            raise ValueError("the confusion matrix has not a row and a column for every label")
        if self.decided is not None:
            if len(self.decided) != self.test_clips:
                raise ValueError("'decided' has not one of every test clip")
            if any(place >= labels for place in self.decided):
                raise ValueError("'decided' has a label that there is not")
        return self

    @property
    def absent(self) -> list[str]:
        """Labels of which there were no test clips."""
        rows = zip(self.labels, self.confusion, strict=True)
        return [label for label, counts in rows if not sum(counts)]

    @property
    def is_guessing(self) -> bool:
        """Whether always giving the most frequent label of the test clips may be as good.

        It may where that label's share of the clips lies within the interval of the accuracy, or
        above it; without an interval, where it reaches the accuracy.
        """
        of_class = [sum(row) for row in self.confusion]
        share = max(of_class, default=0) / max(1, sum(of_class))
        interval = self.interval("accuracy")
        return share >= (self.accuracy if interval is None else interval[0])

    @property
    def has_intervals(self) -> bool:
        """Whether the intervals were computed, even if nothing can be said of one group."""
        return "intervals" in self.model_fields_set

    def interval(self, score: str) -> Interval | None:
        """Return the 95 % interval of a score; None if it is not known."""
        return None if self.intervals is None else getattr(self.intervals, score)

    def is_of(self, genotype: Genotype) -> bool:
        """Return whether it is the result of this genotype."""
        return self.genotype == str(genotype)

    def row(self) -> dict[str, Any]:
        """Return scores and costs of the whole network: one number each, none by class or clip."""
        several = {"per_class", "confusion", "labels", "epochs", "intervals", "decided"}
        return self.model_dump(exclude=several)


class Results(Rows[Result]):
    """Results of trained networks."""
