"""Models: cards as JSON, and ONNX files that their cards fit."""

import hashlib
import json
from functools import lru_cache
from random import Random
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from toy_classifier import FRONTEND, LABELS, toy_card, toy_model, toy_of_recorders

from asc_nas.audio.logmel import FrontEnd
from asc_nas.runtime.card import ModelCard
from asc_nas.runtime.onnx_file import OPERATORS
from fuzz.case import Case, Kind, load
from fuzz.mutators import TOKENS, as_json, mutated_bytes, mutated_data, mutated_text

SIZES = (0, 1, 2, 3, 12, 32, 1000, 60_000, 2**20, 2**31, 2**40, 2**62, -1, -(2**63))
_WELL_KNOWN = sorted(OPERATORS)


@lru_cache
def _card() -> dict[str, Any]:
    card: ModelCard = toy_card()
    return card.model_dump(mode="json") | {"frontend_fingerprint": FRONTEND.fingerprint}


@lru_cache
def _of_recorders() -> tuple[dict[str, Any], bytes]:
    """Return card and network of a model with networks for recording devices."""
    card, content = toy_of_recorders()
    values = card.model_dump(mode="json") | {"frontend_fingerprint": FRONTEND.fingerprint}
    return values, content


def _of_card(rng: Random) -> Case:
    card, network = _of_recorders() if rng.random() < 0.3 else (_card(), toy_model())
    if rng.random() < 0.25:
        made, content = mutated_text(json.dumps(card, indent=1), rng)
    else:
        made, values = mutated_data(card, rng)
        if rng.random() < 0.5:
            values |= _fingerprint(values)
        content = as_json(values)
    calls = (
        ("asc-nas", "models", "show", "x.onnx"),
        ("asc-nas", "models", "show", "x.json", "--json"),
        ("asc-nas", "models", "list"),
        ("asc-nas", "models", "verify", "x.onnx"),
        ("asc-nas", "classify", "a.wav", "--model", "x.onnx", "--recorder", "a"),
    )
    files = {"x.json": content, "x.onnx": network, "models/x.json": content}
    return Case(made, rng.choice(calls), files | {"models/x.onnx": b""}, "model")


def _fingerprint(values: dict[str, Any]) -> dict[str, str]:
    try:
        front_end = FrontEnd.parse(values["frontend"], "made")
    except Exception:
        return {}
    return {"frontend_fingerprint": front_end.fingerprint}


def _of_network(rng: Random) -> Case:
    changes = (_bytes, _bytes, _changed, _changed, _drawn, _drawn)
    made, content = rng.choice(changes)(rng)
    card = _card()
    if rng.random() < 0.2:
        card, network = _of_recorders()
        made, content = mutated_bytes(network, rng)
    card = card | {"sha256": hashlib.sha256(content).hexdigest(), "bytes": max(1, len(content))}
    call = ("asc-nas", "models", "verify", "x.onnx")
    if rng.random() < 0.2:
        call = ("asc-nas", "classify", "a.wav", "--model", "x.onnx", "--recorder", "a")
    return Case(made, call, {"x.onnx": content, "x.json": as_json(card)}, "model")


def _bytes(rng: Random) -> tuple[str, bytes]:
    return mutated_bytes(toy_model(), rng)


def _changed(rng: Random) -> tuple[str, bytes]:
    """The toy network with other operators, attributes, shapes, weights or names."""
    model = onnx.load_from_string(toy_model())
    graph, names = model.graph, []
    for _ in range(rng.choice((1, 1, 2))):
        node, tensor = rng.choice(graph.node), rng.choice(graph.initializer)
        change = rng.choice(("operator", "attribute", "dims", "type", "input", "shape", "opset"))
        if change == "operator":
            node.op_type = rng.choice((*_WELL_KNOWN, "If", "Loop", "Resize", "\x1b[2J"))
        elif change == "attribute":
            value = rng.choice((rng.choice(SIZES), [rng.choice(SIZES)] * 4, 1e308, "x"))
            name = rng.choice(("axis", "axes", "keepdims", "to", "value_int", "value_float"))
            node.attribute.append(helper.make_attribute(name, value))
        elif change == "dims":
            tensor.dims[:] = [rng.choice(SIZES) for _ in range(rng.choice((0, 1, 2, 9)))]
        elif change == "type":
            tensor.data_type = rng.randrange(24)
        elif change == "input":
            other = rng.choice(("", "logits", "log_mel", "bands"))
            node.input[rng.randrange(len(node.input))] = other
        elif change == "shape":
            size = rng.choice((*graph.input, *graph.output)).type.tensor_type.shape.dim
            rng.choice(size).dim_value = rng.choice(SIZES)
        else:
            model.opset_import[0].version = rng.choice((0, 1, 7, 17, 99, 2**62))
        names.append(change)
    return " ".join(names), model.SerializeToString()


