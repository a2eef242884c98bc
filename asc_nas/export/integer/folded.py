"""Layers and weights of an exported network, read back from its ONNX file.

What an export starts from is the float ONNX file, not PyTorch: so a model in the box and one from
elsewhere can be exported too. The file is one that `asc_nas.export.onnx` wrote, with batch norms
folded; its operations come in the order of the layers.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, helper, numpy_helper

from asc_nas.core.errors import AscNasError
from asc_nas.space.netspec import BlockSpec, ConvSpec, LinearSpec, NetSpec, Shape

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class FoldedLayer:
    """Weights (out, in / groups, frequency, time) and bias (out,), and the value after ReLU or sum.

    Depthwise kernels that are summed are one kernel here: the smallest that holds them all, with
    zeros where none of them has a weight. `output` is the name in the ONNX graph of what the layer
    gives (after its ReLU), on which its range is found.
    """

    weights: Floats
    bias: Floats
    output: str


@dataclass(frozen=True)
class FoldedNetwork:
    """One network of an ONNX file.

    Attributes
    ----------
    spec : NetSpec
        Its layers; blocks that are skipped are not there.
    mean, scale : (mels,) float32
        What standardises each band of the log-mel (after the level's limit, see `NetSpec`).
    standardised : name of the standardised log-mel in the graph
    layers : by name: ``stem.0``, ``blocks.3.expand``, ``.depthwise``, ``.project``, ``head``,
        ``classifier``
    sums : for each block with a shortcut, ``blocks.3``, the name of the sum (after its ReLU)
    """

    spec: NetSpec
    mean: Floats
    scale: Floats
    standardised: str
    layers: dict[str, FoldedLayer]
    sums: dict[str, str]


def read_folded(file: Path, input_size: Shape) -> tuple[FoldedNetwork, ...]:
    """Return the networks of a float ONNX file: one, or those of a committee.

    Raises
    ------
    AscNasError
        If the file is not of a network that asc-nas exports.
    """
    graph = onnx.load(file).graph
    constants = {c.name: numpy_helper.to_array(c) for c in graph.initializer}
    try:
        return tuple(
            _Reader(nodes, constants, input_size).read() for nodes in _networks(list(graph.node))
        )
    except (LookupError, ValueError, StopIteration) as error:
        raise AscNasError(
            f"{file}: has another structure than the float networks that asc-nas exports "
            f"({error}); export it again, or give the float model instead of an int8 one."
        ) from error


def _networks(nodes: list[NodeProto]) -> Iterator[list[NodeProto]]:
    """Yield the nodes of each network, without those that average a committee's posteriors."""
    makers = {output: node for node in nodes for output in node.output}
    ends = [node.input[0] for node in nodes if node.op_type == "LogSoftmax"] or nodes[-1].output
    for end in ends:
        needed: set[int] = set()
        left = [end]
        while left:
            maker = makers.get(left.pop())
            if maker is not None and id(maker) not in needed:
                needed.add(id(maker))
                left.extend(maker.input)
        yield [node for node in nodes if id(node) in needed]


class _Reader:
    """Reads the nodes of one network from front to back."""

    def __init__(
        self, nodes: list[NodeProto], constants: dict[str, np.ndarray], input_size: Shape
    ) -> None:
        self._nodes = nodes
        self._constants = constants
        self._size = input_size
        self._layers: dict[str, FoldedLayer] = {}
        self._sums: dict[str, str] = {}
        self._sizes: dict[str, Shape] = {}

    def read(self) -> FoldedNetwork:
        size = self._size
        range_db = self._range()
        mean, scale = (self._constant(self._take(kind), 1).ravel() for kind in ("Sub", "Mul"))
        standardised = self._last.output[0]
        stem: list[ConvSpec] = []
        while self._is_stem():
            stem.append(self._convolution(f"stem.{len(stem)}"))
        blocks: list[BlockSpec] = []
        while not self._is_head():
            blocks.append(self._block(f"blocks.{len(blocks)}"))
        head = self._convolution("head")
        pooled = self._take("ReduceMean").output[0]
        classifier = self._classifier() if self._nodes else None
        if classifier is None:  # the average of the head's outputs is the logits
            self._layers["head"] = replace(self._layers["head"], output=pooled)
        if self._nodes:
            raise ValueError(f"{self._nodes[0].op_type} after the logits")
        spec = NetSpec(size, range_db, tuple(stem), tuple(blocks), head, classifier)
        return FoldedNetwork(spec, mean, scale, standardised, self._layers, self._sums)

    def _range(self) -> float | None:
        if self._nodes[0].op_type != "ReduceMax":
            return None
        self._take("ReduceMax")
        self._take("Sub")
        return -float(self._constant(self._take("Clip"), 1))

    def _take(self, kind: str) -> NodeProto:
        node = self._nodes.pop(0)
        if node.op_type != kind:
            raise ValueError(f"{node.op_type} where {kind} was expected")
        self._last = node
        return node

    def _constant(self, node: NodeProto, place: int) -> np.ndarray:
        return self._constants[node.input[place]]

    def _bias(self, node: NodeProto) -> np.ndarray:
        """Return a layer's bias; the exporter leaves out one that is zero."""
        if len(node.input) > 2:
            return self._constant(node, 2)
        return np.zeros(self._constant(node, 1).shape[0], np.float32)

    def _next(self, kind: str) -> bool:
        return bool(self._nodes) and self._nodes[0].op_type == kind

    def _groups(self) -> int:
        return int(_attributes(self._nodes[0]).get("group", 1)) if self._next("Conv") else 0

    def _is_stem(self) -> bool:
        """Whether a convolution comes that is no expansion: no depthwise kernels follow it."""
        behind = self._nodes[1 + (self._nodes[1].op_type == "Relu")]
        follows = behind.op_type == "Conv" and _attributes(behind).get("group", 1) > 1
        pointwise = self._constant(self._nodes[0], 1).shape[2:] == (1, 1)
        return self._groups() == 1 and not self._is_head() and not (pointwise and follows)

    def _is_head(self) -> bool:
        """Whether what comes is averaged over the map: the head, and no expansion."""
        conv = 1 + (self._nodes[1].op_type == "Relu")
        return self._groups() == 1 and self._nodes[conv].op_type == "ReduceMean"

    def _convolution(self, name: str) -> ConvSpec:
        """Take a convolution and its ReLU."""
        node, spec = self._conv()
        self._keep(name, node)
        return spec

    def _conv(self) -> tuple[NodeProto, ConvSpec]:
        node = self._take("Conv")
        weights, attributes = self._constant(node, 1), _attributes(node)
        groups = attributes.get("group", 1)
        kernel = weights.shape[2], weights.shape[3]
        stride = tuple(attributes["strides"])
        size = self._sizes.get(node.input[0], self._size)
        out = tuple(
            (length + 2 * (extent // 2) - extent) // step + 1
            for length, extent, step in zip(size, kernel, stride, strict=True)
        )
        if tuple(attributes["pads"]) != (kernel[0] // 2, kernel[1] // 2) * 2:
            raise ValueError(f"padding {attributes['pads']} of a kernel {kernel}")
        spec = ConvSpec(weights.shape[1] * groups, len(weights), kernel, stride, groups, out)
        self._sizes[node.output[0]] = out
        return node, spec

    def _keep(self, name: str, *nodes: NodeProto) -> None:
        """Store a layer of one or several summed convolutions, and take the ReLU behind it."""
        weights = _merged([self._constant(node, 1) for node in nodes])
        bias = np.sum([self._bias(node) for node in nodes], axis=0)
        self._layers[name] = FoldedLayer(weights, bias, self._relu(self._last.output[0]))

    def _relu(self, value: str) -> str:
        if self._next("Relu") and self._nodes[0].input[0] == value:
            self._sizes[self._take("Relu").output[0]] = self._sizes[value]
            return self._last.output[0]
        return value

    def _block(self, name: str) -> BlockSpec:
        before = self._nodes[0].input[0]
        expand = self._convolution(f"{name}.expand") if self._groups() == 1 else None
        hidden = self._nodes[0].input[0]
        nodes: list[NodeProto] = []
        specs: list[ConvSpec] = []
        while self._next("Conv") and self._nodes[0].input[0] == hidden:
            node, spec = self._conv()
            nodes.append(node)
            specs.append(spec)
        for _ in nodes[1:]:
            size = self._sizes[self._last.output[0]]
            self._sizes[self._take("Add").output[0]] = size
        self._keep(f"{name}.depthwise", *nodes)
        project_node, project = self._conv()
        projected = project_node.output[0]
        shortcut = self._shortcut(name, projected, before)
        value = self._sums.get(name, projected)
        activated = self._relu(value)
        if shortcut:
            self._sums[name] = activated
        self._layers[f"{name}.project"] = FoldedLayer(
            self._constant(project_node, 1),
            self._bias(project_node),
            projected if shortcut else activated,
        )
        return BlockSpec(expand, tuple(specs), project, shortcut, activated != value)

    def _shortcut(self, name: str, projected: str, added: str) -> bool:
        """Take the sum with the block's input and what comes before: its pooling, padding or cut.

        `added` is the block's input.
        """
        before = 0
        while self._nodes[before].op_type in ("AveragePool", "Pad", "Slice"):
            if self._nodes[before].input[0] != added:
                raise ValueError(f"a shortcut of {name} from elsewhere")
            added = self._nodes[before].output[0]
            before += 1
        add = self._nodes[before]
        if add.op_type != "Add":
            return False
        if {*add.input} != {projected, added}:
            raise ValueError(f"a shortcut of {name} from elsewhere")
        del self._nodes[: before + 1]
        self._sizes[add.output[0]] = self._sizes[projected]
        self._sums[name] = add.output[0]
        return True

    def _classifier(self) -> LinearSpec:
        node = self._take("Gemm")
        weights = self._constant(node, 1)
        if not _attributes(node).get("transB"):
            weights = weights.T
        bias = self._bias(node) if len(node.input) > 2 else np.zeros(len(weights), np.float32)
        self._layers["classifier"] = FoldedLayer(weights[:, :, None, None], bias, node.output[0])
        return LinearSpec(weights.shape[1], weights.shape[0])


def _merged(kernels: list[np.ndarray]) -> np.ndarray:
    """Return the sum of kernels, each centred in the smallest that holds them all."""
    extent = tuple(max(kernel.shape[axis] for kernel in kernels) for axis in (2, 3))
    total = np.zeros((*kernels[0].shape[:2], *extent), np.float32)
    for kernel in kernels:
        first = [(size - own) // 2 for size, own in zip(extent, kernel.shape[2:], strict=True)]
        rows, columns = (
            slice(start, start + own) for start, own in zip(first, kernel.shape[2:], strict=True)
        )
        total[:, :, rows, columns] += kernel
    return total


def _attributes(node: NodeProto) -> dict:
    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
