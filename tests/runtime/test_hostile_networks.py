"""ONNX files from a stranger: no other files, no unknown operators, bounded memory and time."""

import json
import subprocess
import sys
from itertools import pairwise

import numpy as np
import onnx
import pytest
from edited import document
from onnx import TensorProto, helper, numpy_helper
from toy_classifier import FRONTEND, LABELS, tones, toy_model, write_toy_model

from asc_nas.core.errors import AscNasError
from asc_nas.core.files import sha256
from asc_nas.runtime import classifier
from asc_nas.runtime.classifier import Classifier
from asc_nas.runtime.onnx_file import OPERATORS, check_network

SHAPE = ["batch", 1, FRONTEND.n_mels, FRONTEND.frames]
AXES = numpy_helper.from_array(np.array([1, 2, 3]), "axes")


def network(nodes, constants=(), **more):
    """Return the bytes of a network from log-mel to logits."""
    ends = [
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)]
        for name, shape in (("log_mel", SHAPE), ("logits", ["batch", len(LABELS)]))
    ]
    graph = helper.make_graph(nodes, "made", *ends, [AXES, *constants])
    opset = [helper.make_opsetid("", 18)]
    return helper.make_model(graph, opset_imports=opset, ir_version=9, **more).SerializeToString()


def float_tensor(name, *shape):
    return numpy_helper.from_array(np.ones(shape, np.float32), name)


def installed(folder, content):
    """Write a model of this network, whose card fits it."""
    path = write_toy_model(folder)
    path.write_bytes(content)
    card = document(path.with_suffix(".json"))
    card |= {"sha256": sha256(path), "bytes": len(content)}
    path.with_suffix(".json").write_text(json.dumps(card))
    return path


def mean(name):
    return [helper.make_node("ReduceMean", [name, "axes"], ["mean"], keepdims=0),
            helper.make_node("Add", ["mean", "zeros"], ["logits"])]  # fmt: skip


ZEROS = float_tensor("zeros", 1, len(LABELS))


def external():
    model = onnx.load_from_string(toy_model())
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": "/etc/hostname", "length": "1"}.items():
        tensor.external_data.add(key=key, value=value)
    return model.SerializeToString()


def external_in_a_node():
    tensor = float_tensor("value", len(LABELS))
    tensor.data_location = TensorProto.EXTERNAL
    constant = helper.make_node("Constant", [], ["zeros"], value=tensor)
    return network([constant, *mean("log_mel")])


def endless():
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Identity", ["x"], ["y"])],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("x", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("y", TensorProto.FLOAT, None),
        ],
    )
    loop = helper.make_node("Loop", ["", "", "log_mel"], ["looped"], body=body)
    return network([loop, *mean("looped")], [ZEROS])


def function():
    opset = [helper.make_opsetid("", 18)]
    made = helper.make_function("own", "F", ["x"], ["y"], [
        helper.make_node("Relu", ["x"], ["y"])], opset)  # fmt: skip
    return network(mean("log_mel"), [ZEROS], functions=[made])


def larger_than_it_is():
    model = onnx.load_from_string(toy_model())
    model.graph.initializer[0].dims[0] = 2**40
    return model.SerializeToString()


def of_many_dimensions(packed):
    model = onnx.load_from_string(toy_model())
    model.graph.initializer[0].ClearField("dims")
    dims = b"\x0a\x64" + b"\x01" * 100 if packed else b"\x08\x01" * 100
    model.graph.initializer[0].MergeFromString(dims)
    return model.SerializeToString()


def many():
    names = ["log_mel", *(f"r{i}" for i in range(20_000))]
    pairs = pairwise(names)
    return network(
        [*(helper.make_node("Relu", [a], [b]) for a, b in pairs), *mean(names[-1])], [ZEROS]
    )


