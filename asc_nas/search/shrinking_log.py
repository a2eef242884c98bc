"""What shrinking did: the verdict on every candidate at every event, and what is left."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from asc_nas.core.config import Config
from asc_nas.core.documents import Count, Document, Part
from asc_nas.space.search_space import SearchSpace


class Verdict(Part):
    """What became of one candidate of one block.

    Attributes
    ----------
    score : float
        Mean of the measure (or its residual) over the `samples` sub-networks that contain it.
    rank : int
        Place in its block, 1 is best.
    protected : bool
        Whether it stays because the limits of the search need it.
    kept : bool
    """

    block: Count
    candidate: str
    score: float
    samples: int
    rank: int
    protected: bool
    kept: bool


class ShrinkingEvent(Part):
    """One shrinking: the epochs done by then and the verdict on each candidate left by then.

    Attributes
    ----------
    genotypes_before, genotypes_after : int
        Number of genotypes of the space.
    sizes_before, sizes_after : list of int
        Number of candidates of each block.
    """

    epoch: Count
    genotypes_before: int
    genotypes_after: int
    sizes_before: list[int]
    sizes_after: list[int]
    candidates: list[Verdict]

    @classmethod
    def of(cls, epoch: int, candidates: Sequence[Verdict]) -> Self:
        """Return the event of these verdicts."""
        before = np.bincount([verdict.block for verdict in candidates]).tolist()
        after = np.bincount([verdict.block for verdict in candidates if verdict.kept]).tolist()
        return cls(
            epoch=epoch,
            genotypes_before=math.prod(before),
            genotypes_after=math.prod(after),
            sizes_before=before,
            sizes_after=after,
            candidates=list(candidates),
        )

    def __str__(self) -> str:
        before, after = math.log10(self.genotypes_before), math.log10(self.genotypes_after)
        return (
            f"Shrinking after epoch {self.epoch}: {sum(self.sizes_before)} to "
            f"{sum(self.sizes_after)} candidates, 10^{before:.1f} to 10^{after:.1f} genotypes."
        )


def remaining(space: SearchSpace, events: Sequence[ShrinkingEvent]) -> SearchSpace:
    """Return what `events` left of `space`."""
    if not events:
        return space
    kept = {(v.block, v.candidate) for v in events[-1].candidates if v.kept}
    return space.restrict(lambda block, gene: (block, str(gene)) in kept)


class ShrinkingLog(Document):
    """``shrinking.json``: what went when and why; the settings of the shrinking stand before it."""

    format_name = "asc-nas/shrinking/1"
    remedy = "restore it: the space that the supernet was trained for is not known without it"

    events: list[ShrinkingEvent]

    def to_json(self) -> dict[str, Any]:
        """Return plain data, the settings first."""
        return (self.model_extra or {}) | self.model_dump(include={"events"})


def write_events(path: Path, config: Config, events: Sequence[ShrinkingEvent]) -> None:
    """Write ``shrinking.json``; `config` is the shrinking's."""
    ShrinkingLog(**config.model_dump(mode="json"), events=list(events)).write(path)


def read_events(path: Path) -> list[ShrinkingEvent]:
    """Read the events of ``shrinking.json``; none if there is no such file.

    Raises
    ------
    AscNasError
        If the file is not what `write_events` wrote.
    """
    return ShrinkingLog.read(path).events if path.exists() else []
