"""Objectives as data: name, sense, weight; signs are applied in one place."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

import numpy as np
from pydantic import PositiveFloat, field_validator

from asc_nas.core.config import Config
from asc_nas.core.errors import UsageError, closest
from asc_nas.cost.counts import Cost
from asc_nas.space.genotype import Genotype


@dataclass(frozen=True)
class Evaluation:
    """One genotype judged with the supernet's weights on search-val, and its cost.

    Latency is None without a table, RAM where an earlier version judged.
    """

    genotype: Genotype
    macro_f1: float
    accuracy: float
    log_loss: float
    macs: int
    params: int
    latency_ms: float | None = None
    ram_bytes: int | None = None

    @classmethod
    def of(cls, genotype: Genotype, cost: Cost, scores: Mapping[str, Any]) -> Self:
        """Return a genotype with its cost and its scores by name."""
        return cls(genotype, **scores, **{name: getattr(cost, name) for name in COSTS})

    def row(self) -> dict[str, Any]:
        """Return plain values, the genotype in its text form."""
        return asdict(self) | {"genotype": str(self.genotype)}


SCORES = {"macro_f1": "macro-F1", "accuracy": "accuracy", "log_loss": "log loss"}
"""What a network is good at, and how people call it."""
COSTS = ("macs", "params", "ram_bytes", "latency_ms")
MEASURES = (*SCORES, *COSTS)


def no_latency(where: str) -> UsageError:
    """Return the error that latency is asked for, at this place of the config, but not known."""
    return UsageError(
        f"{where}: latency needs a table of measured layers; add 'latency: measure' to the config "
        "(this machine), or 'latency: FILE' with the table of another device."
    )


class Objective(Config):
    """One thing that the search makes as good as it can."""

    name: str
    """`macro_f1`, `accuracy` or `log_loss` with shared weights on search-val, or a cost: `macs`,
    `params`, `ram_bytes` (of the network in int8 with the buffers of its front end) or
    `latency_ms`, which needs `latency`."""
    sense: Literal["max", "min"]
    """Whether it shall be high or low. Parameters may be maximised: at equal latency, more of them
    are room to learn (MoGA)."""
    weight: PositiveFloat = 1.0
    """How finely the search covers this objective, compared with the others: it enters the crowding
    distance of NSGA-II (MoGA, arXiv 1908.01314), not what dominates what. Which end is preferred,
    limits say."""

    @field_validator("name")
    @classmethod
    def _check_name(cls, name: str) -> str:
        if name not in MEASURES:
            raise ValueError(f"no such objective.{closest(name, MEASURES)} Known: {MEASURES}")
        return name


DEFAULT_OBJECTIVES = (Objective(name="macro_f1", sense="max"), Objective(name="macs", sense="min"))


def leading_score(objectives: Sequence[Objective]) -> Objective:
    """Return the score by which one network is preferred to another: the first of `objectives`.

    Macro-F1 if none of them is a score.
    """
    return next((o for o in objectives if o.name in SCORES), DEFAULT_OBJECTIVES[0])


def to_minimise(evaluations: Sequence[Evaluation], objectives: Sequence[Objective]) -> np.ndarray:
    """Return the objective values as an array (evaluations, objectives) to be minimised.

    Raises
    ------
    UsageError
        If a latency is asked for that was not predicted, or RAM that was not counted.
    """
    signs = [-1.0 if objective.sense == "max" else 1.0 for objective in objectives]
    values = [[getattr(e, objective.name) for objective in objectives] for e in evaluations]
    unknown = {o.name for row in values for o, v in zip(objectives, row, strict=True) if v is None}
    if "latency_ms" in unknown:
        raise no_latency("search.objectives")
    if unknown:
        raise UsageError(
            f"search.objectives: {', '.join(sorted(unknown))} is not known of networks that an "
            "earlier version of asc-nas judged; delete RUN/search and search again."
        )
    return np.array(values, dtype=np.float64).reshape(len(values), len(objectives)) * signs
