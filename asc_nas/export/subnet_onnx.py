"""The project's own networks as ONNX, built layer by layer, with batch norms in the weights.

PyTorch's exporter would do it as well (`asc_nas.export.onnx` takes it for every other network), in
seconds for what is here done in milliseconds. The tests hold one against the other.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from onnx import ModelProto
from torch import nn

from asc_nas.export.graph import Graph
from asc_nas.nn.committee import Committee
from asc_nas.nn.subnet import ConvNorm, InvertedResidual, SubNet
from asc_nas.runtime.classifier import INPUT, OUTPUT
from asc_nas.space.netspec import ConvSpec, Shape

IR_VERSION = 10


def networks_of(module: nn.Module) -> Sequence[SubNet]:
    """Return the network, or those of a committee; none if it is something else."""
    networks = list(module.networks) if isinstance(module, Committee) else [module]
    own = [network for network in networks if isinstance(network, SubNet)]
    return own if len(own) == len(networks) else []


def subnet_onnx(networks: Sequence[SubNet], size: Shape) -> ModelProto:
    """Return a network, or several as a committee: from log-mel to logits.

    Parameters
    ----------
    networks : of the same classes, as `networks_of` gives them
    size : mels and frames
    """
    graph = Graph()
    x = graph.add_input(INPUT, 1, size)
    if len(networks) == 1:
        logits = _logits(graph, networks[0], x, "")
    else:
        together = [
            graph.add("LogSoftmax", _logits(graph, network, x, f"networks.{i}."), axis=1)
            for i, network in enumerate(networks)
        ]
        first = graph.constant(np.array([0]))
        stacked = graph.add("Concat", *(graph.add("Unsqueeze", t, first) for t in together), axis=0)
        total = graph.add("ReduceLogSumExp", stacked, first, keepdims=0)
        logits = graph.add("Sub", total, graph.constant(np.float32(math.log(len(networks)))))
    spec = networks[0].spec
    classes = spec.classifier.out_features if spec.classifier else spec.head.out_channels
    return graph.finish(logits, ["batch", classes], IR_VERSION, OUTPUT)


def _logits(graph: Graph, network: SubNet, x: str, prefix: str) -> str:
    spec, norm = network.spec, network.input_norm
    x = graph.level(x, norm.range_db)
    x = graph.add("Sub", x, graph.constant(_array(norm.mean)))
    x = graph.add("Mul", x, graph.constant(_array(norm.scale)))
    for i, (layer, conv) in enumerate(zip(network.stem, spec.stem, strict=True)):
        assert isinstance(layer, ConvNorm)
        x = graph.add("Relu", _convolution(graph, layer, conv, x, f"{prefix}stem.{i}"))
    for number, block in network.blocks.items():
        assert isinstance(block, InvertedResidual)
        x = _block(graph, block, x, f"{prefix}blocks.{number}")
    x = _convolution(graph, network.head, spec.head, x, f"{prefix}head")
    linear = network.classifier
    if linear is None:
        return graph.pooled(x)
    x = graph.pooled(graph.add("Relu", x))
    named = {"weight": linear.weight, "bias": linear.bias}
    constants = [graph.constant(_array(v), f"{prefix}classifier.{n}") for n, v in named.items()]
    return graph.add("Gemm", x, *constants, transB=1)


def _block(graph: Graph, block: InvertedResidual, x: str, name: str) -> str:
    spec, hidden = block.spec, x
    if block.expand is not None and spec.expand is not None:
        hidden = graph.add(
            "Relu", _convolution(graph, block.expand, spec.expand, x, f"{name}.expand")
        )
    kernels = [_array(conv.get_parameter("weight")) for conv in block.depthwise]
    weights, bias = _folded(kernels, block.depthwise_norm)
    paths = [
        _add(graph, conv, hidden, f"{name}.depthwise.{i}", weight, bias if i == 0 else None)
        for i, (conv, weight) in enumerate(zip(spec.depthwise, weights, strict=True))
    ]
    total, *others = paths
    for path in others:
        total = graph.add("Add", total, path)
    out = _convolution(
        graph, block.project, spec.project, graph.add("Relu", total), f"{name}.project"
    )
    if spec.shortcut:
        shortcut = graph.shortcut(x, spec.in_channels, spec.out_channels, spec.stride)
        out = graph.add("Add", out, shortcut)
    return graph.add("Relu", out) if spec.activation_after_sum else out


def _convolution(graph: Graph, layer: ConvNorm, spec: ConvSpec, x: str, name: str) -> str:
    (weight,), bias = _folded([_array(layer.conv.weight)], layer.norm)
    return _add(graph, spec, x, name, weight, bias)


def _add(
    graph: Graph, spec: ConvSpec, x: str, name: str, weight: np.ndarray, bias: np.ndarray | None
) -> str:
    constants = [graph.constant(weight, f"{name}.weight")]
    if bias is not None:
        constants.append(graph.constant(bias, f"{name}.bias"))
    return graph.convolution(
        x, *constants, kernel=spec.kernel, stride=spec.stride, groups=spec.groups
    )


def _folded(
    kernels: Sequence[NDArray[np.float32]], norm: nn.BatchNorm2d
) -> tuple[list[np.ndarray], np.ndarray]:
    """Return the weights of convolutions and the bias that give their sum, normalised."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    gamma, beta, mean, variance = (
        _array(values).astype(np.float64)
        for values in (norm.weight, norm.bias, norm.running_mean, norm.running_var)
    )
    scale = gamma / np.sqrt(variance + norm.eps)
    weights = [(kernel * scale.reshape(-1, 1, 1, 1)).astype(np.float32) for kernel in kernels]
    return weights, (beta - mean * scale).astype(np.float32)


def _array(values: torch.Tensor) -> NDArray[np.float32]:
    found: NDArray[np.float32] = values.detach().numpy()
    return found
