"""The C source of a network in integers: its weights and the calls of its layers."""

from collections.abc import Callable, Iterator
from typing import Literal

import numpy as np

from asc_nas.cost.memory import plan
from asc_nas.export.firmware.text import array
from asc_nas.export.integer.arithmetic import Factor
from asc_nas.export.integer.network import IntegerLayer, IntegerNetwork, IntegerSum
from asc_nas.space.netspec import BlockSpec, NetSpec, Shape

Kind = Literal["convolution", "depthwise", "pointwise"]
Named = Callable[[str], str]
"""From the name of a map, layer or sum to C: its place, or its table."""
GROUP = 4
"""Outputs whose weights lie together."""


def network_source(number: int, network: IntegerNetwork) -> str:
    """Return tables and function of network `number` (of a committee, or 0)."""
    prefix = f"n{number}"
    parts = [_input(prefix, network)]
    for name, layer in network.layers.items():
        parts.append(_layer(f"{prefix}_{_identifier(name)}", layer, _kind(name)))
    for name, added in network.sums.items():
        block = network.spec.blocks[int(name.partition(".")[2])]
        if block is not None:
            parts.append(_sum(f"{prefix}_{_identifier(name)}_sum", added, block.in_channels))
    heard = network.input
    bound = -1 if heard.range is None else heard.range
    tables = f"{prefix}_input_multipliers, {prefix}_input_offsets, {bound}"
    lines = calls(network.spec, tables, lambda name: f"{prefix}_{_identifier(name)}")
    parts.append(
        f"static void {prefix}(const int16_t *features, int8_t *arena, int8_t *logits) {{\n"
        + "".join(f"    {line}\n" for line in lines)
        + "}\n"
    )
    return "\n".join(parts)


def stored_bytes(network: IntegerNetwork) -> int:
    """Return the bytes of a network's tables on the device."""
    total = 12 * len(network.input.multipliers) + 20 * len(network.sums)
    for name, layer in network.layers.items():
        weights, taps = _packed(layer, _kind(name))
        total += weights.size + 2 * len(taps) + 9 * rounded_up(len(layer.bias))
    return total


def _kind(name: str) -> Kind:
    """Return how the C code computes a layer."""
    if name.startswith("stem."):
        return "convolution"
    return "depthwise" if name.endswith(".depthwise") else "pointwise"


def _identifier(name: str) -> str:
    return name.replace(".", "_")


def _input(prefix: str, network: IntegerNetwork) -> str:
    heard = network.input
    mels = len(heard.multipliers)
    return array(
        f"static const int32_t {prefix}_input_multipliers[{mels}]", heard.multipliers
    ) + array(f"static const int64_t {prefix}_input_offsets[{mels}]", heard.offsets, "LL")


def _layer(name: str, layer: IntegerLayer, kind: Kind) -> str:
    weights, taps = _packed(layer, kind)
    outputs = rounded_up(len(layer.bias))
    bias = layer.bias
    if kind == "pointwise":  # nothing is padded: the zero adds the same everywhere
        bias = bias - layer.source.zero * layer.weights.sum((1, 2, 3))
    places = ", ".join(f"{{{y}, {x}}}" for y, x in taps)
    fields = [
        *(f"{name}_{field}" for field in ("weights", "bias", "multipliers", "shifts", "taps")),
        len(layer.bias) if kind == "depthwise" else layer.weights.shape[1],
        len(layer.bias),
        len(taps),
        layer.source.zero,
        layer.target.zero,
        layer.lowest,
    ]
    return (
        array(f"static const int8_t {name}_weights[{weights.size}]", weights)
        + array(f"static const int32_t {name}_bias[{outputs}]", _filled(bias))
        + array(
            f"static const int32_t {name}_multipliers[{outputs}]", _filled(layer.factor.multiplier)
        )
        + array(f"static const uint8_t {name}_shifts[{outputs}]", _filled(layer.factor.shift))
        + f"static const int8_t {name}_taps[{len(taps)}][2] = {{{places}}};\n"
        + f"static const asc_layer {name} = {{{', '.join(map(str, fields))}}};\n"
    )


