"""An ONNX graph under construction."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper

from asc_nas.space.netspec import Shape

OPSET = 18
Sizes = Sequence[str | int | None]


class Graph:
    """Nodes in the order of their computation; values are named by strings.

    A node of the same operator, inputs and attributes as one before is that one, and so is a
    constant of the same name and values.
    """

    def __init__(self) -> None:
        self._inputs: list[Any] = []
        self._nodes: dict[str, Any] = {}
        self._constants: dict[str, Any] = {}

    def add_input(self, name: str, channels: int, size: Shape) -> str:
        """Add an input of shape (batch, channels, frequency, time)."""
        shape: Sizes = ["batch", channels, *size]
        self._inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
        return name

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Add a node and return its output."""
        key = repr((operator, inputs, sorted(attributes.items())))
        if key not in self._nodes:
            output = f"{operator}_{len(self._nodes)}"
            self._nodes[key] = helper.make_node(
                operator, list(inputs), [output], name=output, **attributes
            )
        return str(self._nodes[key].output[0])

    def constant(self, value: Any, name: str = "") -> str:
        """Add a constant array; without a `name` it gets one."""
        array = np.asarray(value)
        key = repr((name, array.dtype.str, array.shape, array.tobytes()))
        if key not in self._constants:
            own = name or f"constant_{len(self._constants)}"
            self._constants[key] = numpy_helper.from_array(array, own)
        return str(self._constants[key].name)

    def convolution(
        self, x: str, *constants: str, kernel: Shape, stride: Shape, groups: int
    ) -> str:
        """Add a convolution by the constants weights and, if there is one, bias."""
        return self.add(
            "Conv",
            x,
            *constants,
            kernel_shape=kernel,
            strides=stride,
            pads=[extent // 2 for extent in kernel] * 2,
            group=groups,
        )

    def shortcut(self, x: str, channels: int, out_channels: int, stride: Shape) -> str:
        """Add what `asc_nas.nn.subnet.shortcut` makes of a block's input with `channels`."""
        if stride != (1, 1):
            x = self.add(
                "AveragePool",
                x,
                kernel_shape=stride,
                strides=stride,
                ceil_mode=1,
                count_include_pad=0,
            )
        missing = out_channels - channels
        if missing > 0:
            x = self.add("Pad", x, self.constant(np.array([0, 0, 0, 0, 0, missing, 0, 0])))
        elif missing < 0:
            bounds = [self.constant(np.array([value])) for value in (0, out_channels, 1)]
            x = self.add("Slice", x, *bounds)
        return x

    def pooled(self, x: str) -> str:
        """Add the mean over frequency and time."""
        return self.add("ReduceMean", x, self.constant(np.array([2, 3])), keepdims=0)

    def level(self, x: str, range_db: float | None) -> str:
        """Add what `asc_nas.nn.subnet.InputNorm.level` makes of the log-mel."""
        if range_db is None:
            return x
        peak = self.add("ReduceMax", x, self.constant(np.array([1, 2, 3])), keepdims=1)
        return self.add("Clip", self.add("Sub", x, peak), self.constant(np.float32(-range_db)))

    def finish(self, output: str, shape: Sizes, ir_version: int, name: str = "") -> ModelProto:
        """Return the model with its one output, under another `name` if there is one."""
        nodes = list(self._nodes.values())
        if name:
            (last,) = (node for node in nodes if node.output[0] == output)
            last.output[0] = output = name
        result = helper.make_tensor_value_info(output, TensorProto.FLOAT, list(shape))
        constants = list(self._constants.values())
        graph = helper.make_graph(nodes, "asc-nas", self._inputs, [result], constants)
        opset = [helper.make_opsetid("", OPSET)]
        return helper.make_model(graph, opset_imports=opset, ir_version=ir_version)
