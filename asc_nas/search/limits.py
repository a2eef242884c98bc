"""Limits on what a network may cost, as data, and those that have a name."""

from typing import Any, Literal

from pydantic import PositiveFloat, PositiveInt, model_validator

from asc_nas.core.config import Config
from asc_nas.core.errors import closest
from asc_nas.cost.counts import Cost
from asc_nas.search.chips import CHIPS, known
from asc_nas.search.objectives import no_latency

_DCASE_TASK1 = {"max_macs_per_second": 30e6, "max_param_bytes": 128_000, "count_as": "nessi"}
LIMIT_PRESETS: dict[str, dict[str, Any]] = {
    "dcase-task1": _DCASE_TASK1 | {"bytes_per_param": 1},
    "dcase-task1-fp16": _DCASE_TASK1 | {"bytes_per_param": 2},
    **{name: chip.limits for name, chip in CHIPS.items()},
}
"""Limits that have a name: DCASE Task 1, for parameters handed in as int8 or as float16; chips."""


class Limits(Config):
    """What a network may cost at most: no network that costs more is judged. Null is no bound."""

    max_macs: PositiveInt | None = None
    """Multiply-accumulates of one example: those that the chip does in a second times the seconds
    that an answer may take."""
    max_macs_per_second: PositiveFloat | None = None
    """Multiply-accumulates per second of audio (DCASE Task 1: 30e+6), for a device that listens all
    the time."""
    max_params: PositiveInt | None = None
    """Number of parameters, whatever their type."""
    max_param_bytes: PositiveInt | None = None
    """Number of parameters times `bytes_per_param` (DCASE Task 1: 128 kB), for a device with little
    flash."""
    bytes_per_param: PositiveInt = 4
    """Bytes of a parameter: 4 for float32, 2 for float16, 1 for int8. Set it to the type that goes
    to the device."""
    max_ram_kb: PositiveFloat | None = None
    """Kilobytes (1000 bytes) of RAM: all activations of the network in int8 that are alive at once,
    as the exported C code lays them, and the samples, log-mel and transform of its front end."""
    max_latency_ms: PositiveFloat | None = None
    """Milliseconds per example on the device of the table that `latency` names."""
    target: Literal["c", "tflite"] | None = None
    """What the network will be exported to (`asc-nas export --target`): what cannot be is told
    before the search."""
    count_as: Literal["layers", "nessi"] = "layers"
    """How multiply-accumulates are counted: `layers` counts those of the network as exported,
    `nessi` as the DCASE challenge does (0.01 to 0.3 per cent more)."""

    @model_validator(mode="before")
    @classmethod
    def _expand_preset(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        if value not in LIMIT_PRESETS:
            others = [name for name in LIMIT_PRESETS if name not in CHIPS]
            raise ValueError(
                f"no such limits.{closest(value, tuple(LIMIT_PRESETS))} Known: "
                f"{', '.join(others)}, and chips: {known()}"
            )
        return LIMIT_PRESETS[value]

    @property
    def bounds(self) -> dict[str, float]:
        """The bounds in force, by name."""
        found = {name: getattr(self, name) for name in type(self).model_fields}
        return {
            name: bound
            for name, bound in found.items()
            if name.startswith("max_") and bound is not None
        }

    def on_costs(self, seconds: float) -> list[tuple[str, float, str, float]]:
        """Return of each bound in force name, value, the cost that it bounds, and the most of it.

        The cost is an objective's name, and the most of it in that objective's unit.

        Parameters
        ----------
        seconds : length of an example
        """
        unit = {
            "max_macs": ("macs", 1.0),
            "max_macs_per_second": ("macs", seconds),
            "max_params": ("params", 1.0),
            "max_param_bytes": ("params", 1 / self.bytes_per_param),
            "max_ram_kb": ("ram_bytes", 1000.0),
            "max_latency_ms": ("latency_ms", 1.0),
        }
        found = ((name, bound, *unit[name]) for name, bound in self.bounds.items())
        return [(name, bound, cost, bound * factor) for name, bound, cost, factor in found]

    def used(self, cost: Cost) -> dict[str, float]:
        """Return what a network uses, by the names of the bounds."""
        macs = cost.nessi_macs if self.count_as == "nessi" else cost.macs
        return {
            "max_macs": float(macs),
            "max_macs_per_second": macs / cost.seconds,
            "max_params": float(cost.params),
            "max_param_bytes": float(cost.param_bytes(self.bytes_per_param)),
            "max_ram_kb": cost.ram_bytes / 1000,
            "max_latency_ms": cost.latency_ms or 0.0,
        }

    def excess(self, cost: Cost) -> dict[str, float]:
        """Return, per bound in force, how far the cost lies above it as a share (<= 0 is met).

        Raises
        ------
        UsageError
            If latency is bounded and the cost has none.
        """
        if self.max_latency_ms is not None and cost.latency_ms is None:
            raise no_latency("search.limits")
        used = self.used(cost)
        return {name: used[name] / bound - 1 for name, bound in self.bounds.items()}

    @property
    def targets(self) -> list[str]:
        """What a network that meets them is exported to beside float ONNX.

        Parameters that are counted as bytes of int8 are meant to be stored so.
        """
        if self.target is not None:
            return [self.target]
        return ["int8"] if self.bytes_per_param == 1 and self.max_param_bytes is not None else []

    def met_by(self, cost: Cost) -> bool:
        """Whether every bound holds."""
        return all(value <= 0 for value in self.excess(cost).values())
