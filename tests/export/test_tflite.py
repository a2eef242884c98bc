"""The .tflite file against the NumPy reference, in LiteRT's and TFLite Micro's interpreters."""

import json
from dataclasses import replace
from functools import partial
from importlib import metadata

import numpy as np
import pytest
from random_networks import CLASSES, FRONTEND, GENOTYPES, VARIANTS, make
from toy import make_examples

from asc_nas.core.errors import AscNasError
from asc_nas.core.files import read_json, sha256
from asc_nas.data.examples import Examples
from asc_nas.export import tflite_check
from asc_nas.export.integer.folded import read_folded
from asc_nas.export.integer.network import IntegerNetwork, feature_integers
from asc_nas.export.integer.quantise import integer_networks
from asc_nas.export.targets import TARGETS, ExportedModel, Source
from asc_nas.export.targets.c import compared
from asc_nas.export.targets.tflite import FORMAT
from asc_nas.export.tflite_check import INTERPRETERS, MICRO, arena_bytes, checked
from asc_nas.export.tflite_file import tflite_bytes
from asc_nas.export.tflite_graph import OPERATORS
from asc_nas.runtime.model_files import find_card, models_in

schema = pytest.importorskip(
    "ai_edge_litert.schema_py_generated", reason="ai-edge-litert is not installed"
)
pytest.importorskip("tflite_micro", reason="tflite-micro is not installed")


def log_mel(clips: int, size: tuple[int, int], seed: int = 0) -> np.ndarray:
    """Return noise of several levels, (clips, mels, frames) in 1/128 dB."""
    rng = np.random.default_rng(seed)
    level = rng.uniform(-90, 0, (clips, 1, 1))
    return feature_integers(level + rng.normal(0, 20, (clips, *size)))


def model_of(file: bytes):
    return schema.ModelT.InitFromPackedBuf(bytearray(file))


def operators(file: bytes) -> list[str]:
    names = {v: k for k, v in vars(schema.BuiltinOperator).items() if k.isupper()}
    model = model_of(file)
    codes = [names[code.builtinCode] for code in model.operatorCodes]
    return [codes[operator.opcodeIndex] for operator in model.subgraphs[0].operators]


def answers_alike(networks: tuple[IntegerNetwork, ...], clips: int = 12) -> bytes:
    file = tflite_bytes(networks, "toy")
    found = checked(file, networks, log_mel(clips, networks[0].spec.input_size), "toy.tflite")
    assert found == {name: metadata.version(name) for name in INTERPRETERS}
    return file


@pytest.mark.parametrize("variant", range(len(VARIANTS)))
@pytest.mark.parametrize("genotype", range(len(GENOTYPES)))
def test_both_interpreters_answer_as_numpy_bit_for_bit(tmp_path, genotype, variant):
    made = make(tmp_path, GENOTYPES[genotype], VARIANTS[variant])
    file = answers_alike(made.networks)
    assert {*operators(file)} <= {*OPERATORS}
    assert tflite_bytes(made.networks, "toy") == file


def test_every_operator_is_needed_by_some_network_here(tmp_path):
    made = [make(tmp_path, genotype, {}) for genotype in GENOTYPES]
    used = {kind for each in made for kind in operators(tflite_bytes(each.networks, "toy"))}
    assert used == {*OPERATORS}


@pytest.mark.parametrize("kernel", [2, 4, 5])
def test_stems_of_any_kernel_are_padded_as_in_numpy(tmp_path, kernel):
    stem = [{"channels": 6, "stride": [2, 2], "kernel": kernel}, {"channels": 8, "stride": [1, 1]}]
    answers_alike(make(tmp_path, GENOTYPES[0], {"stem": stem}).networks)


def test_a_relu_counts_where_the_scale_goes_below_zero(tmp_path):
    (network,) = make(tmp_path, GENOTYPES[0], VARIANTS[1]).networks
    head, classifier = network.layers["head"], network.layers["classifier"]
    scale = replace(head.target, zero=-60)
    layers = network.layers | {
        "head": replace(head, target=scale),
        "classifier": replace(classifier, source=scale),
    }
    answers_alike((replace(network, layers=layers),))


