"""From a folded float network and training clips to the network in integers."""

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from asc_nas.export.integer.arithmetic import Factor, Scale
from asc_nas.export.integer.folded import FoldedLayer, FoldedNetwork
from asc_nas.export.integer.network import IntegerInput, IntegerLayer, IntegerNetwork, IntegerSum
from asc_nas.runtime.classifier import INPUT, open_session

PERCENTILE = 99.999
"""Share of an activation's values, in %, that its range covers on each side."""
_LARGEST_BIAS = 2.0**29

Range = tuple[float, float]


def integer_networks(
    file: Path, networks: Sequence[FoldedNetwork], clips: NDArray[np.float32]
) -> tuple[IntegerNetwork, ...]:
    """Return the networks of a float ONNX file in integers.

    Weights are symmetric with a scale per output channel, activations have a scale and a zero per
    map. Every map keeps the scale of what it was made with until a layer gives it another.

    Parameters
    ----------
    file : float ONNX file
    networks : what `read_folded` gives of it
    clips : (n, mels, frames) float32, dB
        Training clips, on which the range of every map is found.
    """
    ranges = _ranges(file, {name for network in networks for name in _maps(network)}, clips)
    return tuple(quantised(network, ranges) for network in networks)


def _maps(network: FoldedNetwork) -> Iterable[str]:
    yield network.standardised
    yield from (layer.output for layer in network.layers.values())
    yield from network.sums.values()


def _ranges(file: Path, names: set[str], clips: NDArray[np.float32]) -> dict[str, Range]:
    model = onnx.load(file)
    wanted = sorted(names)
    del model.graph.output[:]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in wanted)
    session = open_session(model.SerializeToString(), threads=1)
    extremes = Extremes(len(clips))
    for clip in clips:
        found = session.run(wanted, {INPUT: np.ascontiguousarray(clip[None, None], np.float32)})
        for name, values in zip(wanted, found, strict=True):
            extremes.add(name, values)
    return extremes.ranges()


class Extremes:
    """The range of each map over a number of clips, without the rarest values, see `PERCENTILE`."""

    def __init__(self, clips: int) -> None:
        self._clips = clips
        self._lows: dict[str, NDArray[np.float32]] = {}
        self._highs: dict[str, NDArray[np.float32]] = {}

    def add(self, name: str, values: NDArray[np.float32]) -> None:
        """Hear of some clips' values (n, ...) of a map."""
        rare = 1 + math.floor(values[0].size * self._clips * (1 - PERCENTILE / 100))
        flat, none = values.reshape(-1), values[:0].reshape(-1)
        lows = np.append(self._lows.get(name, none), flat)
        highs = np.append(self._highs.get(name, none), flat)
        self._lows[name] = _smallest(lows, rare)
        self._highs[name] = -_smallest(-highs, rare)

    def ranges(self) -> dict[str, Range]:
        """Return the lowest and the highest value of each map."""
        return {
            name: (float(self._lows[name].max()), float(self._highs[name].min()))
            for name in self._lows
        }


def _smallest(values: NDArray, number: int) -> NDArray:
    return np.partition(values, number - 1)[:number] if number < len(values) else values


def quantised(network: FoldedNetwork, ranges: Mapping[str, Range]) -> IntegerNetwork:
    """Return a folded network in integers.

    Parameters
    ----------
    ranges : lowest and highest value of each map, by the names that `network` gives them
    """
    spec = network.spec
    scale = Scale.of_range(*ranges[network.standardised])
    heard = IntegerInput.of(network.mean, network.scale, spec, scale)
    layers: dict[str, IntegerLayer] = {}
    sums: dict[str, IntegerSum] = {}

    def add(name: str, source: Scale, relu: bool = True) -> Scale:
        layer = network.layers[name]
        layers[name] = _layer(layer, source, ranges[layer.output], relu)
        return layers[name].target

    for i in range(len(spec.stem)):
        scale = add(f"stem.{i}", scale)
    for i, block in enumerate(spec.blocks):
        if block is None:
            continue
        name = f"blocks.{i}"
        hidden = scale if block.expand is None else add(f"{name}.expand", scale)
        hidden = add(f"{name}.depthwise", hidden)
        relu = block.activation_after_sum
        out = add(f"{name}.project", hidden, relu and not block.shortcut)
        if block.shortcut:
            target = Scale.of_range(*ranges[network.sums[name]])
            sums[name] = IntegerSum(scale, out, target, relu)
            out = target
        scale = out
    scale = add("head", scale, spec.classifier is not None)
    if spec.classifier is not None:
        add("classifier", scale, False)
    return IntegerNetwork(spec, heard, layers, sums)


def _layer(layer: FoldedLayer, source: Scale, limits: Range, relu: bool) -> IntegerLayer:
    weights = layer.weights.astype(np.float64)
    largest = np.abs(weights).reshape(len(weights), -1).max(1)
    by_bias = np.abs(layer.bias) / (source.scale * _LARGEST_BIAS)
    scales = np.maximum(np.maximum(largest / 127, by_bias), 1e-12).astype(np.float32)
    steps = source.scale * scales.astype(np.float64)
    target = Scale.of_range(*limits)
    if steps.max() >= target.scale:  # of a map with next to nothing in it: keep the factors below 1
        span = 255 * 1.001 * float(steps.max())
        share = (target.zero + 128) / 255
        target = Scale.of_range(-share * span, (1 - share) * span)
    rounded = np.rint(weights / scales.astype(np.float64).reshape(-1, 1, 1, 1)).astype(np.int64)
    return IntegerLayer(
        weights=np.clip(rounded, -127, 127),
        bias=np.rint(layer.bias / steps).astype(np.int64),
        weight_scales=scales,
        factor=Factor.of(steps / target.scale),
        source=source,
        target=target,
        relu=relu,
    )
