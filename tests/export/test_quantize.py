"""Static int8 quantisation on a small multi-path network whose norms matter."""

from types import SimpleNamespace

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import numpy_helper
from torch import nn

from asc_nas.audio.logmel import FrontEnd
from asc_nas.core.errors import AscNasError
from asc_nas.export import quantize
from asc_nas.export.onnx import export_onnx
from asc_nas.export.quantize import paired_latency, quantize_onnx, stored_bytes
from asc_nas.nn.subnet import SubNet
from asc_nas.runtime.classifier import open_session, softmax
from asc_nas.space.genotype import Genotype
from asc_nas.space.netspec import resolve
from asc_nas.space.skeleton import skeleton_from

FRONTEND = FrontEnd(
    sample_rate=8000, n_mels=16, win_length=256, hop_length=128, n_fft=256, seconds=1.0
)
STEM = {"stem": [{"channels": 8, "stride": [2, 2]}], "channel_multiple": 4}
SKELETON = STEM | {"stages": [{"channels": 16, "strides": [[1, 1], [2, 2]]}]}


def network(skeleton, genotype="t3+f3e2w1 t5+s3e1.5w0.5"):
    """Return a network with weights and norms at random."""
    spec = resolve(Genotype.parse(genotype), skeleton_from(skeleton), (16, FRONTEND.frames), 4)
    module = SubNet(spec)
    generator = torch.Generator().manual_seed(3)
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, generator=generator)
        if isinstance(layer, nn.Linear):  # whose bias would else differ from process to process
            nn.init.uniform_(layer.bias, -0.2, 0.2, generator=generator)
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.bias, generator=generator)
            nn.init.uniform_(layer.weight, 0.5, 1.5, generator=generator)
            nn.init.normal_(layer.running_mean, generator=generator)
            nn.init.uniform_(layer.running_var, 0.5, 3, generator=generator)
    module.input_norm.set_statistics(torch.linspace(-60, -30, 16), torch.full((16,), 12.0))
    return module.eval()


@pytest.fixture(scope="module")
def clips():
    """Give noise with loud bands, others from clip to clip."""
    generator = np.random.default_rng(1)
    clips = generator.normal(-55, 6, (20, 16, FRONTEND.frames))
    for number, clip in enumerate(clips):
        clip[number % 4 * 4 :][:4] += 40
    return clips.astype(np.float32)


@pytest.fixture(scope="module", params=[SKELETON, SKELETON | {"head_channels": 24}])
def models(request, clips, tmp_path_factory):
    """Give the float and the int8 file, of a network without and one with a linear layer."""
    folder = tmp_path_factory.mktemp("models")
    export_onnx(network(request.param), FRONTEND, clips, folder / "float.onnx")
    quantize_onnx(folder / "float.onnx", clips, folder / "int8.onnx")
    return folder / "float.onnx", folder / "int8.onnx"


def logits(path, clips):
    return open_session(path.read_bytes(), 1).run(["logits"], {"log_mel": clips[:, None]})[0]


def test_the_int8_network_answers_nearly_as_the_float_one(models, clips):
    wanted, found = (softmax(logits(path, clips)) for path in models)
    between_clips = np.ptp(wanted, axis=0).max()
    assert np.abs(wanted - found).max() < 0.15 * between_clips
    for path in models:
        alone = np.concatenate([logits(path, clips[i : i + 1]) for i in range(3)])
        np.testing.assert_allclose(alone, logits(path, clips)[:3], atol=1e-4)


def test_sums_of_int8_products_do_not_overflow_on_any_processor(models, clips):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    in_float = onnxruntime.InferenceSession(models[1], options)  # operation by operation
    exact = softmax(in_float.run(["logits"], {"log_mel": clips[:, None]})[0])
    found = softmax(logits(models[1], clips))
    # Values round to another step here and there (up to 0.09 of the range); sums that overflow, as
    # those of a plain session on x86 without VNNI, are off by 0.35 to 0.47.
    assert np.abs(found - exact).max() < 0.2 * np.ptp(exact, axis=0).max()