def test_a_committee_is_one_file_with_an_input_and_an_output_each(tmp_path):
    made = make(tmp_path, GENOTYPES[1], VARIANTS[1], members=3)
    model = model_of(answers_alike(made.networks))
    (graph,) = model.subgraphs
    inputs = [graph.tensors[i] for i in graph.inputs]
    outputs = [graph.tensors[i] for i in graph.outputs]
    assert [tensor.name for tensor in inputs] == [b"log_mel_0", b"log_mel_1", b"log_mel_2"]
    assert [tensor.name for tensor in outputs] == [b"logits_0", b"logits_1", b"logits_2"]
    assert {tuple(tensor.shape) for tensor in inputs} == {(1, *FRONTEND.size, 1)}
    assert {tuple(tensor.shape) for tensor in outputs} == {(1, len(CLASSES))}
    assert {tensor.type for tensor in inputs + outputs} == {schema.TensorType.INT8}


def test_maps_and_weights_are_8_bits_and_constants_lie_at_multiples_of_16(tmp_path):
    file = tflite_bytes(make(tmp_path, GENOTYPES[1], {}).networks, "toy")
    assert file[4:8] == b"TFL3"
    model = model_of(file)
    for tensor in model.subgraphs[0].tensors:
        is_constant = model.buffers[tensor.buffer].data is not None
        plain = tensor.name.rpartition(b".")[2] in (b"bias", b"by", b"from", b"size", b"shape")
        assert tensor.type == (schema.TensorType.INT32 if plain else schema.TensorType.INT8)
        assert is_constant == (plain or tensor.name.endswith(b".weights"))
    packed = schema.Model.GetRootAs(file, 0)
    places = [file.find(packed.Buffers(i).DataAsNumpy().tobytes()) for i in
              range(1, packed.BuffersLength()) if packed.Buffers(i).DataLength() > 64]  # fmt: skip
    assert places
    assert not any(place % 16 for place in places)


def in_the_box(name: str) -> tuple[IntegerNetwork, ...]:
    """Return a model of models/ in integers, its ranges found on noise."""
    model = ExportedModel.read(find_card(name).with_suffix(".onnx"))
    folded = read_folded(model.file, model.card.frontend.size)
    clips = log_mel(4, model.card.frontend.size, seed=1) / np.float32(128)
    return integer_networks(model.file, folded, clips.astype(np.float32))


def test_the_smallest_model_in_the_box_answers_as_numpy():
    networks = in_the_box("esc10-tiny")
    file = answers_alike(networks, clips=3)
    assert 10_000 < arena_bytes(file) < 100_000


@pytest.mark.parametrize("members", [1, 2])
def test_the_arena_is_the_smallest_that_works(tmp_path, members):
    file = tflite_bytes(make(tmp_path, GENOTYPES[members], {}, members=members).networks, "toy")
    arena = arena_bytes(file)
    assert tflite_check._run_in(arena, file) is not None
    assert tflite_check._run_in(arena - 16, file) is None


def examples(clips: int, seed: int) -> Examples:
    return replace(make_examples(clips, size=FRONTEND.size, seed=seed), frontend=FRONTEND)


@pytest.fixture(params=[2])
def source(tmp_path, request) -> Source:
    made = make(tmp_path, GENOTYPES[1], VARIANTS[request.param], members=2)
    model = ExportedModel(made.file, made.card)
    return Source(model, examples(24, seed=0), examples(15, seed=1), lambda number: 1 / 0)


