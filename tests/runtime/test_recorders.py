"""Models with a network for each of several recording devices in one file."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import soundfile
from edited import document
from onnx import TensorProto, helper, numpy_helper
from toy_classifier import (
    FRONTEND,
    RATE,
    RECORDERS,
    tones,
    toy_model,
    write_toy_model,
    write_toy_with_recorders,
)
from typer.testing import CliRunner

import asc_nas
from asc_nas.audio.logmel import log_mel
from asc_nas.cli.main import app
from asc_nas.core.errors import AscNasError
from asc_nas.core.packages import packaged
from asc_nas.runtime.card import ModelCard
from asc_nas.runtime.classifier import OUTPUT, Classifier, open_session, output_of
from asc_nas.runtime.onnx_file import one_network

OUTPUTS = [OUTPUT, *map(output_of, RECORDERS)]
MEL = log_mel(tones("middle", channels=2), FRONTEND)
ALL = ((None, "middle"), ("a", "high"), ("Zoom H5/2", "low"))


@pytest.fixture
def model(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    soundfile.write("middle.wav", tones("middle", "middle").T, RATE, subtype="FLOAT")
    return write_toy_with_recorders(tmp_path / "models", temperature=0.5, reject_below=0.3)


@pytest.mark.parametrize(("recorder", "label"), ALL)
def test_the_network_of_the_recording_device_answers(model, recorder, label):
    assert Classifier.load(model, recorder=recorder).classify("middle.wav").label == label
    assert (
        asc_nas.classify("middle.wav", str(model), recorder=recorder)[0].classification.label
        == label
    )


@pytest.mark.parametrize(("recorder", "label"), ALL)
def test_it_is_that_network_alone_to_the_last_bit(model, recorder, label):
    ending = "" if recorder is None else f"@{recorder}"
    part = one_network(model.read_bytes(), OUTPUTS, OUTPUT + ending)
    alone = toy_model(RECORDERS.get(recorder, (0, 1, 2)))
    found = onnx.load_from_string(part)
    onnx.checker.check_model(found, full_check=True)
    if recorder is None:
        assert found == onnx.load_from_string(alone)
    weights = {tensor.name for tensor in found.graph.initializer}
    assert weights == {name + ending for name in ("bands", "time", "channel")}
    fed = {"log_mel": MEL[:, None]}
    found, expected = (open_session(each, 1).run(None, fed) for each in (part, alone))
    assert len(found) == len(expected) == 1
    assert np.array_equal(found[0], expected[0])


def test_temperature_limit_and_name_are_those_of_its_network(model):
    own, general = (Classifier.load(model, recorder=name).card for name in ("a", "other"))
    assert (own.recorder, own.recorders) == ("a", ())
    assert (own.temperature, own.reject_below) == (0.5, 0.3)
    assert general == ModelCard.read(model.with_suffix(".json"))
    assert (general.recorder, general.temperature, general.reject_below) == ("", 1, 0)
    logits = open_session(toy_model(RECORDERS["a"]), 1).run(None, {"log_mel": MEL[:, None]})[0]
    powers = np.exp(logits.astype(np.float64) / 0.5)
    expected = (powers / powers.sum(1, keepdims=True)).mean(0)
    assert Classifier.load(model, recorder="a").posterior(MEL) == pytest.approx(expected)


def test_a_device_without_a_network_gets_the_general_one_and_a_line(model):
    calls = {
        ("a", model): "",
        ("A2", model): "toy has no network for the recording device 'A2': the general one answers. "
        "It has some for: a, Zoom H5/2.",
        ("Zoom H5", model): "toy has no network for the recording device 'Zoom H5': the general "
        "one answers. Did you mean 'Zoom H5/2'? It has some for: a, Zoom H5/2.",
    }
    for (recorder, file), told in calls.items():
        assert Classifier.load(file, recorder=recorder).card.told_of_recorder(recorder) == told
    plain = Classifier.load(write_toy_model(model.parent / "plain"), recorder="a").card
    assert plain.told_of_recorder("a") == (
        "toy has no networks for recording devices: its only one answers."
    )
    alone = plain.model_copy(update={"recorder": "b"})
    assert alone.told_of_recorder("b") == ""
    assert alone.told_of_recorder("a") == "toy was adapted to the recording device b alone."


@pytest.mark.parametrize(("recorder", "label"), [("a", "high"), ("A2", "middle")])
def test_classify_and_listen_take_the_device_and_say_what_answers(model, recorder, label):
    call = ["middle.wav", "--recorder", recorder, "--format", "json"]
    done = CliRunner().invoke(app, ["classify", *call])
    assert json.loads(done.stdout)[0]["label"] == label
    data = (tones("middle", "middle")[0] * 2**15).astype("<i2").tobytes()
    live = CliRunner().invoke(app, ["listen", "-", "--json", "--recorder", recorder], input=data)
    assert json.loads(live.stdout.splitlines()[-1])["label"] == label
    for one in (done, live):
        assert one.exit_code == 0
        assert one.stderr.count("has no network for the recording device") == (recorder == "A2")


def test_several_processes_take_the_device_too(model):
    for name in ("b", "c"):
        soundfile.write(f"{name}.wav", tones("middle").T, RATE, subtype="FLOAT")
    script = (
        "from asc_nas import classify\n"
        "if __name__ == '__main__':\n"
        "    found = classify(['b.wav', 'c.wav'], 'models', recorder='a', workers=2)\n"
        "    print([answer.classification.label for answer in found])\n"
    )
    Path("script.py").write_text(script)
    done = subprocess.run([sys.executable, "script.py"], capture_output=True, text=True)
    assert done.stdout == "['high', 'high']\n", done.stderr


def test_show_lists_the_devices_with_what_they_gain_and_verify_tries_all(model):
    card = document(model.with_suffix(".json"))
    card["recorders"][0] |= {"test_clips": 20, "general": 0.5, "adapted": 0.55}
    model.with_suffix(".json").write_text(json.dumps(card))
    shown = CliRunner().invoke(app, ["models", "show", str(model)])
    line = "recorders:   a (accuracy 0.550, general network 0.500), Zoom H5/2\n"
    assert line in shown.stdout
    raw = CliRunner().invoke(app, ["models", "show", str(model), "--json"])
    assert json.loads(raw.stdout)["recorders"] == card["recorders"]
    assert CliRunner().invoke(app, ["models", "verify", str(model)]).exit_code == 0
    damaged = onnx.load(model)
    (scale,) = (x for x in damaged.graph.initializer if x.name == "bands@Zoom H5/2")
    scale.CopyFrom(numpy_helper.from_array(np.full((12, 3), np.nan, np.float32), scale.name))
    install(model, damaged.SerializeToString())
    assert Classifier.load(model, recorder="a").classify("middle.wav").label == "high"
    done = CliRunner().invoke(app, ["models", "verify", str(model)])
    assert done.exit_code == 1
    assert "the network's answer is not one number for every label" in done.stdout


def install(model, content):
    """Put this file in the place of a model, so that its card fits."""
    card = document(model.with_suffix(".json"))
    card |= {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    model.write_bytes(content)
    model.with_suffix(".json").write_text(json.dumps(card))


def without_an_output(graph):
    del graph.output[2]


def one_too_many(graph):
    graph.output.append(helper.make_tensor_value_info("mean", TensorProto.FLOAT, ["n", 1, 12]))


def in_another_order(graph):
    outputs = list(graph.output)[::-1]
    del graph.output[:]
    graph.output.extend(outputs)


def of_another_shape(graph):
    graph.output[1].type.tensor_type.shape.dim[1].dim_value = 4


def never_made(graph):
    (node,) = (node for node in graph.node if output_of("a") in node.output)
    node.output[0] = "elsewhere"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (without_an_output, "not those of the networks that its card lists"),
        (one_too_many, "not those of the networks that its card lists"),
        (in_another_order, "not those of the networks that its card lists"),
        (of_another_shape, r"does not fit its card|cannot be run here"),
        (never_made, "not a readable ONNX model"),
    ],
)
def test_a_file_that_does_not_fit_its_card_is_one_sentence(model, change, said):
    damaged = onnx.load(model)
    change(damaged.graph)
    install(model, damaged.SerializeToString())
    with pytest.raises(AscNasError, match=said) as error:
        Classifier.load(model, recorder="a")
    assert str(error.value).startswith(f"{model}: ")
    assert "\n" not in str(error.value)


def test_a_plain_file_whose_card_lists_devices_is_refused(model):
    install(model, toy_model())
    for recorder in (None, "a"):
        with pytest.raises(AscNasError, match="not those of the networks that its card lists"):
            Classifier.load(model, recorder=recorder)


def test_a_card_without_devices_keeps_the_bytes_that_it_had(tmp_path):
    path = packaged("models") / "esc10.json"
    ModelCard.read(path).write(tmp_path / "esc10.json")
    assert (tmp_path / "esc10.json").read_bytes() == path.read_bytes()