def test_every_weight_is_stored_as_int8_with_a_scale_per_output_channel(models):
    graph = onnx.load(models[1]).graph
    constants = {c.name: numpy_helper.to_array(c) for c in graph.initializer}
    made_by = {name: node for node in graph.node for name in node.output}
    weighted = [node for node in graph.node if node.op_type in ("Conv", "Gemm", "MatMul")]
    assert len(weighted) > 8
    for node in weighted:
        dequantized = made_by[node.input[1]]
        weight, scale = (constants[name] for name in dequantized.input[:2])
        assert weight.dtype == np.int8
        assert scale.size == (weight.shape[0] if node.op_type == "Conv" else 4)


def test_no_norm_is_left_behind_sums_of_kernels(models):
    for path in models:
        assert "BatchNormalization" not in {node.op_type for node in onnx.load(path).graph.node}


def test_input_and_output_are_floats_and_the_standardisation_is_not_rounded(models):
    model = onnx.load(models[1])
    onnx.checker.check_model(model, full_check=True)
    ends = (*model.graph.input, *model.graph.output)
    assert {end.type.tensor_type.elem_type for end in ends} == {onnx.TensorProto.FLOAT}
    made_by = {name: node for node in model.graph.node for name in node.output}
    first = next(node for node in model.graph.node if node.op_type == "QuantizeLinear")
    scaled = made_by[first.input[0]]
    assert (scaled.op_type, made_by[scaled.input[0]].op_type) == ("Mul", "Sub")
    assert made_by[scaled.input[0]].input[0] == "log_mel"
    assert model.graph.node[-1].op_type != "DequantizeLinear"


def test_the_level_of_a_clip_stays_without_effect_in_int8(clips, tmp_path):
    relative = network(SKELETON | {"input_range_db": 60})
    relative.input_norm.set_statistics(torch.full((16,), -25.0), torch.full((16,), 12.0))
    export_onnx(relative, FRONTEND, clips, tmp_path / "float.onnx")
    quantize_onnx(tmp_path / "float.onnx", clips, tmp_path / "int8.onnx")
    wanted, found = (logits(tmp_path / f"{kind}.onnx", clips) for kind in ("float", "int8"))
    assert np.abs(softmax(wanted) - softmax(found)).max() < 0.15
    for change in (-40, 30):
        moved = logits(tmp_path / "int8.onnx", clips + np.float32(change))
        assert np.abs(moved - found).max() < 0.02 * np.ptp(found)


def test_stored_bytes_are_a_quarter_for_weights_and_the_same_for_biases(models):
    graph = onnx.load(models[1]).graph
    arrays = [numpy_helper.to_array(constant) for constant in graph.initializer]
    weights = sum(array.nbytes for array in arrays if array.dtype == np.int8 and array.ndim > 1)
    (float_bytes, none), (int8_bytes, scales) = map(stored_bytes, models)
    assert none == 0
    assert weights < int8_bytes < float_bytes / 2
    assert int8_bytes + scales < models[1].stat().st_size


def test_the_same_network_and_clips_give_the_same_bytes_quietly(models, clips, tmp_path, capfd):
    quantize_onnx(models[0], clips, tmp_path / "again.onnx")
    assert (tmp_path / "again.onnx").read_bytes() == models[1].read_bytes()
    assert tuple(capfd.readouterr()) == ("", "")
    assert [path.name for path in tmp_path.iterdir()] == ["again.onnx"]


def test_latencies_are_compared_in_turns_so_that_a_change_of_the_machine_does_not_count(
    tmp_path, monkeypatch
):
    now = calls = 0

    class Session:
        def __init__(self, content, threads):
            self.ms = int(content)

        def run(self, outputs, inputs):
            nonlocal now, calls
            factor = 1 if calls < 400 else 5  # the machine becomes slower half-way
            now, calls = now + factor * self.ms / 1000, calls + 1

    monkeypatch.setattr(quantize, "open_session", Session)
    monkeypatch.setattr(quantize, "time", SimpleNamespace(perf_counter=lambda: now))
    for name, ms in (("one", 6), ("other", 2)):
        (tmp_path / name).write_text(str(ms))
    one, other, ratio = paired_latency(tmp_path / "one", tmp_path / "other", np.zeros((16, 63)))
    assert (one, other, ratio) == pytest.approx((6, 2, 3))


def test_what_cannot_be_quantised_is_one_clear_error(models, clips, tmp_path):
    with pytest.raises(AscNasError, match=r"float\.onnx: onnxruntime could not quantise it"):
        quantize_onnx(models[0], clips[:, :-1], tmp_path / "int8.onnx")
    assert not list(tmp_path.iterdir())
