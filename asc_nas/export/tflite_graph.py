"""The parts of a ``.tflite`` file: tensors, constants and operators, packed by its schema."""

from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asc_nas.core.errors import AscNasError
from asc_nas.export.integer.arithmetic import Scale

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


class Graph:
    """Collects tensors, constants and operators; each tensor is known by its index.

    Attributes
    ----------
    fbs : module with the classes of the schema
    shapes : of each tensor
    scales : of each tensor; None of a constant
    inputs, outputs : tensors of the file
    """

    def __init__(self) -> None:
        self.fbs = schema()
        self._tensors: list[Any] = []
        self.shapes: list[tuple[int, ...]] = []
        self.scales: list[Scale | None] = []
        self._buffers: list[Any] = [self.fbs.BufferT()]  # of tensors that are no constants
        self._codes: list[str] = []
        self._operators: list[Any] = []
        self.inputs: list[int] = []
        self.outputs: list[int] = []

    def file(self, name: str) -> bytes:
        """Return the bytes of what was collected."""
        import flatbuffers

        fbs = self.fbs
        graph = fbs.SubGraphT()
        graph.tensors, graph.operators, graph.name = self._tensors, self._operators, "main"
        graph.inputs, graph.outputs = self.inputs, self.outputs
        model = fbs.ModelT()
        model.version = _SCHEMA_VERSION
        model.description = f"asc-nas {name}"
        model.operatorCodes = [self._code(kind) for kind in self._codes]
        model.subgraphs = [graph]
        model.buffers = self._buffers
        builder = flatbuffers.Builder(1 << 16)
        builder.Finish(model.Pack(builder), _IDENTIFIER)
        return bytes(builder.Output())

    def operator(self, kind: str, inputs: list[int], out: int, options: Any) -> int:
        """Add an operator that makes the tensor `out`; return it. `options` are its ``...T``."""
        if kind not in self._codes:
            self._codes.append(kind)
        operator = self.fbs.OperatorT()
        operator.opcodeIndex = self._codes.index(kind)
        operator.inputs, operator.outputs = inputs, [out]
        operator.builtinOptionsType = getattr(self.fbs.BuiltinOptions, type(options).__name__[:-1])
        operator.builtinOptions = options
        self._operators.append(operator)
        return out

    def _code(self, kind: str) -> Any:
        code = self.fbs.OperatorCodeT()
        code.builtinCode = getattr(self.fbs.BuiltinOperator, kind)
        code.deprecatedBuiltinCode = code.builtinCode
        code.version = OPERATORS[kind]
        return code

    def map(self, name: str, shape: tuple[int, ...], scale: Scale | None) -> int:
        """Return a new tensor of 8-bit integers on `scale`."""
        if scale is None:
            raise ValueError(f"{name}: made of a constant")
        quantization = self._quantization([scale.scale], [scale.zero], 0)
        return self._tensor(name, shape, np.int8, 0, quantization, scale)

    def constant(
        self,
        name: str,
        values: NDArray,
        kind: type[np.integer],
        scales: NDArray[np.float32] | None = None,
        axis: int = 0,
    ) -> int:
        """Return a new tensor of `values`, with a scale for each index along `axis` or without."""
        stored = np.ascontiguousarray(values, np.dtype(kind).newbyteorder("<"))
        self._buffers.append(_constants(self.fbs, stored.tobytes()))
        quantization = None
        if scales is not None:
            quantization = self._quantization(scales.tolist(), [0] * len(scales), axis)
        return self._tensor(name, stored.shape, kind, len(self._buffers) - 1, quantization)

    def _quantization(self, scales: list[float], zeros: list[int], axis: int) -> Any:
        quantization = self.fbs.QuantizationParametersT()
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
        tensor = self.fbs.TensorT()
        tensor.name, tensor.shape, tensor.buffer = name, list(shape), buffer
        tensor.type = getattr(self.fbs.TensorType, np.dtype(kind).name.upper())
        tensor.quantization = quantization
        self._tensors.append(tensor)
        self.shapes.append(shape)
        self.scales.append(scale)
        return len(self._tensors) - 1


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
