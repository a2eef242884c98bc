"""Batch norms of an ONNX graph put into the convolutions before them."""

from collections import Counter

import numpy as np
from onnx import ModelProto, NodeProto, helper, numpy_helper


def fold_norms(model: ModelProto) -> None:
    """Fold every batch norm whose input is a convolution or a sum of convolutions, in place.

    The norm of a sum is linear in it: all of its convolutions are scaled, and one of them gets the
    shift. The PyTorch exporter folds norms behind a single convolution only. A norm behind anything
    else, or behind something that is used elsewhere too, stays.
    """
    for norm in [node for node in model.graph.node if node.op_type == "BatchNormalization"]:
        convolutions = _convolutions_before(model, norm)
        if convolutions:
            _fold(model, norm, convolutions)


def _convolutions_before(model: ModelProto, norm: NodeProto) -> list[NodeProto]:
    """Return the convolutions whose sum is normalised; none if it is not such a sum."""
    made_by = {name: node for node in model.graph.node for name in node.output}
    used = Counter(name for node in model.graph.node for name in node.input)
    used.update(output.name for output in model.graph.output)
    found: list[NodeProto] = []
    left = [norm.input[0]]
    while left:
        name = left.pop()
        node = made_by.get(name)
        if node is None or used[name] != 1 or node.op_type not in ("Add", "Conv"):
            return []
        if node.op_type == "Conv":
            found.append(node)
        else:
            left += reversed(node.input)
    return found


def _fold(model: ModelProto, norm: NodeProto, convolutions: list[NodeProto]) -> None:
    graph = model.graph
    constants = {constant.name: constant for constant in graph.initializer}
    gamma, beta, mean, variance = (
        numpy_helper.to_array(constants[name]).astype(np.float64) for name in norm.input[1:]
    )
    epsilon = next((a.f for a in norm.attribute if a.name == "epsilon"), 1e-5)
    scale = gamma / np.sqrt(variance + epsilon)
    shift = beta - mean * scale
    for number, conv in enumerate(convolutions):
        weight, *biases = (numpy_helper.to_array(constants[name]) for name in conv.input[1:])
        folded = {"weight": weight * scale.reshape(-1, 1, 1, 1)}
        if biases or number == 0:
            bias = sum(biases, np.zeros_like(scale))
            folded["bias"] = bias * scale + (shift if number == 0 else 0)
        names = [f"{conv.output[0]}_folded_{role}" for role in folded]
        graph.initializer.extend(
            numpy_helper.from_array(array.astype(np.float32), name)
            for name, array in zip(names, folded.values(), strict=True)
        )
        conv.input[1:] = names
    # What read the norm now reads the sum.
    for node in graph.node:
        node.input[:] = [norm.input[0] if n == norm.output[0] else n for n in node.input]
    if any(output.name == norm.output[0] for output in graph.output):
        name = f"{norm.output[0]}_unchanged"
        last = helper.make_node("Identity", [norm.input[0]], [norm.output[0]], name=name)
        graph.node.append(last)
    graph.node.remove(norm)
    read = {name for node in graph.node for name in node.input}
    kept = [constant for constant in graph.initializer if constant.name in read]
    del graph.initializer[:]
    graph.initializer.extend(kept)
