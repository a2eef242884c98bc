"""The kit: its models are the exporter's, and it measures without asc-nas."""

import ast
import json
import subprocess
import sys
from collections import Counter

import numpy as np
import onnx
import pytest
from tiny import PATIENCE
from torch import nn
from toy import specs_on

from asc_nas.audio.logmel import FrontEnd
from asc_nas.core.errors import UsageError
from asc_nas.cost.latency import LatencyTable
from asc_nas.cost.layers import layers_of, layers_of_space
from asc_nas.export import latency_measure
from asc_nas.export import onnx as export
from asc_nas.export.graph import OPSET
from asc_nas.export.latency_kit import write_kit
from asc_nas.export.layer_onnx import layer_model, network_model
from asc_nas.export.onnx import export_onnx
from asc_nas.nn.subnet import SubNet
from asc_nas.runtime.classifier import open_session
from asc_nas.space.genotype import Genotype
from asc_nas.space.netspec import resolve
from asc_nas.space.search_space import SearchSpace, SpaceConfig
from asc_nas.space.skeleton import skeleton_from

SKELETON = skeleton_from(
    {"stem": [{"channels": 8}], "stages": [{"channels": 8, "strides": [[1, 1], [1, 2], [1, 1]]}]}
)
SIZE = (16, 33)
FRONT_END = FrontEnd(
    sample_rate=16000, n_mels=16, win_length=640, hop_length=640, n_fft=640, seconds=1.28
)


def spec_of(text, skeleton=SKELETON):
    return resolve(Genotype.parse(text), skeleton, SIZE, 3)


def shape_of(session):
    inputs = {
        value.name: np.zeros([1, *value.shape[1:]], np.float32) for value in session.get_inputs()
    }
    return session.run(None, inputs)[0].shape


@pytest.mark.parametrize(
    "changed", [{}, {"head_channels": 24}, {"input_range_db": 60.0}], ids=["plain", "head", "range"]
)
@pytest.mark.parametrize("text", ["t5e2w1 f3+t3e1w0.5 skip", "f3+t5e2w0.5 t3e1w1 s3e2w1"])
def test_a_network_of_the_kit_has_the_nodes_of_the_exported_one(tmp_path, text, changed):
    skeleton = SKELETON.model_copy(update={"channel_multiple": 4, **changed})
    spec = spec_of(text, skeleton)
    network = SubNet(spec)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.bias)
    assert (FRONT_END.n_mels, FRONT_END.frames) == SIZE
    export_onnx(network, FRONT_END, np.zeros((1, *SIZE), np.float32), tmp_path / "net.onnx")
    exported = onnx.load(tmp_path / "net.onnx")
    ours = onnx.load_from_string(network_model(spec))
    onnx.checker.check_model(ours)
    assert nodes(ours) == nodes(exported)
    assert OPSET == export.OPSET
    assert shape_of(open_session(network_model(spec), 1)) == (1, 3)


def nodes(model):
    """Count the nodes by what they compute: operator, kernel, stride, padding, groups."""
    names = ("kernel_shape", "strides", "pads", "group", "ceil_mode")
    return Counter(
        (
            node.op_type,
            len(node.input) if node.op_type == "Conv" else 0,
            *(
                (a.name, tuple(a.ints) or a.i)
                for a in sorted(node.attribute, key=lambda a: a.name)
                if a.name in names and (any(a.ints) or a.i)
            ),
        )
        for node in model.graph.node
    )


def test_every_layer_alone_gives_the_shape_it_has_in_the_network():
    spec = spec_of("t5e2w1 f3+t3e1w0.5 t3e2w1")
    layers = layers_of(spec)
    outputs = [shape_of(open_session(layer_model(layer), 1)) for layer in layers]
    for output, following in zip(outputs[:-1], layers[1:], strict=True):
        assert output == (1, following.in_channels, *following.in_size)
    assert outputs[-1] == (1, 3)


@pytest.fixture
def kit(tmp_path):
    space = SearchSpace.build(SpaceConfig(kernels=(("t3",),), expansions=(2.0,)), SKELETON)
    genotype = space.largest()
    networks = {str(genotype): resolve(genotype, SKELETON, SIZE, 3)}
    write_kit(
        tmp_path / "kit", "tiny", layers_of_space(space, specs_on(SKELETON, SIZE, 3)), networks
    )
    return tmp_path / "kit", networks


@pytest.mark.slow
def test_measure_py_runs_without_asc_nas_and_writes_a_table_that_predicts(kit):
    folder, networks = kit
    blocked = "import sys; sys.modules.update(dict.fromkeys(['asc_nas', 'torch', 'onnx']));"
    script = folder / "measure.py"
    quick = f"import runpy; runpy.run_path({str(script)!r}, run_name='__main__')"
    done = subprocess.run(
        [sys.executable, "-I", "-c", f"{blocked} sys.argv[1:] = ['--device', 'board']; {quick}"],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "s left" in done.stdout
    table = LatencyTable.read(folder / "latency.json")
    assert table.measured.device.name == "board"
    (spec,) = networks.values()
    (network,) = table.measured.networks
    assert table.predict(spec) == pytest.approx(network.ms)
    assert not (folder / "partial.json").exists()


def test_measure_py_is_plain_old_python(kit):
    source = (kit[0] / "measure.py").read_text(encoding="utf-8")
    tree = ast.parse(source, feature_version=(3, 8))
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module] if isinstance(node, ast.ImportFrom) else [
            alias.name for alias in node.names
        ])
    }  # fmt: skip
    assert imported - set(sys.stdlib_module_names) == {"numpy", "onnxruntime"}


def test_a_stopped_measurement_goes_on_and_one_of_other_models_does_not(kit, monkeypatch):
    folder, _ = kit
    timed = []

    def stop_after(count):
        def time_model(file):
            if len(timed) == count:
                raise KeyboardInterrupt
            timed.append(file.name)
            return float(len(timed))

        return time_model

    monkeypatch.setattr(latency_measure, "time_model", stop_after(20))
    with pytest.raises(KeyboardInterrupt):
        latency_measure.measure(folder)
    monkeypatch.setattr(latency_measure, "time_model", stop_after(None))
    document = latency_measure.measure(folder)
    models = 1 + len(document["layers"]) + len(document["networks"])
    assert len(timed) == latency_measure.PASSES * models
    assert document["overhead_ms"] == 1 + 2 * models  # the median over the passes

    files = [folder / "empty.onnx"]
    timed.clear()
    state = folder / "state.json"
    state.write_text(json.dumps({"about": ["other"], "ms": [7.0]}))
    latency_measure.measure_models(files, state)
    assert len(timed) == latency_measure.PASSES


def test_a_folder_with_other_files_is_not_written_over(tmp_path):
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(UsageError, match="other files"):
        write_kit(tmp_path, "x", [], {})
