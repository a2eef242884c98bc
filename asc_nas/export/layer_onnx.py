"""Layers and networks as ONNX with random weights, for timing; built without PyTorch.

The graphs are those that the exporter leaves: batch norms folded into the convolutions before them
(of a sum of depthwise kernels the first has the bias); the shortcut pooled, cut or padded and
added.
"""

import numpy as np

from asc_nas.cost.layers import Layer, layers_of
from asc_nas.export.graph import Graph
from asc_nas.space.netspec import NetSpec, Shape

IR_VERSION = 9  # old enough for the onnxruntime of a device


def layer_model(layer: Layer) -> bytes:
    """Return one layer alone; a projection's shortcut is a second input."""
    graph = _Graph()
    x = graph.add_input("x", layer.in_channels, layer.in_size)
    shortcut = layer.shortcut
    block_input = None
    if shortcut is not None:
        block_input = graph.add_input("block_input", shortcut.channels, shortcut.in_size)
    return graph.finished(graph.add_layer(layer, x, block_input), 2 if layer.kind == "head" else 4)


def network_model(spec: NetSpec) -> bytes:
    """Return a whole network, from log-mel (batch, 1, mels, frames) to logits."""
    graph = _Graph()
    x = graph.level(graph.add_input("log_mel", 1, spec.input_size), spec.input_range_db)
    bands = (1, 1, spec.input_size[0], 1)
    x = graph.add("Sub", x, graph.weight(*bands))
    x = graph.add("Mul", x, graph.weight(*bands))
    block_input = x
    for layer in layers_of(spec):
        x = graph.add_layer(layer, x, block_input)
        if layer.kind in ("stem", "project"):
            block_input = x
    return graph.finished(x, 2)


def empty_model() -> bytes:
    """Return a network that does next to nothing: what is left is the call's own time."""
    graph = _Graph()
    return graph.finished(graph.add("Relu", graph.add_input("x", 1, (1, 1))))


class _Graph(Graph):
    """A graph whose weights are random."""

    def __init__(self) -> None:
        super().__init__()
        self._rng = np.random.default_rng(0)

    def weight(self, *shape: int) -> str:
        """Add random weights scaled to keep the variance, so that nothing overflows or vanishes."""
        fan_in = max(1, int(np.prod(shape[1:])))
        values = self._rng.standard_normal(shape) / np.sqrt(fan_in)
        return self.constant(values.astype(np.float32))

    def add_layer(self, layer: Layer, x: str, block_input: str | None) -> str:
        """Add a layer on `x`; a shortcut comes from `block_input`."""
        first, *others = layer.kernels
        y = self._conv(layer, first, x, self.weight(layer.out_channels))
        for kernel in others:
            y = self.add("Add", y, self._conv(layer, kernel, x))
        own = layer.shortcut
        if own is not None and block_input is not None:
            shortcut = self.shortcut(block_input, own.channels, layer.out_channels, own.stride)
            y = self.add("Add", y, shortcut)
        if layer.relu:
            y = self.add("Relu", y)
        if layer.kind == "head":
            y = self.pooled(y)
            if layer.classes is not None:
                weight = self.weight(layer.classes, layer.out_channels)
                y = self.add("Gemm", y, weight, self.weight(layer.classes), transB=1)
        return y

    def _conv(self, layer: Layer, kernel: Shape, x: str, *bias: str) -> str:
        groups = layer.in_channels if layer.kind == "depthwise" else 1
        weight = self.weight(layer.out_channels, layer.in_channels // groups, *kernel)
        return self.convolution(x, weight, *bias, kernel=kernel, stride=layer.stride, groups=groups)

    def finished(self, output: str, dimensions: int = 4) -> bytes:
        """Return the serialised model with its one output."""
        model = self.finish(output, [None] * dimensions, IR_VERSION)
        return bytes(model.SerializeToString())
