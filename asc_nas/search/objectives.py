"""Objectives and limits as data: name, sense, weight; signs are applied in one place."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from pydantic import PositiveFloat, PositiveInt, field_validator, model_validator

from asc_nas.core.config import Config
from asc_nas.core.errors import UsageError, closest
from asc_nas.cost.counts import Cost
from asc_nas.space.genotype import Genotype


@dataclass(frozen=True)
class Evaluation:
    """One genotype judged with the supernet's weights on search-val, and its cost."""

    genotype: Genotype
    macro_f1: float
    accuracy: float
    log_loss: float
    macs: int
    params: int
    latency_ms: float | None = None

    def row(self) -> dict[str, Any]:
        """Return plain values, the genotype in its text form."""
        return asdict(self) | {"genotype": str(self.genotype)}


SCORES = {"macro_f1": "macro-F1", "accuracy": "accuracy", "log_loss": "log loss"}
"""What a network is good at, and how people call it."""
COSTS = ("macs", "params", "latency_ms")
MEASURES = (*SCORES, *COSTS)


def _no_latency(where: str) -> UsageError:
    return UsageError(
        f"{where}: latency needs a table of measured layers; add 'latency: measure' to the config "
        "(this machine), or 'latency: FILE' with the table of another device."
    )


class Objective(Config):
    """One thing to optimise: a measure of `Evaluation`, its sense and its weight.

    The weight enters the crowding distance (`asc_nas.search.strategies.crowding`), not dominance.
    """

    name: str
    sense: Literal["max", "min"]
    weight: PositiveFloat = 1.0

    @field_validator("name")
    @classmethod
    def _check_name(cls, name: str) -> str:
        if name not in MEASURES:
            raise ValueError(f"no such objective.{closest(name, MEASURES)} Known: {MEASURES}")
        return name


DEFAULT_OBJECTIVES = (
    Objective(name="macro_f1", sense="max"),
    Objective(name="macs", sense="min"),
)


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
        If a latency is asked for that was not predicted.
    """
    signs = [-1.0 if objective.sense == "max" else 1.0 for objective in objectives]
    values = [[getattr(e, objective.name) for objective in objectives] for e in evaluations]
    if any(None in row for row in values):
        raise _no_latency("search.objectives")
    return np.array(values, dtype=np.float64).reshape(len(values), len(objectives)) * signs


_DCASE_TASK1 = {
    "max_macs_per_second": 30e6,
    "max_param_bytes": 128_000,
    "count_as": "nessi",
}
LIMIT_PRESETS: dict[str, dict[str, Any]] = {
    "dcase-task1": _DCASE_TASK1 | {"bytes_per_param": 1},
    "dcase-task1-fp16": _DCASE_TASK1 | {"bytes_per_param": 2},
}
"""Limits that have a name: DCASE Task 1, for parameters handed in as int8 or as float16."""


class Limits(Config):
    """Upper bounds on cost, or the name of a preset in their place; None is no bound.

    Attributes
    ----------
    max_macs : int, MACs per example
    max_macs_per_second : float, MACs per second of audio (DCASE Task 1: 30e6)
    max_params : int
    max_param_bytes : int, parameters times `bytes_per_param` (DCASE Task 1: 128 kB)
    bytes_per_param : int, 4 for float32, 2 for float16, 1 for int8
    max_latency_ms : float, milliseconds per example on the device of the latency table
    count_as : how MACs are counted: ``layers``, or ``nessi`` as the challenge does
        (`asc_nas.cost.counts`)
    """

    max_macs: PositiveInt | None = None
    max_macs_per_second: PositiveFloat | None = None
    max_params: PositiveInt | None = None
    max_param_bytes: PositiveInt | None = None
    bytes_per_param: PositiveInt = 4
    max_latency_ms: PositiveFloat | None = None
    count_as: Literal["layers", "nessi"] = "layers"

    @model_validator(mode="before")
    @classmethod
    def _expand_preset(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        if value not in LIMIT_PRESETS:
            known = tuple(LIMIT_PRESETS)
            raise ValueError(f"no such limits.{closest(value, known)} Known: {', '.join(known)}")
        return LIMIT_PRESETS[value]

    def excess(self, cost: Cost) -> dict[str, float]:
        """Return, per bound in force, how far the cost lies above it as a share (<= 0 is met).

        Raises
        ------
        UsageError
            If latency is bounded and the cost has none.
        """
        if self.max_latency_ms is not None and cost.latency_ms is None:
            raise _no_latency("search.limits")
        macs = cost.nessi_macs if self.count_as == "nessi" else cost.macs
        used = {
            "max_macs": float(macs),
            "max_macs_per_second": macs / cost.seconds,
            "max_params": float(cost.params),
            "max_param_bytes": float(cost.param_bytes(self.bytes_per_param)),
            "max_latency_ms": cost.latency_ms or 0.0,
        }
        bounds = {name: getattr(self, name) for name in used}
        return {name: used[name] / bound - 1 for name, bound in bounds.items() if bound is not None}

    def met_by(self, cost: Cost) -> bool:
        """Whether every bound holds."""
        return all(value <= 0 for value in self.excess(cost).values())
