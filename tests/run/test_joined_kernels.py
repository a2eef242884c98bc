"""A network whose kernels are joined, from training to the exported model."""

import onnx
import pytest
import torch
from onnx import numpy_helper
from safetensors.torch import load_file

from asc_nas.nn.subnet import SubNet
from asc_nas.run.adapted import find_trained
from asc_nas.run.networks import find_network
from asc_nas.training.trainer import posteriors

TWO_KERNELS = "t3+t5e1.5w1 f3+t3e1.5w1"
"""Of the first block one is left, of the second both."""


@pytest.mark.slow
def test_the_exported_network_has_what_was_counted_and_answers_as_the_trained_one(tiny_run):
    (result,) = tiny_run.train(TWO_KERNELS)
    place = find_network(tiny_run, TWO_KERNELS).folder(tiny_run, tiny_run.config.seed)
    state = load_file(place.path / "model.safetensors")
    as_trained = SubNet(tiny_run.spec(place.genotype))
    as_trained.load_state_dict({key.removeprefix("model."): value for key, value in state.items()})
    kernels = [layer.spec.kernel for layer in as_trained.blocks["0"].depthwise]
    assert kernels == [(1, 3), (1, 5)]
    examples = tiny_run.examples("test")
    with torch.no_grad():
        expected = posteriors(as_trained.eval(), examples)
        found = posteriors(place.load(), examples)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    assert tiny_run.evaluate(TWO_KERNELS).evaluation.scores.accuracy == result.accuracy

    (model,) = tiny_run.export(TWO_KERNELS)
    graph = onnx.load(model.file).graph
    weights = {w.name: numpy_helper.to_array(w) for w in graph.initializer}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    depthwise = [
        weights[node.input[1]].shape[2:]
        for node in convolutions
        if any(a.name == "group" and a.i > 1 for a in node.attribute)
    ]
    assert sorted(depthwise) == [(1, 3), (1, 5), (3, 1)]
    card = model.card
    assert (card.macs, card.params) == (result.macs, result.params)
    assert card.params == sum(p.numel() for p in place.load().parameters())


@pytest.mark.slow
def test_it_can_learn_on_for_a_recording_device(tiny_run):
    tiny_run.train(TWO_KERNELS)
    device = next(clip.device for clip in tiny_run.readable("train"))
    tiny_run.adapt(TWO_KERNELS, device)
    place = find_trained(tiny_run, f"{TWO_KERNELS}@{device}").folder(tiny_run, tiny_run.config.seed)
    kernels = [layer.spec.kernel for layer in place.load_as_trained().blocks["0"].depthwise]
    assert kernels == [(1, 3), (1, 5)]
    assert [layer.spec.kernel for layer in place.load().blocks["0"].depthwise] == [(1, 5)]