def _packed(layer: IntegerLayer, kind: Kind) -> tuple[np.ndarray, list[Shape]]:
    """Return the weights in the order of the C code, and the places of the taps that are used."""
    outputs, inputs, rows, columns = layer.weights.shape
    used = np.argwhere(layer.weights.any((0, 1)))
    if kind == "pointwise" or not len(used):
        used = np.zeros((1, 2), np.int64)
    taps = [(int(row) - rows // 2, int(column) - columns // 2) for row, column in used]
    weights = layer.weights[:, :, used[:, 0], used[:, 1]]  # (out, in, tap)
    if kind == "depthwise":
        return weights[:, 0], taps
    padded = np.zeros((rounded_up(outputs), inputs, len(taps)), np.int64)
    padded[:outputs] = weights
    return padded.reshape(-1, GROUP, inputs, len(taps)).transpose(0, 2, 3, 1), taps


def rounded_up(outputs: int) -> int:
    """Return the outputs that lie in memory, whole groups."""
    return -(-outputs // GROUP) * GROUP


def _filled(values: np.ndarray) -> np.ndarray:
    return np.pad(values, (0, rounded_up(len(values)) - len(values)))


def _sum(name: str, added: IntegerSum, channels: int) -> str:
    factors: tuple[Factor, ...] = added.factors
    multipliers = ", ".join(str(int(factor.multiplier[0])) for factor in factors)
    shifts = ", ".join(str(int(factor.shift[0])) for factor in factors)
    zeros = f"{added.shortcut.zero}, {added.projected.zero}, {added.target.zero}, {added.lowest}"
    return (
        f"static const asc_sum {name} = {{{{{multipliers}}}, {{{shifts}}}, {channels}, {zeros}}};\n"
    )


def calls(spec: NetSpec, standardise: str, named: Named) -> Iterator[str]:
    """Yield the statements that compute a network, with each map at its place in the arena.

    Parameters
    ----------
    standardise : the arguments of ``asc_standardise`` that follow the size
    named : from the name of a layer (or of a sum, ``blocks.3.sum``) to that of its table
    """
    offsets = plan(spec).offsets
    mels, frames = spec.input_size

    def at(name: str) -> str:
        return f"arena + {offsets[name]}"

    def table(name: str) -> str:
        return f"&{named(name)}"

    yield f"asc_standardise(features, {mels}, {frames}, {standardise}, {at('input')});"
    current, size = "input", spec.input_size
    for i, conv in enumerate(spec.stem):
        name = f"stem.{i}"
        sizes = f"{size_text(size)}, {size_text(conv.stride)}"
        yield f"asc_convolve({table(name)}, {at(current)}, {sizes}, {at(name)});"
        current, size = name, conv.out_size
    for i, block in enumerate(spec.blocks):
        if block is None:
            continue
        name = f"blocks.{i}"
        yield _hidden(name, block, size, at, table, current)
        hidden, out = at(f"{name}.depthwise"), at(name)
        own = block.project.out_size
        if block.shortcut:
            sizes = f"{size_text(size)}, {size_text(block.stride)}"
            tables = f"{table(f'{name}.project')}, {table(f'{name}.sum')}"
            yield f"asc_project_add({tables}, {hidden}, {at(current)}, {sizes}, {out});"
        else:
            positions = own[0] * own[1]
            yield f"asc_project({table(f'{name}.project')}, {hidden}, {positions}, {out});"
        current, size = name, own
    positions = size[0] * size[1]
    if spec.classifier is None:
        yield f"asc_average({at(current)}, {spec.head.in_channels}, {positions}, {at('pooled')});"
        yield f"asc_project({table('head')}, {at('pooled')}, 1, logits);"
    else:
        yield f"asc_head_average({table('head')}, {at(current)}, {positions}, {at('pooled')});"
        yield f"asc_project({table('classifier')}, {at('pooled')}, 1, logits);"


def _hidden(name: str, block: BlockSpec, size: Shape, at: Named, table: Named, current: str) -> str:
    sizes = f"{size_text(size)}, {size_text(block.stride)}"
    kernels, out = table(f"{name}.depthwise"), at(f"{name}.depthwise")
    if block.expand is None:
        return f"asc_depthwise({kernels}, {at(current)}, {sizes}, {out});"
    planes = at(f"{name}.planes")
    expand = table(f"{name}.expand")
    return f"asc_expand_depthwise({expand}, {kernels}, {at(current)}, {sizes}, {planes}, {out});"


def size_text(size: Shape) -> str:
    """Return a size, or a stride, as an expression of C."""
    return f"(asc_size){{{size[0]}, {size[1]}}}"
