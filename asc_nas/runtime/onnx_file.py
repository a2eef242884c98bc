"""What an ONNX file would do, read from its bytes: a model may come from a stranger.

An ONNX file is a protobuf message (``onnx.proto`` has the numbers of its fields). It is read here
without the library for it, which the classifier does not need otherwise.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import count, islice
from math import prod

_NAMES = """
Abs Add ArgMax AveragePool BatchNormalization Cast Clip Concat Constant Conv DequantizeLinear Div
Dropout Elu Erf Exp Flatten Gelu Gemm GlobalAveragePool GlobalMaxPool HardSigmoid HardSwish
Identity InstanceNormalization LayerNormalization LeakyRelu Log LogSoftmax MatMul Max MaxPool Mean
Min Mish Mul Neg PRelu Pad Pow QuantizeLinear Reciprocal ReduceL1 ReduceL2 ReduceLogSumExp
ReduceMax ReduceMean ReduceMin ReduceSum Relu Reshape Shape Sigmoid Slice Softmax Softplus Split
Sqrt Squeeze Sub Sum Tanh Transpose Unsqueeze
"""
OPERATORS = frozenset(_NAMES.split())
"""Those that networks like ours are made of. None repeats others, calls code or opens a file."""
MOST_NODES = 10_000
MOST_FIELDS, MOST_DIMENSIONS = 100_000, 64
"""Of one message, and of one tensor."""
_WITH_GAPS = ("Clip", "Pad", "Slice")
"""Operators that may lack an input before others; a gap in those of Max, say, ends the process."""

_GRAPH, _TRAINING, _FUNCTION = 7, 20, 25  # of a model
_NODE, _INITIALIZER, _OUTPUT, _SPARSE = 1, 5, 12, 15  # of a graph
_INPUT, _RESULT, _OPERATOR, _ATTRIBUTE, _DOMAIN = 1, 2, 4, 5, 7  # of a node
_TENSORS, _OTHERS = (5, 10), (6, 11, 14, 15, 22, 23)  # of an attribute; others: graphs, types, ...
_DIMENSION, _NAME, _EXTERNAL, _LOCATION = 1, 8, 13, 14  # of a tensor

Value = int | memoryview


def check_network(content: bytes) -> None:
    """Check that a network holds its own weights and known operators, and no loop or function.

    Raises
    ------
    ValueError
        If it does not, with what it has: ``"its operator 'Loop' is not known"``.
    """
    nodes = graphs = 0
    for number, value in _fields(memoryview(content)):
        if number in (_TRAINING, _FUNCTION):
            raise ValueError("it holds functions or a training")
        if number == _GRAPH:
            graphs += 1
            for part, found in _fields(value):
                if part == _NODE:
                    nodes += 1
                    _check_node(found)
                elif part == _INITIALIZER:
                    _check_tensor(found)
                elif part == _SPARSE:
                    raise ValueError("it holds sparse tensors")
    if graphs > 1:
        raise ValueError("it holds several graphs")
    if not 0 < nodes <= MOST_NODES:
        raise ValueError(f"it has {nodes:,} operations, where 1 to {MOST_NODES:,} are taken")


def last_features(content: bytes) -> list[str]:
    """Return the names of what the last convolutions take: one of each network of a committee.

    Their answers are averaged over bands and frames; anything else is none of our networks, and
    gives an empty list. The content is a checked network's, see `check_network`.
    """
    nodes = {}
    for graph in (value for number, value in _fields(memoryview(content)) if number == _GRAPH):
        for node in (value for number, value in _fields(graph) if number == _NODE):
            inputs, results, (operator, *_) = _texts(node, _INPUT, _RESULT, _OPERATOR)
            nodes[results[0]] = operator, inputs
    found = []
    for operator, inputs in nodes.values():
        if operator == "ReduceMean":
            before, given = nodes.get(inputs[0], ("", inputs))
            while before in ("DequantizeLinear", "QuantizeLinear"):
                before, given = nodes.get(given[0], ("", given))
            if before == "Conv":
                found.append(given[0])
    return found


def one_network(content: bytes, outputs: Sequence[str], chosen: str) -> bytes:
    """Return what one of several networks in a file needs, as a file; one alone is left as it is.

    They share the input, and each has an output of its own. The content is a checked network's, see
    `check_network`.

    Parameters
    ----------
    outputs : those that the file has to have, in this order
    chosen : one of them

    Raises
    ------
    ValueError
        If it has others.
    """
    if len(outputs) == 1:
        return content
    model = list(_fields(memoryview(content)))
    graph = [part for number, value in model if number == _GRAPH for part in _fields(value)]
    if [_texts(value, 1)[0][:1] for n, value in graph if n == _OUTPUT] != [[x] for x in outputs]:
        raise ValueError("its outputs are not those of the networks that its card lists")
    needed, kept = {chosen}, []
    for number, value in reversed(graph):  # a node stands behind those whose results it takes
        if number == _NODE:
            inputs, results = _texts(value, _INPUT, _RESULT)
            if needed.isdisjoint(results):
                continue
            needed.update(inputs)
        kept.append((number, value))
    named = {_INITIALIZER: _NAME, _OUTPUT: 1}
    graph = [
        (number, value)
        for number, value in reversed(kept)
        if number not in named or not needed.isdisjoint(_texts(value, named[number])[0])
    ]
    parts = [(number, value) for number, value in model if number != _GRAPH]
    return _message([*parts, (_GRAPH, memoryview(_message(graph)))])


def with_outputs(content: bytes, names: Iterable[str]) -> bytes:
    """Return a network that gives more of its values as outputs, float32 each.

    A protobuf message that holds a part twice is read as one with the fields of both.
    """
    graph = b"".join(_field(_OUTPUT, _field(1, name.encode()) + _FLOAT) for name in names)
    return content + _field(_GRAPH, graph)


def _message(fields: Iterable[tuple[int, Value]]) -> bytes:
    return b"".join(_field(number, value) for number, value in fields)


_FLOAT = bytes((2 << 3 | 2, 4, 1 << 3 | 2, 2, 1 << 3, 1))
"""The field ``type`` of a value: a tensor of float32, of any shape."""


def _field(number: int, value: Value | bytes) -> bytes:
    """Return a field of a message: of a whole number, or of bytes."""
    if isinstance(value, int):
        return _as_varint(number << 3) + _as_varint(value)
    return _as_varint(number << 3 | 2) + _as_varint(len(value)) + bytes(value)


def _as_varint(value: int) -> bytes:
    """Return a number as `_varint` reads it."""
    coded = bytearray()
    while value > 127:
        coded.append(value & 127 | 128)
        value >>= 7
    return bytes((*coded, value))


def _check_node(node: Value) -> None:
    operator, has_gap = "", False
    for number, value in _fields(node):
        has_gap |= number == _INPUT and not _text(value)
        operator = _text(value) if number == _OPERATOR else operator
        if number == _DOMAIN and _text(value) not in ("", "ai.onnx"):
            raise ValueError(f"its operators of {_text(value)!r} are not known")
        if number == _OPERATOR and _text(value) not in OPERATORS:
            raise ValueError(f"its operator {_text(value)!r} is not known")
        if number == _ATTRIBUTE:
            for part, found in _fields(value):
                if part in _TENSORS:
                    _check_tensor(found)
                elif part in _OTHERS:
                    raise ValueError("it holds a graph in a graph, or another attribute not known")
    if has_gap and operator not in _WITH_GAPS:
        raise ValueError(f"an input of its operator {operator!r} is missing")


def _check_tensor(tensor: Value) -> None:
    shape: list[int] = []
    for number, value in _fields(tensor):
        if number == _EXTERNAL or (number == _LOCATION and value != 0):
            raise ValueError("its weights are in other files")
        if number == _DIMENSION:
            found = [value] if isinstance(value, int) else _varints(value)
            shape += islice(found, MOST_DIMENSIONS + 1)
        if len(shape) > MOST_DIMENSIONS:
            raise ValueError("it holds tensors of too many dimensions")
    if isinstance(tensor, memoryview) and prod(shape) > len(tensor):
        raise ValueError("it announces larger weights than it holds")


def _texts(message: Value, *numbers: int) -> list[list[str]]:
    """Return the texts in the fields of each of these numbers."""
    found: dict[int, list[str]] = {number: [] for number in numbers}
    for number, value in _fields(message):
        if number in found and not isinstance(value, int):
            found[number].append(bytes(value).decode())
    return list(found.values())


def _text(value: Value) -> str:
    """Return the beginning of a text."""
    return "" if isinstance(value, int) else bytes(value[:40]).decode(errors="replace")


def _fields(message: Value) -> Iterator[tuple[int, Value]]:
    """Yield number and value of each field of a message: a whole number, or bytes."""
    if isinstance(message, int):
        raise ValueError("it is damaged")
    at = 0
    for number in count():
        if at >= len(message):
            return
        if number == MOST_FIELDS:
            raise ValueError("it is of too many parts")
        key, at = _varint(message, at)
        kind = key & 7
        if kind == 0:
            value, at = _varint(message, at)
            yield key >> 3, value
            continue
        size = {1: 8, 5: 4}.get(kind, -1)
        if kind == 2:
            size, at = _varint(message, at)
        if not 0 <= size <= len(message) - at:
            raise ValueError("it is damaged")
        yield key >> 3, message[at : at + size]
        at += size


def _varints(packed: memoryview) -> Iterator[int]:
    at = 0
    while at < len(packed):
        value, at = _varint(packed, at)
        yield value


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """Return the number that begins `at` a place, 7 bits in a byte, and the place behind it."""
    value = 0
    for shift in range(0, 70, 7):
        if at + shift // 7 >= len(message):
            break
        byte = message[at + shift // 7]
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at + shift // 7 + 1
    raise ValueError("it is damaged")
