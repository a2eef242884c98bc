"""Layers and networks as ONNX with random weights, for timing; built without PyTorch.

The graphs are those that the exporter leaves: batch norms folded into the convolutions before them
(of a sum of depthwise kernels the first has the bias); the shortcut pooled, cut or padded and
added.
"""

from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from asc_nas.cost.layers import Layer, Shortcut, layers_of
from asc_nas.space.netspec import NetSpec, Shape

OPSET = 18
IR_VERSION = 9  # old enough for the onnxruntime of a device


def layer_model(layer: Layer) -> bytes:
    """Return one layer alone; a projection's shortcut is a second input."""
    graph = _Graph()
    x = graph.add_input("x", layer.in_channels, layer.in_size)
    shortcut = layer.shortcut
    block_input = None
    if shortcut is not None:
        block_input = graph.add_input("block_input", shortcut.channels, shortcut.in_size)
    return graph.finish(graph.add_layer(layer, x, block_input), 2 if layer.kind == "head" else 4)


def network_model(spec: NetSpec) -> bytes:
    """Return a whole network, from log-mel (batch, 1, mels, frames) to logits."""
    graph = _Graph()
    x = graph.add_input("log_mel", 1, spec.input_size)
    if spec.input_range_db is not None:
        peak = graph.add("ReduceMax", x, graph.constant(np.array([1, 2, 3])))
        lowest = graph.constant(np.float32(-spec.input_range_db))
        x = graph.add("Clip", graph.add("Sub", x, peak), lowest)
    bands = (1, 1, spec.input_size[0], 1)
    x = graph.add("Sub", x, graph.weight(*bands))
    x = graph.add("Mul", x, graph.weight(*bands))
    block_input = x
    for layer in layers_of(spec):
        x = graph.add_layer(layer, x, block_input)
        if layer.kind in ("stem", "project"):
            block_input = x
    return graph.finish(x, 2)


def empty_model() -> bytes:
    """Return a network that does next to nothing: what is left is the call's own time."""
    graph = _Graph()
    return graph.finish(graph.add("Relu", graph.add_input("x", 1, (1, 1))))


class _Graph:
    """An ONNX graph under construction; values are named by strings."""

    def __init__(self) -> None:
        self._rng = np.random.default_rng(0)
        self._inputs: list[Any] = []
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def add_input(self, name: str, channels: int, size: Shape) -> str:
        """Add an input of shape (batch, channels, frequency, time)."""
        shape: list[str | int | None] = ["batch", channels, *size]
        self._inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
        return name

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Add a node and return its output."""
        output = f"{operator}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, list(inputs), [output], **attributes))
        return output

    def constant(self, value: Any) -> str:
        """Add a constant array."""
        name = f"constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

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
        if layer.shortcut is not None and block_input is not None:
            y = self.add("Add", y, self._shortcut(layer.shortcut, layer.out_channels, block_input))
        if layer.relu:
            y = self.add("Relu", y)
        if layer.kind == "head":
            y = self.add("ReduceMean", y, self.constant(np.array([2, 3])), keepdims=0)
            if layer.classes is not None:
                weight = self.weight(layer.classes, layer.out_channels)
                y = self.add("Gemm", y, weight, self.weight(layer.classes), transB=1)
        return y

    def _conv(self, layer: Layer, kernel: Shape, x: str, *bias: str) -> str:
        groups = layer.in_channels if layer.kind == "depthwise" else 1
        weight = self.weight(layer.out_channels, layer.in_channels // groups, *kernel)
        padding = [extent // 2 for extent in kernel] * 2
        return self.add(
            "Conv",
            x,
            weight,
            *bias,
            kernel_shape=kernel,
            strides=layer.stride,
            pads=padding,
            group=groups,
        )

    def _shortcut(self, shortcut: Shortcut, channels: int, x: str) -> str:
        if shortcut.stride != (1, 1):
            stride = shortcut.stride
            x = self.add("AveragePool", x, kernel_shape=stride, strides=stride, ceil_mode=1)
        missing = channels - shortcut.channels
        if missing > 0:
            x = self.add("Pad", x, self.constant(np.array([0, 0, 0, 0, 0, missing, 0, 0])))
        elif missing < 0:
            bounds = [self.constant(np.array([value])) for value in (0, channels, 1)]
            x = self.add("Slice", x, *bounds)
        return x

    def finish(self, output: str, dimensions: int = 4) -> bytes:
        """Return the serialised model with its one output."""
        shape: list[str | int | None] = [None] * dimensions
        result = helper.make_tensor_value_info(output, TensorProto.FLOAT, shape)
        graph = helper.make_graph(self._nodes, "asc-nas", self._inputs, [result], self._constants)
        opset = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, opset_imports=opset, ir_version=IR_VERSION)
        return bytes(model.SerializeToString())
