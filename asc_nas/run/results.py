"""Results of trained networks, as ``retrain/ID/result.json`` holds them."""

from pathlib import Path
from typing import Any

from pydantic import FiniteFloat, model_validator

from asc_nas.core.documents import Count, GenotypeText, Shape, read_document

FORMAT = "asc-nas/result/1"


class LoggedEpoch(Shape):
    """An epoch of a training's log."""

    loss: float


class Result(Shape):
    """What is read of ``result.json``."""

    network: str
    genotype: GenotypeText
    accuracy: FiniteFloat
    macro_f1: FiniteFloat
    per_class: dict[str, FiniteFloat]
    labels: list[str]
    confusion: list[list[Count]]
    macs: Count
    params: Count
    latency_ms: float | None = None
    data: str
    trained_on: list[str]
    test_clips: Count
    seed: Count
    epochs: list[LoggedEpoch]

    @model_validator(mode="after")
    def _check_labels(self) -> "Result":
        labels = len(self.labels)
        if list(self.per_class) != self.labels:
            raise ValueError("'per_class' has not the F1 of every label")
        if [len(row) for row in self.confusion] != [labels] * labels:
            raise ValueError("the confusion matrix has not a row and a column for every label")
        return self


def read_result(folder: Path) -> dict[str, Any]:
    """Read ``result.json`` in the folder of a network.

    Raises
    ------
    AscNasError
        If the file is missing or is not what ``asc-nas train`` writes.
    """
    remedy = "restore it, or delete it to train the network again"
    return read_document(folder / "result.json", FORMAT, Result, remedy)
