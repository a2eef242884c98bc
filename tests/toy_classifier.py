"""A classifier without a trained network: each label is loud in its own mel bands."""

import hashlib
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from asc_nas.audio.logmel import FrontEnd, Short
from asc_nas.export.joined import joined
from asc_nas.runtime.card import CardData, CardRecorder, ModelCard
from asc_nas.runtime.classifier import OUTPUT, Classifier, open_session, output_of

RATE = 8000
FRONTEND = FrontEnd(
    sample_rate=RATE, n_mels=12, win_length=256, hop_length=128, n_fft=256, seconds=0.5
)
LABELS = ("low", "middle", "high")
CENTRES = {"low": 200.0, "middle": 900.0, "high": 2600.0}


def toy_model(order: tuple[int, ...] = (0, 1, 2)) -> bytes:
    """Return a network that averages the mel bands of each label, the labels in another order."""
    rows = np.eye(len(LABELS))[list(order)]
    bands = np.repeat(rows, FRONTEND.n_mels // len(LABELS), axis=0) / 40
    constants = [
        numpy_helper.from_array(bands.astype(np.float32), "bands"),
        numpy_helper.from_array(np.array([3]), "time"),
        numpy_helper.from_array(np.array([1]), "channel"),
    ]
    nodes = [
        helper.make_node("ReduceMean", ["log_mel", "time"], ["mean"], keepdims=0),
        helper.make_node("MatMul", ["mean", "bands"], ["sums"]),
        helper.make_node("Squeeze", ["sums", "channel"], ["logits"]),
    ]
    size = ["batch", 1, FRONTEND.n_mels, FRONTEND.frames]
    ends = [
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)]
        for name, shape in (("log_mel", size), ("logits", ["batch", len(LABELS)]))
    ]
    graph = helper.make_graph(nodes, "toy", *ends, constants)
    opset = [helper.make_opsetid("", 18)]
    return helper.make_model(graph, opset_imports=opset, ir_version=9).SerializeToString()


def toy_card(
    temperature: float = 1.0, short: Short = "silence", reject_below: float = 0.0
) -> ModelCard:
    model = toy_model()
    return ModelCard(
        name="toy",
        labels=LABELS,
        frontend=FRONTEND.model_copy(update={"short": short}),
        temperature=temperature,
        reject_below=reject_below,
        genotype="skip",
        macs=0,
        params=0,
        bytes=len(model),
        sha256=hashlib.sha256(model).hexdigest(),
        results={},
        data=CardData(name="made up"),
    )


def toy_classifier(
    temperature: float = 1.0, short: Short = "silence", reject_below: float = 0.0
) -> Classifier:
    return Classifier(toy_card(temperature, short, reject_below), open_session(toy_model(), 1))


def write_toy_model(folder: Path, short: Short = "silence", reject_below: float = 0.0) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "toy.onnx").write_bytes(toy_model())
    toy_card(short=short, reject_below=reject_below).write(folder / "toy.json")
    return folder / "toy.onnx"


RECORDERS = {"a": (1, 2, 0), "Zoom H5/2": (2, 0, 1)}
"""Recording devices, and in which order their networks take the labels."""


def toy_of_recorders(**of_a: float) -> tuple[ModelCard, bytes]:
    """Return a model with networks for `RECORDERS`; that of a has other settings on the card."""
    networks = {OUTPUT: toy_model()} | {output_of(r): toy_model(o) for r, o in RECORDERS.items()}
    models = {output: onnx.load_from_string(model) for output, model in networks.items()}
    content = joined(models).SerializeToString(deterministic=True)
    recorders = tuple(
        CardRecorder(recorder=name, results={}, **(of_a if name == "a" else {}))
        for name in RECORDERS
    )
    changes = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    return toy_card().model_copy(update=changes | {"recorders": recorders}), content


def write_toy_with_recorders(folder: Path, **of_a: float) -> Path:
    """Write the files of `toy_of_recorders`; return that of the network."""
    card, content = toy_of_recorders(**of_a)
    file = write_toy_model(folder)
    file.write_bytes(content)
    card.write(file.with_suffix(".json"))
    return file


def tones(*labels: str, seconds: float = 0.5, channels: int = 1, rate: int = RATE) -> np.ndarray:
    """Return (channels, samples) float32: the tone of each label for so many seconds, and noise."""
    rng = np.random.default_rng(0)
    time = np.arange(round(seconds * rate)) / rate
    wave = np.concatenate([np.sin(2 * np.pi * CENTRES[label] * time) for label in labels])
    return (0.1 * wave + rng.normal(0, 0.01, (channels, len(wave)))).astype(np.float32)
