"""The project's own networks as ONNX, held against PyTorch's exporter."""

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from random_networks import CLASSES, FRONTEND, GENOTYPES, VARIANTS, make
from torch import nn

from asc_nas.export.onnx import traced
from asc_nas.export.subnet_onnx import networks_of, subnet_onnx
from asc_nas.nn.committee import Committee
from asc_nas.runtime.classifier import INPUT, OUTPUT, open_session

ALIKE = {"kernel_shape", "strides", "pads", "group", "ceil_mode", "count_include_pad", "axis"}
pytestmark = pytest.mark.slow  # PyTorch's exporter takes seconds


def written(model):
    """Return operators with what they are told, and the weights that each reads."""
    constants = {c.name: numpy_helper.to_array(c) for c in model.graph.initializer}
    steps, read = [], []
    for node in model.graph.node:
        told = {a.name: helper.get_attribute_value(a) for a in node.attribute if a.name in ALIKE}
        if node.op_type == "AveragePool":
            del told["pads" if "pads" in told else "kernel_shape"]
            told["kernel_shape"] = told["strides"]
        steps.append((node.op_type, told))
        values = [constants[name] for name in node.input if name in constants]
        read.append([value for value in values if value.dtype == np.float32])
    return steps, read


@pytest.mark.parametrize(
    ("genotype", "variant", "members"), [(2, 3, 1), (0, 2, 1), (3, 0, 1), (1, 1, 3)]
)
def test_the_graph_is_that_of_the_general_exporter(tmp_path, genotype, variant, members):
    made = make(tmp_path, GENOTYPES[genotype], VARIANTS[variant], members)
    own = subnet_onnx(networks_of(made.module), FRONTEND.size)
    other = traced(made.module, FRONTEND.size, "network.onnx")
    onnx.checker.check_model(own, full_check=True)
    steps, read = written(own)
    other_steps, other_read = written(other)
    assert steps == other_steps
    for constants, others in zip(read, other_read, strict=True):
        if len(constants) > len(others):  # it leaves out a bias of zeros
            assert not constants.pop().any()
        for constant, wanted in zip(constants, others, strict=True):
            np.testing.assert_allclose(constant, wanted, rtol=1e-5, atol=1e-6)
    answers = [
        open_session(model.SerializeToString(), threads=1).run(
            [OUTPUT], {INPUT: made.clips[:, None]}
        )[0]
        for model in (own, other)
    ]
    assert np.ptp(answers[0], axis=0).max() > 0.1
    np.testing.assert_allclose(*answers, rtol=1e-5, atol=1e-5)
    described = [
        [(v.name, helper.printable_type(v.type)) for v in (*m.graph.input, *m.graph.output)]
        for m in (own, other)
    ]
    assert described[0] == described[1]
    assert f"{len(CLASSES)}" in described[0][1][1]


def test_other_networks_are_not_taken_for_it(tmp_path):
    own = make(tmp_path, GENOTYPES[0], VARIANTS[0]).module
    assert networks_of(own) == [own]
    assert networks_of(Committee([own, own])) == [own, own]
    assert networks_of(nn.Linear(1, 1)) == []
    assert networks_of(Committee([own, nn.Linear(1, 1)])) == []
