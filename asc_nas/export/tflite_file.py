"""The integer networks as one ``.tflite`` file, in 8-bit integers throughout.

The file says what `IntegerNetwork` computes, operator by operator, with the numbers as they are:
nothing is quantised anew. Maps are NHWC, (1, frequency, time, channels). The operators are of those
that TensorFlow Lite Micro has: `OPERATORS`. One subgraph holds all networks, each with an input
``log_mel_0`` (1, mels, frames, 1), the standardised log-mel of `IntegerInput`, and an output
``logits_0`` (1, classes).
"""

from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asc_nas.core.errors import AscNasError
from asc_nas.export.integer.arithmetic import Scale
from asc_nas.export.integer.network import IntegerLayer, IntegerNetwork, IntegerSum
from asc_nas.space.netspec import BlockSpec, Shape

OPERATORS = {
    "ADD": 2,
    "AVERAGE_POOL_2D": 2,
    "CONV_2D": 3,
    "DEPTHWISE_CONV_2D": 3,
    "PAD": 2,
    "RESHAPE": 1,
    "SLICE": 2,
}
"""Operators that a file may hold, and the version of each that has 8-bit integers."""
INSTALL = "pip install 'asc-nas[device]'"
_IDENTIFIER = b"TFL3"
_SCHEMA_VERSION = 3
_ALIGNMENT = 16  # of constants, as the schema asks for


def schema() -> ModuleType:
    """Return the module with the classes of the file's schema.

    Raises
    ------
    AscNasError
        If the package that has it is not installed.
    """
    try:
        from ai_edge_litert import schema_py_generated
    except ImportError as error:
        raise AscNasError(
            f"a .tflite file needs the package ai-edge-litert: install it with {INSTALL}."
        ) from error
    return schema_py_generated


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
    graph = _Graph(schema())
    for place, network in enumerate(networks):
        graph.network(place, network)
    return graph.file(name)


