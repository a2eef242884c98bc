"""The log-mel front end as an ONNX graph, and a network behind it: samples in, probabilities out.

The graph has the operator STFT (opset 17), which onnxruntime runs on a PC, on Android and in a
browser. It is told to work in float64, as `asc_nas.audio.logmel` does: then log-mel is within 1e-4
dB of it at every level. In float32 its transform of a length that is no power of two misses what
is 60 dB below a loud band by 0.05 dB, and what is 100 dB below by 20 dB. The transform as a product
with a matrix would make the file too large: 105 MB for 5,120 samples.
"""

from typing import Any

import numpy as np
from onnx import ModelProto, TensorProto, compose, helper, numpy_helper

from asc_nas.audio.logmel import FLOOR, FrontEnd
from asc_nas.audio.mel_bands import hann_window, mel_bands
from asc_nas.runtime.card import ModelCard
from asc_nas.runtime.classifier import INPUT, OUTPUT

SAMPLES, PROBABILITIES = "samples", "probabilities"


def with_front_end(network: ModelProto, card: ModelCard) -> ModelProto:
    """Return `network` with its front end before it and the softmax behind it.

    Parameters
    ----------
    network : ModelProto
        From log-mel (batch, 1, mels, frames) in dB to logits (batch, classes), all float32.
    card : ModelCard
        Gives the front end and the temperature.

    Returns
    -------
    ModelProto
        From ``samples`` (batch, samples) float32, full scale at 1, to ``probabilities`` (batch,
        classes) float32.
    """
    versions = {"opset_imports": network.opset_import, "ir_version": network.ir_version}
    heard = compose.merge_models(
        front_end(card.frontend, **versions), network, [(INPUT, INPUT)], prefix2="network/"
    )
    answer = _answer(card, **versions)
    model = compose.merge_models(heard, answer, [(f"network/{OUTPUT}", OUTPUT)])
    del model.opset_import[:]  # merging lists the same three times
    model.opset_import.extend(network.opset_import)
    return model


def front_end(settings: FrontEnd, **versions: Any) -> ModelProto:
    """Return what `asc_nas.audio.logmel.log_mel` computes, as ONNX.

    Parameters
    ----------
    settings : FrontEnd
    versions : opset_imports (18 or later) and ir_version of the model, as ``helper.make_model``
        takes them

    Returns
    -------
    ModelProto
        From ``samples`` (batch, samples) float32, full scale at 1, to ``log_mel`` (batch, 1, mels,
        frames) float32 in dB.
    """
    n_fft, half = settings.n_fft, settings.n_fft // 2
    graph = _Graph(SAMPLES, "batch", settings.samples)
    exact = graph.add("Cast", SAMPLES, to=TensorProto.DOUBLE)
    padded = graph.add("Pad", exact, np.array([0, half, 0, half]))
    spectrum = graph.add(  # (batch, frames, bins, real and imaginary part)
        "STFT",
        graph.add("Unsqueeze", padded, np.array([2])),
        np.array(settings.hop_length),
        hann_window(settings.win_length, n_fft),
        np.array(n_fft),
        onesided=1,
    )
    power = graph.add("ReduceSumSquare", spectrum, np.array([3]), keepdims=0)
    power = graph.add("Cast", power, to=TensorProto.FLOAT)
    groups = mel_bands(
        settings.sample_rate, n_fft, settings.n_mels, settings.fmin, settings.highest
    )
    bands = []
    for _, parts, weights in groups:  # of each bin both parts have the same weight
        low, high = np.array([parts.start // 2]), np.array([parts.stop // 2])
        used = graph.add("Slice", power, low, high, np.array([2]))
        bands.append(graph.add("MatMul", used, np.ascontiguousarray(weights[:, ::2].T)))
    mel = graph.add("Max", graph.add("Concat", *bands, axis=2), np.array(FLOOR, np.float32))
    decibels = graph.add("Mul", graph.add("Log", mel), np.array(10 / np.log(10), np.float32))
    turned = graph.add("Transpose", decibels, perm=[0, 2, 1])
    shape = ("batch", 1, *settings.size)
    graph.finish(graph.add("Unsqueeze", turned, np.array([1])), INPUT, *shape)
    return graph.model(**versions)


def _answer(card: ModelCard, **versions: Any) -> ModelProto:
    """Return the graph from logits to probabilities."""
    shape = ("batch", len(card.labels))
    graph = _Graph(OUTPUT, *shape)
    scaled = graph.add("Div", OUTPUT, np.array(card.temperature, np.float32))
    graph.finish(graph.add("Softmax", scaled, axis=1), PROBABILITIES, *shape)
    return graph.model(**versions)


class _Graph:
    """An ONNX graph under construction, of one input; values are named by strings."""

    def __init__(self, source: str, *shape: str | int) -> None:
        self._input = helper.make_tensor_value_info(source, TensorProto.FLOAT, shape)
        self._output: Any = None
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def add(self, operator: str, *inputs: str | np.ndarray, **attributes: Any) -> str:
        """Add a node, whose inputs are names or constants, and return its output."""
        output = f"{operator}_{len(self._nodes)}"
        names = [self._constant(v) if isinstance(v, np.ndarray) else v for v in inputs]
        self._nodes.append(helper.make_node(operator, names, [output], **attributes))
        return output

    def finish(self, value: str, name: str, *shape: str | int) -> None:
        """Give `value` out under another name."""
        self._nodes.append(helper.make_node("Identity", [value], [name]))
        self._output = helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    def model(self, **versions: Any) -> ModelProto:
        """Return the graph as a model."""
        graph = helper.make_graph(
            self._nodes, "asc_nas", [self._input], [self._output], self._constants
        )
        return helper.make_model(graph, **versions)

    def _constant(self, value: np.ndarray) -> str:
        name = f"{self._input.name}_constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(value, name))
        return name
