"""Latency of a network from a table of its layers' measured times (MoGA, arXiv 1908.01314)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

from asc_nas.core.config import Config
from asc_nas.core.errors import UsageError
from asc_nas.core.files import read_json
from asc_nas.cost.layers import Layer, layers_of
from asc_nas.space.netspec import NetSpec

FORMAT = "asc-nas/latency/2"


class Device(Config):
    """Where a table was measured; `name` is the processor's own or what the user called it."""

    name: str
    machine: str
    system: str
    cores: PositiveInt


class MeasuredNetwork(Config):
    """A whole network: its genotype, the keys of its layers in order, and its time in ms."""

    genotype: str
    layers: tuple[str, ...] = Field(min_length=1)
    ms: PositiveFloat


class LatencyFile(Config):
    """The content of ``latency.json``, as a kit's ``measure.py`` or ``measure.c`` writes it.

    Attributes
    ----------
    device : Device
    runtime : what ran the layers, with its version
    threads : int
    overhead_ms : time of a session that does next to nothing
    layers : milliseconds by key, each layer alone in a session
    networks : a few whole networks
    """

    format: str
    device: Device
    runtime: str
    threads: PositiveInt
    overhead_ms: NonNegativeFloat
    layers: dict[str, PositiveFloat] = Field(min_length=1)
    networks: tuple[MeasuredNetwork, ...] = Field(min_length=1)


@dataclass(frozen=True)
class LatencyTable:
    """Predicts the latency of networks on the device that the table was measured on.

    A layer alone in a session pays what a network pays once (the call) or not at all (copies into
    and out of the library's own memory layout). So a network's time is one overhead plus
    ``scale * sum(layer - overhead)``, with the one `scale` that fits the table's whole networks.

    Parameters
    ----------
    measured : LatencyFile
    source : str
        Named in errors.
    """

    measured: LatencyFile
    source: str = "latency.json"

    @classmethod
    def read(cls, path: Path) -> "LatencyTable":
        """Read ``latency.json``.

        Raises
        ------
        AscNasError
            If the file is missing or not a latency table (UsageError names the wrong value).
        """
        return cls(LatencyFile.parse(read_json(path, FORMAT), str(path)), str(path))

    def predict(self, spec: NetSpec) -> float:
        """Return the latency of one example in milliseconds.

        Raises
        ------
        UsageError
            If a layer is not in the table.
        """
        keys = [layer.key for layer in layers_of(spec)]
        self._require(keys)
        return self.measured.overhead_ms + self.scale * self._sum(keys)

    def covers(self, spec: NetSpec) -> bool:
        """Whether every layer of the network is in the table."""
        return all(layer.key in self.measured.layers for layer in layers_of(spec))

    def require(self, layers: Iterable[Layer]) -> None:
        """Raise UsageError if one of `layers` is not in the table."""
        self._require([layer.key for layer in layers])

    def _require(self, keys: Sequence[str]) -> None:
        missing = [key for key in keys if key not in self.measured.layers]
        if missing:
            raise UsageError(
                f"{self.source}: no time for {len(missing)} of {len(keys)} layers (such as "
                f"'{missing[0]}'): it was measured for another config; write the kit again for "
                "this one (asc-nas latency kit) and run its measure.py on the device."
            )

    @cached_property
    def scale(self) -> float:
        """Factor on the layers' sum that gives the whole networks' times with least squares.

        Errors are relative to a network's time, so that small ones count like large ones.
        """
        overhead = self.measured.overhead_ms
        networks = self.measured.networks
        for network in networks:
            self._require(network.layers)
        times = np.array([network.ms for network in networks])
        sums = np.array([self._sum(network.layers) for network in networks]) / times
        return float(sums @ ((times - overhead) / times) / (sums @ sums))

    @property
    def error(self) -> float:
        """Mean absolute error of the table's whole networks, as a share of their time."""
        overhead, networks = self.measured.overhead_ms, self.measured.networks
        predicted = [overhead + self.scale * self._sum(network.layers) for network in networks]
        return float(np.mean([abs(p / n.ms - 1) for p, n in zip(predicted, networks, strict=True)]))

    def _sum(self, keys: Sequence[str]) -> float:
        overhead = self.measured.overhead_ms
        return sum(max(self.measured.layers[key] - overhead, 0.0) for key in keys)