class _Graph:
    """Collects tensors, constants and operators; a map is the index of its tensor."""

    def __init__(self, fbs: ModuleType) -> None:
        self._fbs = fbs
        self._tensors: list[Any] = []
        self._shapes: list[tuple[int, ...]] = []
        self._scales: list[Scale | None] = []
        self._buffers: list[Any] = [fbs.BufferT()]  # the first is of tensors without a constant
        self._codes: list[str] = []
        self._operators: list[Any] = []
        self._inputs: list[int] = []
        self._outputs: list[int] = []

    def file(self, name: str) -> bytes:
        """Return the bytes of what was collected."""
        import flatbuffers

        fbs = self._fbs
        graph = fbs.SubGraphT()
        graph.tensors, graph.operators, graph.name = self._tensors, self._operators, "main"
        graph.inputs, graph.outputs = self._inputs, self._outputs
        model = fbs.ModelT()
        model.version = _SCHEMA_VERSION
        model.description = f"asc-nas {name}"
        model.operatorCodes = [self._code(kind) for kind in self._codes]
        model.subgraphs = [graph]
        model.buffers = self._buffers
        builder = flatbuffers.Builder(1 << 16)
        builder.Finish(model.Pack(builder), _IDENTIFIER)
        return bytes(builder.Output())

    def network(self, place: int, network: IntegerNetwork) -> None:
        """Add a network with its input and output."""
        spec, prefix = network.spec, f"networks.{place}"
        x = self._map(f"log_mel_{place}", (1, *spec.input_size, 1), network.input.scale)
        self._inputs.append(x)
        for i, conv in enumerate(spec.stem):
            x = self._layer(f"{prefix}.stem.{i}", network.layers[f"stem.{i}"], x, conv.stride)
        for i, block in enumerate(spec.blocks):
            if block is not None:
                x = self._block(f"{prefix}.blocks.{i}", f"blocks.{i}", network, block, x)
        if spec.classifier is not None:
            x = self._layer(f"{prefix}.head", network.layers["head"], x)
        _, rows, columns, _ = self._shapes[x]
        x = self._pool(f"{prefix}.pooled", x, (rows, columns))
        x = self._layer(f"{prefix}.last", network.last, x)
        self._outputs.append(self._flat(f"logits_{place}", x))

    def _block(self, name: str, key: str, network: IntegerNetwork, block: BlockSpec, x: int) -> int:
        layers, hidden = network.layers, x
        if block.expand is not None:
            hidden = self._layer(f"{name}.expand", layers[f"{key}.expand"], x)
        depthwise = layers[f"{key}.depthwise"]
        hidden = self._layer(f"{name}.depthwise", depthwise, hidden, block.stride, depthwise=True)
        out = self._layer(f"{name}.project", layers[f"{key}.project"], hidden)
        if not block.shortcut:
            return out
        return self._sum(f"{name}.sum", network.sums[key], self._shortcut(name, block, x), out)

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
        _, *size, _ = self._shapes[x]
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
            self._constant(
                f"{name}.weights", weights, np.int8, layer.weight_scales, 3 if depthwise else 0
            ),
            self._constant(f"{name}.bias", layer.bias, np.int32, steps.astype(np.float32), 0),
        ]
        kind = "DepthwiseConv2D" if depthwise else "Conv2D"
        options = self._options(kind, stride, same)
        options.fusedActivationFunction = self._activation(layer.relu)
        options.dilationHFactor = options.dilationWFactor = 1
        if depthwise:
            options.depthMultiplier = 1
        shape = (1, *out, len(layer.weights))
        return self._operator(
            "DEPTHWISE_CONV_2D" if depthwise else "CONV_2D",
            inputs,
            self._map(name, shape, layer.target),
            f"{kind}Options",
            options,
        )

    def _sum(self, name: str, both: IntegerSum, shortcut: int, projected: int) -> int:
        options = self._fbs.AddOptionsT()
        options.fusedActivationFunction = self._activation(both.relu)
        out = self._map(name, self._shapes[projected], both.target)
        return self._operator("ADD", [shortcut, projected], out, "AddOptions", options)

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
        _, *size, channels = self._shapes[x]
        out = [-(-length // step) for length, step in zip(size, extent, strict=True)]
        before = [
            (steps * step - length) // 2
            for length, step, steps in zip(size, extent, out, strict=True)
        ]
        if any(before):
            raise AscNasError(
                f"{name}: averages of {extent} over a map of {tuple(size)} do not begin at its "
                "edge in a .tflite file; use strides of 1 and 2."
            )
        options = self._options("Pool2D", extent, True)
        options.filterHeight, options.filterWidth = extent
        pooled = self._map(name, (1, *out, channels), self._scales[x])
        return self._operator("AVERAGE_POOL_2D", [x], pooled, "Pool2DOptions", options)

    def _pad(self, name: str, x: int, around: list[Shape]) -> int:
        """Add what widens a map by zeros, (before, after) on each axis."""
        amounts = self._constant(f"{name}.by", np.array(around), np.int32)
        shape = tuple(
            length + sum(more) for length, more in zip(self._shapes[x], around, strict=True)
        )
        padded = self._map(name, shape, self._scales[x])
        options = self._fbs.PadOptionsT()
        return self._operator("PAD", [x, amounts], padded, "PadOptions", options)

    def _cut(self, name: str, x: int, channels: int) -> int:
        """Add what keeps the leading channels."""
        shape = (*self._shapes[x][:3], channels)
        begin = self._constant(f"{name}.from", np.zeros(4), np.int32)
        size = self._constant(f"{name}.size", np.array(shape), np.int32)
        cut = self._map(name, shape, self._scales[x])
        options = self._fbs.SliceOptionsT()
        return self._operator("SLICE", [x, begin, size], cut, "SliceOptions", options)

    def _flat(self, name: str, x: int) -> int:
        """Add what makes (1, channels) of a map of one place."""
        shape = (1, self._shapes[x][3])
        wanted = self._constant(f"{name}.shape", np.array(shape), np.int32)
        options = self._fbs.ReshapeOptionsT()
        options.newShape = list(shape)
        flat = self._map(name, shape, self._scales[x])
        return self._operator("RESHAPE", [x, wanted], flat, "ReshapeOptions", options)

    def _options(self, kind: str, stride: Shape, same: bool) -> Any:
        options = getattr(self._fbs, f"{kind}OptionsT")()
        options.strideH, options.strideW = stride
        options.padding = self._fbs.Padding.SAME if same else self._fbs.Padding.VALID
        return options

    def _activation(self, relu: bool) -> int:
        kinds = self._fbs.ActivationFunctionType
        return int(kinds.RELU if relu else kinds.NONE)

    def _operator(self, kind: str, inputs: list[int], out: int, table: str, options: Any) -> int:
        if kind not in self._codes:
            self._codes.append(kind)
        operator = self._fbs.OperatorT()
        operator.opcodeIndex = self._codes.index(kind)
        operator.inputs, operator.outputs = inputs, [out]
        operator.builtinOptionsType = getattr(self._fbs.BuiltinOptions, table)
        operator.builtinOptions = options
        self._operators.append(operator)
        return out

    def _code(self, kind: str) -> Any:
        code = self._fbs.OperatorCodeT()
        code.builtinCode = getattr(self._fbs.BuiltinOperator, kind)
        code.deprecatedBuiltinCode = code.builtinCode
        code.version = OPERATORS[kind]
        return code

    def _map(self, name: str, shape: tuple[int, ...], scale: Scale | None) -> int:
        """Return a new tensor of 8-bit integers on `scale`."""
        if scale is None:
            raise ValueError(f"{name}: made of a constant")
        quantization = self._quantization([scale.scale], [scale.zero], 0)
        return self._tensor(name, shape, np.int8, 0, quantization, scale)

    def _constant(
        self,
        name: str,
        values: NDArray,
        kind: type[np.integer],
        scales: NDArray[np.float32] | None = None,
        axis: int = 0,
    ) -> int:
        """Return a new tensor of `values`, with a scale for each index along `axis` or without."""
        stored = np.ascontiguousarray(values, np.dtype(kind).newbyteorder("<"))
        self._buffers.append(_constants(self._fbs, stored.tobytes()))
        quantization = None
        if scales is not None:
            quantization = self._quantization(scales.tolist(), [0] * len(scales), axis)
        return self._tensor(name, stored.shape, kind, len(self._buffers) - 1, quantization)

    def _quantization(self, scales: list[float], zeros: list[int], axis: int) -> Any:
        quantization = self._fbs.QuantizationParametersT()
        quantization.scale, quantization.zeroPoint = scales, zeros
        quantization.quantizedDimension = axis
        return quantization

    def _tensor(
        self,
        name: str,
        shape: tuple[int, ...],
        kind: type[np.integer],
        buffer: int,
        quantization: Any,
        scale: Scale | None = None,
    ) -> int:
        tensor = self._fbs.TensorT()
        tensor.name, tensor.shape, tensor.buffer = name, list(shape), buffer
        tensor.type = getattr(self._fbs.TensorType, np.dtype(kind).name.upper())
        tensor.quantization = quantization
        self._tensors.append(tensor)
        self._shapes.append(shape)
        self._scales.append(scale)
        return len(self._tensors) - 1


def _pads_by_half(length: int, extent: int, step: int, out: int) -> bool:
    """Whether TFLite's padding SAME puts half the kernel before a map, and gives `out` values."""
    total = max((out - 1) * step + extent - length, 0)
    return out == -(-length // step) and total // 2 == extent // 2


def _constants(fbs: ModuleType, content: bytes) -> Any:
    """Return a buffer of `content`, aligned as the schema asks for."""

    def pack(builder: Any) -> Any:
        builder.StartVector(1, len(content), _ALIGNMENT)
        builder.head -= len(content)
        builder.Bytes[builder.head : builder.head + len(content)] = content
        data = builder.EndVector()
        fbs.BufferStart(builder)
        fbs.BufferAddData(builder, data)
        return fbs.BufferEnd(builder)

    buffer = fbs.BufferT()
    buffer.data, buffer.Pack = content, pack  # the class's own does not align
    return buffer
