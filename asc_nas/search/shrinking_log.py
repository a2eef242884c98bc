"""What shrinking did: the verdict on every candidate at every event, and what is left."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from asc_nas.core.config import Config
from asc_nas.core.documents import Count, Shape, read_document
from asc_nas.core.files import write_json
from asc_nas.space.search_space import SearchSpace

FORMAT = "asc-nas/shrinking/1"


@dataclass(frozen=True)
class Verdict:
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

    block: int
    candidate: str
    score: float
    samples: int
    rank: int
    protected: bool
    kept: bool


@dataclass(frozen=True)
class ShrinkingEvent:
    """One shrinking: the epochs done by then and the verdict on each candidate left by then."""

    epoch: int
    verdicts: tuple[Verdict, ...]

    def sizes(self, *, after: bool) -> tuple[int, ...]:
        """Return the number of candidates of each block before or after."""
        counted = [v.block for v in self.verdicts if v.kept or not after]
        return tuple(np.bincount(counted).tolist())

    def genotypes(self, *, after: bool) -> int:
        """Return the number of genotypes before or after."""
        return math.prod(self.sizes(after=after))

    def __str__(self) -> str:
        before, after = (math.log10(self.genotypes(after=after)) for after in (False, True))
        sizes = [sum(self.sizes(after=after)) for after in (False, True)]
        return (
            f"Shrinking after epoch {self.epoch}: {sizes[0]} to {sizes[1]} candidates, "
            f"10^{before:.1f} to 10^{after:.1f} genotypes."
        )


def remaining(space: SearchSpace, events: Sequence[ShrinkingEvent]) -> SearchSpace:
    """Return what `events` left of `space`."""
    if not events:
        return space
    kept = {(v.block, v.candidate) for v in events[-1].verdicts if v.kept}
    return space.restrict(lambda block, gene: (block, str(gene)) in kept)


def write_events(path: Path, config: Config, events: Sequence[ShrinkingEvent]) -> None:
    """Write ``shrinking.json``: what went when and why, and the space before and after.

    `config` is the shrinking's, whose settings stand beside the events.
    """
    document: dict[str, Any] = {"format": FORMAT} | config.model_dump(mode="json")
    document["events"] = [
        {
            "epoch": event.epoch,
            "genotypes_before": event.genotypes(after=False),
            "genotypes_after": event.genotypes(after=True),
            "sizes_before": event.sizes(after=False),
            "sizes_after": event.sizes(after=True),
            "candidates": [asdict(verdict) for verdict in event.verdicts],
        }
        for event in events
    ]
    write_json(path, document)


class CandidateRow(Shape):
    """A `Verdict` in ``shrinking.json``."""

    block: Count
    candidate: str
    score: float
    samples: int
    rank: int
    protected: bool
    kept: bool


class EventRow(Shape):
    """A `ShrinkingEvent` in ``shrinking.json``."""

    epoch: Count
    genotypes_before: int
    genotypes_after: int
    sizes_before: list[int]
    sizes_after: list[int]
    candidates: list[CandidateRow]


class ShrinkingDocument(Shape):
    """What is read of ``shrinking.json``."""

    events: list[EventRow]


def read_shrinking(path: Path) -> dict[str, Any]:
    """Read ``shrinking.json`` as it is.

    Raises
    ------
    AscNasError
        If the file is missing, or is not what `write_events` wrote.
    """
    remedy = "restore it: the space that the supernet was trained for is not known without it"
    return read_document(path, FORMAT, ShrinkingDocument, remedy)


def read_events(path: Path) -> list[ShrinkingEvent]:
    """Read the events of ``shrinking.json``; none if there is no such file.

    Raises
    ------
    AscNasError
        If the file is not what `write_events` wrote.
    """
    if not path.exists():
        return []
    return [
        ShrinkingEvent(event["epoch"], tuple(Verdict(**row) for row in event["candidates"]))
        for event in read_shrinking(path)["events"]
    ]
