"""MACs and parameters against a count by hooks on the built network."""

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from toy import HEARD

from asc_nas.audio.logmel import FrontEnd
from asc_nas.cost.counts import count
from asc_nas.export.onnx import export_onnx
from asc_nas.nn.join_kernels import join_kernels
from asc_nas.nn.subnet import SubNet
from asc_nas.space.genotype import Genotype
from asc_nas.space.netspec import resolve
from asc_nas.space.search_space import SearchSpace, SpaceConfig
from asc_nas.space.skeleton import skeleton_from
from asc_nas.training.network_trainer import new_network


def count_by_hooks(network, size):
    """Count MACs from what each layer really receives and gives."""
    macs = 0

    def hook(module, inputs, output):
        nonlocal macs
        per_output = module.weight[0].numel()
        macs += per_output * output[0].numel()

    handles = [
        module.register_forward_hook(hook)
        for module in network.modules()
        if isinstance(module, nn.Conv2d | nn.Linear)
    ]
    with torch.inference_mode():
        network.eval()(torch.zeros(1, 1, *size))
    for handle in handles:
        handle.remove()
    return macs, sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize("name", ["cp_mobile", "mobilenetv2_half"])
@settings(max_examples=12)
@given(seed=st.integers(0, 2**32))
def test_counts_equal_those_of_the_built_network(name, seed):
    skeleton = skeleton_from(name)
    config = SpaceConfig(
        kernels=(("t3", "f5", "s3"),),
        max_paths=3,
        expansions=(1.0, 2.5),
        widths=(0.5, 1.0),
        skip=True,
    )
    genotype = SearchSpace.build(config, skeleton).sample(np.random.default_rng(seed))
    size = (40, 101)
    spec = resolve(genotype, skeleton, size, 9)
    cost = count(spec, HEARD)
    assert (cost.macs, cost.params) == count_by_hooks(join_kernels(SubNet(spec)), size)
    assert cost.macs_per_second == cost.macs / 2


def stem_of(kernel, stride):
    stem = [{"channels": 8, "kernel": kernel, "stride": stride}]
    return skeleton_from({"stem": stem, "stages": [{"channels": 8, "strides": [[1, 1], [2, 2]]}]})


@given(
    st.integers(1, 9),
    st.tuples(st.integers(1, 5), st.integers(1, 5)),
    st.tuples(st.integers(1, 40), st.integers(1, 60)),
)
@settings(max_examples=40)
def test_counts_hold_for_stems_of_every_size(kernel, stride, size):
    spec = resolve(Genotype.parse("f3+t5e2w1 s3e2w1"), stem_of(kernel, stride), size, 3)
    cost = count(spec, HEARD)
    assert (cost.macs, cost.params) == count_by_hooks(SubNet(spec), size)


@pytest.mark.parametrize("kernel", [2, 4, 6])
def test_the_card_counts_what_the_onnx_graph_computes(tmp_path, kernel):
    lengths = {"win_length": 512, "hop_length": 512, "n_fft": 512}
    frontend = FrontEnd(sample_rate=16000, n_mels=24, seconds=1.0, **lengths)
    size = frontend.n_mels, frontend.frames
    assert size == (24, 32)
    spec = resolve(Genotype.parse("t5e2w1 f3e2w1"), stem_of(kernel, [4, 4]), size, 3)
    target = tmp_path / "network.onnx"
    example = np.zeros((1, *size), dtype=np.float32)
    export_onnx(new_network(spec, seed=0), frontend, example, target)
    graph = onnx.shape_inference.infer_shapes(onnx.load(target)).graph
    shapes = {t.name: tuple(t.dims) for t in graph.initializer} | {
        value.name: tuple(d.dim_value for d in value.type.tensor_type.shape.dim)
        for value in (*graph.value_info, *graph.output)
    }
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    macs = sum(
        int(np.prod(shapes[node.input[1]])) * int(np.prod(shapes[node.output[0]][2:]))
        for node in convolutions
    )
    assert len(convolutions) == 1 + 2 * 3 + 1
    assert macs == count(spec, HEARD).macs
    assert spec.stem[0].out_size == (7, 9)  # 6 x 8 would be 48 of the 63 outputs that there are


def test_hand_count_of_one_small_network():
    skeleton = skeleton_from(
        {
            "stem": [{"channels": 4, "kernel": 3, "stride": [2, 2]}],
            "stages": [{"channels": 8, "strides": [[1, 2]]}],
        }
    )
    spec = resolve(Genotype.parse("f3+t5e2w1"), skeleton, (8, 16), 3)
    # stem 4x8 outputs; expand to 8; depthwise 3 + 5 taps on 4x4; project 8 -> 8; head 8 -> 3.
    macs = 9 * 4 * (4 * 8) + 4 * 8 * (4 * 8) + 8 * (3 + 5) * 16 + 8 * 8 * 16 + 8 * 3 * 16
    weights = 9 * 4 + 4 * 8 + 8 * (3 + 5) + 8 * 8 + 8 * 3
    norms = 2 * (4 + 8 + 8 + 8 + 3)
    cost = count(spec, HEARD)
    assert (cost.macs, cost.params) == (macs, weights + norms)
    assert cost.param_bytes(1) * 4 == cost.param_bytes(4)