REFUSED = {
    "weights in another file": (external(), "weights are in other files"),
    "weights of a node in another file": (external_in_a_node(), "weights are in other files"),
    "a loop without end": (endless(), "operator 'Loop' is not known"),
    "a function": (function(), "functions"),
    "weights that are not there": (larger_than_it_is(), "larger weights than it holds"),
    "thousands of operations": (many(), "20,002 operations"),
    "thousands of empty texts": (
        network(mean("log_mel"), [ZEROS]) + b"\x72\x00" * 200_000, "too many parts"),
    "two graphs": (2 * toy_model(), "several graphs"),
    "a hundred dimensions": (of_many_dimensions(packed=False), "too many dimensions"),
    "a hundred dimensions at once": (of_many_dimensions(packed=True), "too many dimensions"),
    "no operation": (network([]), "0 operations"),
    "a gap in the inputs of Max": (
        network([helper.make_node("Max", ["log_mel", ""], ["m"]), *mean("m")], [ZEROS]),
        "an input of its operator 'Max' is missing"),
    "a gap in the inputs of LayerNormalization": (
        network([helper.make_node("LayerNormalization", ["log_mel", "zeros", ""], ["m"]),
                 *mean("m")], [ZEROS]), "an input of its operator 'LayerNormalization'"),
    "a cut file": (toy_model()[:-5], "damaged"),
    "an operator of another domain": (
        network([helper.make_node("Gelu", ["log_mel"], ["g"], domain="com.microsoft"),
                 *mean("g")], [ZEROS]), "operators of 'com.microsoft'"),
    "an operator that is not known": (
        network([helper.make_node("\x1b[2JTile", ["log_mel", "axes"], ["t"]), *mean("t")],
                [ZEROS]), r"operator '\\x1b\[2JTile' is not known"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_no_network_of_ours_holds_is_refused(tmp_path, case):
    content, reason = REFUSED[case]
    with pytest.raises(AscNasError, match=reason) as error:
        Classifier.load(installed(tmp_path, content))
    assert str(error.value).startswith(f"{tmp_path / 'toy.onnx'}: not a readable ONNX model (")


def concat_of_concats(times):
    names = ["log_mel", *(f"c{i}" for i in range(times))]
    nodes = [helper.make_node("Concat", [a, a], [b], axis=1) for a, b in pairwise(names)]
    return network([*nodes, *mean(names[-1])], [ZEROS])


def product_of_constants():
    constants = [float_tensor("a", 30_000, 1), float_tensor("b", 1, 30_000)]
    nodes = [helper.make_node("MatMul", ["a", "b"], ["ab"]),
             helper.make_node("ReduceMean", ["ab", "two"], ["one"]),
             helper.make_node("Add", ["log_mel", "one"], ["sum"])]  # fmt: skip
    two = numpy_helper.from_array(np.array([0, 1]), "two")
    return network([*nodes, *mean("sum")], [ZEROS, *constants, two])


def padded():
    conv = helper.make_node("Conv", ["log_mel", "w"], ["c"], pads=[60_000, 2000, 60_000, 2000])
    return network([conv, *mean("c")], [ZEROS, float_tensor("w", 1, 1, 1, 1)])


@pytest.mark.parametrize(
    "content",
    [concat_of_concats(24), product_of_constants(), padded()],
    ids=["Concat of Concat", "constants multiplied", "padding"],
)
def test_a_small_file_that_asks_for_gigabytes_is_refused_before_it_gets_them(tmp_path, content):
    path = installed(tmp_path, content)
    code = (
        "import resource, sys\n"
        "from asc_nas.runtime.classifier import Classifier\n"
        "from asc_nas.core.errors import AscNasError\n"
        "try:\n    Classifier.load(sys.argv[1])\n"
        "except AscNasError as error:\n    print(error)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        capture_output=True, text=True, check=False,
        preexec_fn=lambda: __import__("resource").setrlimit(  # whatever happens, the machine lives
            __import__("resource").RLIMIT_AS, (2**33, 2**33)),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told, megabytes = done.stdout.splitlines()
    assert "cannot be run here" in told or "not a readable ONNX model" in told
    assert int(megabytes) < 2600


def test_a_network_that_does_not_come_to_an_end_is_given_up(tmp_path, monkeypatch):
    size = 41
    pads = [size // 2] * 4
    names = ["log_mel", *(f"c{i}" for i in range(3000))]
    convolutions = [
        helper.make_node("Conv", [a, "first" if a == "log_mel" else "w"], [b], pads=pads)
        for a, b in pairwise(names)
    ]
    weights = [float_tensor("first", 32, 1, size, size), float_tensor("w", 32, 32, size, size)]
    path = installed(tmp_path, network([*convolutions, *mean(names[-1])], [ZEROS, *weights]))
    monkeypatch.setattr(classifier, "FIRST_RUN_SECONDS", 0.5)
    with pytest.raises(AscNasError, match=r"takes more than 0\.5 s"):
        Classifier.load(path)


def test_a_network_that_answers_nan_is_refused(tmp_path):
    content = network(
        [helper.make_node("Log", ["log_mel"], ["log"]), *mean("log")], [ZEROS]
    )  # of negative numbers
    with pytest.raises(AscNasError, match="not one number for every label"):
        Classifier.load(installed(tmp_path, content))


def test_a_network_that_answers_nan_for_sound_only_says_so(tmp_path):
    content = network(
        [helper.make_node("Add", ["log_mel", "hundred"], ["up"]),
         helper.make_node("Neg", ["up"], ["down"]),
         helper.make_node("Sqrt", ["down"], ["root"]), *mean("root")],
        [ZEROS, numpy_helper.from_array(np.float32(100), "hundred")],
    )  # fmt: skip
    loaded = Classifier.load(installed(tmp_path, content))
    with pytest.raises(AscNasError, match="answers NaN"):
        loaded.classify(tones("low"), 8000)


def test_a_gap_that_an_operator_may_have_is_taken(tmp_path):
    clip = helper.make_node("Clip", ["log_mel", "", "six"], ["c"])
    six = numpy_helper.from_array(np.float32(6), "six")
    Classifier.load(installed(tmp_path, network([clip, *mean("c")], [ZEROS, six])))


def test_our_own_networks_are_taken():
    assert len(OPERATORS) > 60
    check_network(toy_model())
