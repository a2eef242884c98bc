"""``rank/rank.json``: what of it is read again, by another ranking and by the report."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, FiniteFloat, model_validator

from asc_nas.core.documents import Count, GenotypeText, Shape, read_document

FORMAT = "asc-nas/rank/2"


class TauRow(Shape):
    """Kendall's tau and its 95 % interval."""

    tau: float
    low: float
    high: float


class PredictorRow(Shape):
    """What a predictor is worth."""

    predictor: str
    macro_f1: TauRow
    log_loss: TauRow
    regret: float


class AloneRow(Shape):
    """One stand-alone training."""

    macro_f1: FiniteFloat


class RankedRow(Shape):
    """A network that was ranked."""

    genotype: GenotypeText
    macs: Count
    params: Count
    macro_f1: FiniteFloat
    standalone: Annotated[list[AloneRow], Field(min_length=1)]
    standalone_macro_f1: FiniteFloat

    @model_validator(mode="after")
    def _check_mean(self) -> "RankedRow":
        scores = [alone.macro_f1 for alone in self.standalone]
        if not min(scores) - 1e-9 <= self.standalone_macro_f1 <= max(scores) + 1e-9:
            raise ValueError("'standalone_macro_f1' is not the mean of 'standalone'")
        return self


class RankDocument(Shape):
    """What is read of ``rank.json``."""

    repeats: int
    agreement: list[PredictorRow]
    networks: Annotated[list[RankedRow], Field(min_length=1)]


def read_ranking(path: Path) -> dict[str, Any]:
    """Read ``rank.json``.

    Raises
    ------
    AscNasError
        If the file is missing, or is not what `rank_step` wrote.
    """
    remedy = "delete it: 'asc-nas rank' makes it again from the stand-alone scores"
    return read_document(path, FORMAT, RankDocument, remedy)
