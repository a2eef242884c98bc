"""The integer networks as one ``.tflite`` file, in 8-bit integers throughout.

The file says what `IntegerNetwork` computes, operator by operator, with the numbers as they are:
nothing is quantised anew. Maps are NHWC, (1, frequency, time, channels). The operators are of those
that TensorFlow Lite Micro has, see `asc_nas.export.tflite_graph`. One subgraph holds all networks,
each with an input ``log_mel_0`` (1, mels, frames, 1), the standardised log-mel of `IntegerInput`,
and an output ``logits_0`` (1, classes).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from asc_nas.core.errors import AscNasError
from asc_nas.export.integer.network import IntegerLayer, IntegerNetwork, IntegerSum
from asc_nas.export.tflite_graph import Graph
from asc_nas.space.netspec import BlockSpec, NetSpec, Shape


def tflite_bytes(networks: Sequence[IntegerNetwork], name: str) -> bytes:
    """Return the file of `networks`, the same bytes each time.

    Parameters
    ----------
    networks : one, or those of a committee
    name : of the model, for the file's description

    Raises
    ------
    AscNasError
        If a package is missing, or a network pools in a way that the file cannot say.
    """
    graph = Graph()
    for place, network in enumerate(networks):
        _Network(graph, place, network).write()
    return graph.file(name)


class _Network:
    """Writes a network into a graph, from its input to its logits; a map is its tensor's index."""

    def __init__(self, graph: Graph, place: int, network: IntegerNetwork) -> None:
        self._graph = graph
        self._place = place
        self._network = network

    def write(self) -> None:
        """Add all layers, the input and the output."""
        network, graph, place = self._network, self._graph, self._place
        spec, prefix = network.spec, f"networks.{place}"
        x = graph.map(f"log_mel_{place}", (1, *spec.input_size, 1), network.input.scale)
        graph.inputs.append(x)
        for i, conv in enumerate(spec.stem):
            x = self._layer(f"{prefix}.stem.{i}", network.layers[f"stem.{i}"], x, conv.stride)
        for i, block in enumerate(spec.blocks):
            if block is not None:
                x = self._block(f"{prefix}.blocks.{i}", f"blocks.{i}", block, x)
        if spec.classifier is not None:
            x = self._layer(f"{prefix}.head", network.layers["head"], x)
        _, rows, columns, _ = graph.shapes[x]
        x = self._pool(f"{prefix}.pooled", x, (rows, columns))
        x = self._layer(f"{prefix}.logits", network.last, x)
        graph.outputs.append(self._flat(f"logits_{place}", x))

    def _block(self, name: str, key: str, block: BlockSpec, x: int) -> int:
        layers, hidden = self._network.layers, x
        # first, as what is pooled or cut takes less of the arena than x
        shortcut = self._shortcut(name, block, x) if block.shortcut else x
        if block.expand is not None:
            hidden = self._layer(f"{name}.expand", layers[f"{key}.expand"], x)
        depthwise = layers[f"{key}.depthwise"]
        hidden = self._layer(f"{name}.depthwise", depthwise, hidden, block.stride, depthwise=True)
        out = self._layer(f"{name}.project", layers[f"{key}.project"], hidden)
        if not block.shortcut:
            return out
        return self._sum(f"{name}.sum", self._network.sums[key], shortcut, out)

    def _layer(
        self,
        name: str,
        layer: IntegerLayer,
        x: int,
        stride: Shape = (1, 1),
        depthwise: bool = False,
    ) -> int:
        """Add a convolution, padded by half its kernel on each side, with its ReLU."""
        kernel = layer.weights.shape[2], layer.weights.shape[3]
        _, *size, _ = self._graph.shapes[x]
        out = [
            (length + 2 * (extent // 2) - extent) // step + 1
            for length, extent, step in zip(size, kernel, stride, strict=True)
        ]
        same = all(map(_pads_by_half, size, kernel, stride, out))
        if not same:
            around = [(0, 0), *((extent // 2, extent // 2) for extent in kernel), (0, 0)]
            x = self._pad(f"{name}.padded", x, around)
        # (out, in, frequency, time): a depthwise kernel has one input and its channels come last
        weights = layer.weights.transpose((1, 2, 3, 0) if depthwise else (0, 2, 3, 1))
        steps = np.float64(layer.source.scale) * layer.weight_scales.astype(np.float64)
        inputs = [
            x,
            self._graph.constant(
                f"{name}.weights", weights, np.int8, layer.weight_scales, 3 if depthwise else 0
            ),
            self._graph.constant(f"{name}.bias", layer.bias, np.int32, steps.astype(np.float32), 0),
        ]
        kind = "DepthwiseConv2D" if depthwise else "Conv2D"
        options = self._options(kind, stride, same)
        options.fusedActivationFunction = self._activation(layer.relu)
        options.dilationHFactor = options.dilationWFactor = 1
        if depthwise:
            options.depthMultiplier = 1
        shape = (1, *out, len(layer.weights))
        return self._graph.operator(
            "DEPTHWISE_CONV_2D" if depthwise else "CONV_2D",
            inputs,
            self._graph.map(name, shape, layer.target),
            options,
        )

    def _sum(self, name: str, both: IntegerSum, shortcut: int, projected: int) -> int:
        options = self._graph.fbs.AddOptionsT()
        options.fusedActivationFunction = self._activation(both.relu)
        out = self._graph.map(name, self._graph.shapes[projected], both.target)
        return self._graph.operator("ADD", [shortcut, projected], out, options)

    def _shortcut(self, name: str, block: BlockSpec, x: int) -> int:
        """Add what a block's input passes on its way to the sum; return the map."""
        if block.stride != (1, 1):
            x = self._pool(f"{name}.shortcut", x, block.stride)
        missing = block.out_channels - block.in_channels
        if missing > 0:
            return self._pad(f"{name}.wider", x, [(0, 0), (0, 0), (0, 0), (0, missing)])
        if missing < 0:
            return self._cut(f"{name}.narrower", x, block.out_channels)
        return x

    def _pool(self, name: str, x: int, extent: Shape) -> int:
        """Add averages of neighbours; at the end of a map there may be fewer of them."""
        _, *size, channels = self._graph.shapes[x]
        require_pool(name, (size[0], size[1]), extent)
        out = [-(-length // step) for length, step in zip(size, extent, strict=True)]
        options = self._options("Pool2D", extent, True)
        options.filterHeight, options.filterWidth = extent
        pooled = self._graph.map(name, (1, *out, channels), self._graph.scales[x])
        return self._graph.operator("AVERAGE_POOL_2D", [x], pooled, options)

    def _pad(self, name: str, x: int, around: list[Shape]) -> int:
        """Add what widens a map by zeros, (before, after) on each axis."""
        amounts = self._graph.constant(f"{name}.by", np.array(around), np.int32)
        shape = tuple(
            length + sum(more) for length, more in zip(self._graph.shapes[x], around, strict=True)
        )
        padded = self._graph.map(name, shape, self._graph.scales[x])
        options = self._graph.fbs.PadOptionsT()
        return self._graph.operator("PAD", [x, amounts], padded, options)

    def _cut(self, name: str, x: int, channels: int) -> int:
        """Add what keeps the leading channels."""
        shape = (*self._graph.shapes[x][:3], channels)
        begin = self._graph.constant(f"{name}.from", np.zeros(4), np.int32)
        size = self._graph.constant(f"{name}.size", np.array(shape), np.int32)
        cut = self._graph.map(name, shape, self._graph.scales[x])
        options = self._graph.fbs.SliceOptionsT()
        return self._graph.operator("SLICE", [x, begin, size], cut, options)

    def _flat(self, name: str, x: int) -> int:
        """Add what makes (1, channels) of a map of one place."""
        shape = (1, self._graph.shapes[x][3])
        wanted = self._graph.constant(f"{name}.shape", np.array(shape), np.int32)
        options = self._graph.fbs.ReshapeOptionsT()
        options.newShape = list(shape)
        flat = self._graph.map(name, shape, self._graph.scales[x])
        return self._graph.operator("RESHAPE", [x, wanted], flat, options)

    def _options(self, kind: str, stride: Shape, same: bool) -> Any:
        options = getattr(self._graph.fbs, f"{kind}OptionsT")()
        options.strideH, options.strideW = stride
        options.padding = self._graph.fbs.Padding.SAME if same else self._graph.fbs.Padding.VALID
        return options

    def _activation(self, relu: bool) -> int:
        kinds = self._graph.fbs.ActivationFunctionType
        return int(kinds.RELU if relu else kinds.NONE)


def _pads_by_half(length: int, extent: int, step: int, out: int) -> bool:
    """Whether TFLite's padding SAME puts half the kernel before a map, and gives `out` values."""
    total = max((out - 1) * step + extent - length, 0)
    return out == -(-length // step) and total // 2 == extent // 2


def require_pooling(spec: NetSpec, target: str) -> None:
    """Raise AscNasError, which names `target`, where a shortcut has no form in a ``.tflite``."""
    size = spec.stem[-1].out_size if spec.stem else spec.input_size
    for i, block in enumerate(spec.blocks):
        if block is not None:
            if block.shortcut:
                require_pool(f"{target}: block {i}", size, block.stride)
            size = block.project.out_size


def require_pool(name: str, size: Shape, extent: Shape) -> None:
    """Raise AscNasError, which names `name`, where averages do not begin at the edge of a map."""
    if any(-length % step // 2 for length, step in zip(size, extent, strict=True)):
        raise AscNasError(
            f"{name}: averages of {extent} over a map of {size} do not begin at its edge in a "
            ".tflite file; use strides of 1 and 2."
        )