@pytest.mark.parametrize("source", [1, 2], indirect=True)
def test_the_target_writes_the_file_and_tells_all_that_a_device_needs(source):
    made = TARGETS["tflite"](source)
    assert made.file == source.model.file.with_name("toy.tflite")
    document = read_json(made.file.with_name("toy.tflite.json"), FORMAT)
    card = source.model.card
    assert document["name"] == "toy"
    assert document["labels"] == [*CLASSES]
    assert document["frontend"] == json.loads(card.frontend.model_dump_json())
    assert document["temperature"] == card.temperature == 1.3
    assert document["float_sha256"] == sha256(source.model.file)
    assert document["sha256"] == sha256(made.file)
    assert document["bytes"] == made.file.stat().st_size
    assert document["checked_in"] == {name: metadata.version(name) for name in INTERPRETERS}
    assert document["checked_on"] == 8
    assert document["arena_bytes"] == arena_bytes(made.file.read_bytes())
    assert document["arena_unknown"] is None
    assert f"an arena of {document['arena_bytes'] / 1000:.1f} kB" in made.told[0]

    train = source.train.batch(np.arange(len(source.train)))[0][:, 0].numpy()
    folded = read_folded(source.model.file, FRONTEND.size)
    networks = integer_networks(source.model.file, folded, train)
    results = compared(source, networks)
    assert {name: document[name] for name in results} == results
    test = feature_integers(source.test.batch(np.arange(15))[0][:, 0].numpy())
    inputs = [filled(said, test) for said in document["networks"]]
    answers = tflite_check.micro_logits(made.file.read_bytes(), inputs)
    for place, (said, network) in enumerate(zip(document["networks"], networks, strict=True)):
        assert (said["input"], said["output"]) == (f"log_mel_{place}", f"logits_{place}")
        assert (answers[:, place] == network.logits(test)).all()
        target = network.last.target
        assert said["output_scale"] == {"scale": target.scale, "zero": target.zero}


def filled(said: dict, features: np.ndarray) -> np.ndarray:
    """Return a network's input as docs/FILES.md tells to make it."""
    level = features
    if said["input_range"] is not None:
        level = np.maximum(level - level.max((1, 2), keepdims=True), -said["input_range"])
    multipliers, offsets = (
        np.array(said[f"input_{name}"])[:, None] for name in ("multipliers", "offsets")
    )
    return np.clip((level * multipliers + offsets) >> 20, -128, 127).astype(np.int8)[..., None]


def test_the_folder_still_holds_one_model(source):
    TARGETS["tflite"](source)
    folder = source.model.file.parent
    assert models_in(folder) == ["toy"]
    assert find_card(folder) == folder / "toy.json"


@pytest.mark.parametrize("package", INTERPRETERS)
def test_an_interpreter_that_answers_otherwise_is_told_and_nothing_is_written(
    source, monkeypatch, package
):
    def one_off(file, inputs, ask):
        answers = ask(file, inputs)
        answers[2, 0, 1] += 1
        return answers

    monkeypatch.setitem(INTERPRETERS, package, partial(one_off, ask=INTERPRETERS[package]))
    match = rf"toy.tflite: {package} \S+ answers otherwise than Python on 1 of 8 clips"
    with pytest.raises(AscNasError, match=match):
        TARGETS["tflite"](source)
    assert not [*source.model.file.parent.glob("*.tflite*")]


def test_an_interpreter_that_does_not_run_the_file_is_told(source, monkeypatch):
    monkeypatch.setattr(tflite_check, "_LARGEST_ARENA", 4096)
    match = rf"toy.tflite: {MICRO} \S+ does not run it \(.*allocate tensors\)"
    with pytest.raises(AscNasError, match=match):
        TARGETS["tflite"](source)
    assert not [*source.model.file.parent.glob("*.tflite*")]


def test_a_package_that_is_missing_is_told(source, monkeypatch):
    version = metadata.version

    def without_micro(package):
        if package == MICRO:
            raise metadata.PackageNotFoundError(package)
        return version(package)

    monkeypatch.setattr(metadata, "version", without_micro)
    made = TARGETS["tflite"](source)
    document = read_json(made.file.with_name("toy.tflite.json"), FORMAT)
    assert document["arena_bytes"] is None
    assert "tflite-micro is not installed" in document["arena_unknown"]
    assert [*document["checked_in"]] == ["ai-edge-litert"]
    monkeypatch.setitem(__import__("sys").modules, "ai_edge_litert", None)
    with pytest.raises(AscNasError, match=r"needs the package ai-edge-litert: .*asc-nas\[device\]"):
        TARGETS["tflite"](source)


def test_averages_that_do_not_begin_at_the_edge_are_refused(tmp_path):
    stages = [
        {"channels": 8, "strides": [[1, 1], [1, 3], [1, 1]]},
        {"channels": 12, "strides": [[1, 1], [1, 1]]},
    ]
    made = make(tmp_path, GENOTYPES[0], {"stages": stages})
    with pytest.raises(AscNasError, match=r"use strides of 1 and 2"):
        tflite_bytes(made.networks, "toy")