def _drawn(rng: Random) -> tuple[str, bytes]:
    """A network of a few operators at random behind one another, which may ask for much."""
    nodes, constants, last = [], [_constant("axes", [1, 2, 3])], "log_mel"
    for number in range(rng.choice((1, 2, 5, 12, 30))):
        made, more, weights = _node(last, f"n{number}", rng)
        nodes += made
        constants += weights
        last = more
    nodes.append(helper.make_node("ReduceMean", [last, "axes"], ["mean"], keepdims=0))
    nodes.append(helper.make_node("Add", ["mean", "zeros"], ["logits"]))
    constants.append(numpy_helper.from_array(np.zeros((1, len(LABELS)), np.float32), "zeros"))
    size = ["batch", 1, FRONTEND.n_mels, FRONTEND.frames]
    ends = [
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)]
        for name, shape in (("log_mel", size), ("logits", ["batch", len(LABELS)]))
    ]
    graph = helper.make_graph(nodes, rng.choice(("made", *TOKENS[:12])), *ends, constants)
    opset = [helper.make_opsetid("", 18)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=9)
    return " ".join(node.op_type for node in nodes[:-2]), model.SerializeToString()


def _node(before: str, name: str, rng: Random) -> tuple[list[Any], str, list[Any]]:
    one = ("Relu", "Sigmoid", "Exp", "Log", "Sqrt", "Identity", "Shape", "Transpose", "Softmax")
    often = ("one", "one", "one", "Concat", "Concat", "Pad", "Conv", "MatMul")
    kind = rng.choice((*often, *often, "Reshape", "Unsqueeze", "Split"))
    if kind == "one":
        return [helper.make_node(rng.choice(one), [before], [name])], name, []
    if kind == "Concat":
        many = [before] * rng.choice((2, 2, 50))
        return [helper.make_node("Concat", many, [name], axis=rng.choice((0, 1, 3)))], name, []
    if kind == "Pad":
        pads = _constant(f"{name}p", [rng.choice((0, 1, 100, 60_000)) for _ in range(8)])
        return [helper.make_node("Pad", [before, f"{name}p"], [name])], name, [pads]
    if kind == "Conv":
        size, pad = rng.choice((1, 3, 41)), rng.choice((0, 20, 2000, 60_000))
        out = rng.choice((1, 8, 300))
        weight = numpy_helper.from_array(np.ones((out, 1, size, size), np.float32), f"{name}w")
        made = helper.make_node("Conv", [before, f"{name}w"], [name], pads=[pad] * 4,
                                dilations=[rng.choice((1, 2, 1000))] * 2)  # fmt: skip
        return [made], name, [weight]
    if kind == "Reshape":
        shape = _constant(f"{name}s", [rng.choice((*SIZES, -1, 0)) for _ in range(4)])
        return [helper.make_node("Reshape", [before, f"{name}s"], [name])], name, [shape]
    if kind == "Unsqueeze":
        axes = _constant(f"{name}a", [rng.choice((0, 4, 2**40))])
        return [helper.make_node("Unsqueeze", [before, f"{name}a"], [name])], name, [axes]
    if kind == "MatMul":
        size = rng.choice((1, 100, 3000))
        weights = [numpy_helper.from_array(np.ones(shape, np.float32), f"{name}{end}")
                   for end, shape in (("a", (size, 1)), ("b", (1, size)))]  # fmt: skip
        made = [helper.make_node("MatMul", [f"{name}a", f"{name}b"], [f"{name}m"]),
                helper.make_node("ReduceMean", [f"{name}m"], [f"{name}r"], keepdims=0),
                helper.make_node("Add", [before, f"{name}r"], [name])]  # fmt: skip
        return made, name, weights
    parts = [f"{name}_{part}" for part in range(rng.choice((1, 2, 12)))]
    made = [helper.make_node("Split", [before], parts, axis=2, num_outputs=len(parts))]
    return made, parts[-1], []


def _constant(name: str, values: list[int]) -> Any:
    clipped = [max(-(2**63), min(value, 2**63 - 1)) for value in values]
    return numpy_helper.from_array(np.array(clipped, np.int64), name)


def _prepare() -> None:
    load(
        *("asc_nas.cli.output.classify_tables", "asc_nas.cli.output.network_tables"),
        "asc_nas.runtime.recordings",
    )


# A network may take 2 GiB by what the runtime promises; onnxruntime needs some more itself.
KINDS = (Kind("card", _of_card, _prepare), Kind("onnx", _of_network, _prepare, megabytes=2700))
