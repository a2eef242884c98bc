"""Batch norms behind a convolution or a sum of convolutions, folded away."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from asc_nas.export.fold_norms import fold_norms
from asc_nas.runtime.classifier import open_session

CHANNELS = 3


def sum_of_convolutions(paths, biases=(), more=()):
    """Return a norm of the sum of `paths` depthwise convolutions, those of `biases` with one."""
    generator = np.random.default_rng(0)
    constants, nodes = [], []

    def constant(name, *shape, low=-1.0):
        values = generator.uniform(low, 2, shape).astype(np.float32)
        constants.append(numpy_helper.from_array(values, name))
        return name

    summed = "path0"
    for path in range(paths):
        inputs = ["x", constant(f"weight{path}", CHANNELS, 1, 3, 1)]
        inputs += [constant(f"bias{path}", CHANNELS)] if path in biases else []
        output = [f"path{path}"]
        nodes.append(helper.make_node("Conv", inputs, output, pads=[1, 0, 1, 0], group=CHANNELS))
        if path:
            nodes.append(helper.make_node("Add", [summed, *output], [f"sum{path}"]))
            summed = f"sum{path}"
    statistics = [constant(name, CHANNELS) for name in ("gamma", "beta", "mean")]
    statistics.append(constant("variance", CHANNELS, low=0.5))
    nodes += [helper.make_node("BatchNormalization", [summed, *statistics], ["y"]), *more]
    shape = ["n", CHANNELS, 5, 4]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in "xy"]
    graph = helper.make_graph(nodes, "sum", ends[:1], ends[1:], constants)
    opset = [helper.make_opsetid("", 18)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=9)
    onnx.checker.check_model(model, full_check=True)
    return model


def answer(model):
    x = np.random.default_rng(1).normal(size=(2, CHANNELS, 5, 4)).astype(np.float32)
    return open_session(model.SerializeToString(), 1).run(["y"], {"x": x})[0]


def operators(model):
    return [node.op_type for node in model.graph.node]


@pytest.mark.parametrize("paths", [1, 2, 3])
@pytest.mark.parametrize("biases", [(), (0,), (1, 2)])
def test_a_folded_norm_leaves_the_answer_as_it_was(paths, biases):
    model = sum_of_convolutions(paths, biases)
    wanted = answer(model)
    fold_norms(model)
    assert "BatchNormalization" not in operators(model)
    np.testing.assert_allclose(answer(model), wanted, rtol=1e-5, atol=1e-5)


def test_one_bias_is_enough_and_nothing_that_is_not_read_stays():
    model = sum_of_convolutions(3)
    fold_norms(model)
    inputs = [list(node.input) for node in model.graph.node if node.op_type == "Conv"]
    assert sorted(len(names) for names in inputs) == [2, 2, 3]
    read = {name for names in inputs for name in names} - {"x"}
    assert {constant.name for constant in model.graph.initializer} == read


def test_a_norm_behind_a_sum_that_is_used_elsewhere_stays():
    model = sum_of_convolutions(2, more=[helper.make_node("Relu", ["sum1"], ["elsewhere"])])
    before = model.SerializeToString()
    fold_norms(model)
    assert model.SerializeToString() == before


def test_a_norm_behind_anything_else_stays():
    model = sum_of_convolutions(2)
    model.graph.node[1].op_type = "Relu"
    del model.graph.node[1].input[1:], model.graph.node[1].attribute[:]
    before = operators(model)
    fold_norms(model)
    assert operators(model) == before
