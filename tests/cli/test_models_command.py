import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from typer.testing import CliRunner

from asc_nas.audio.logmel import FrontEnd
from asc_nas.cli.main import app
from asc_nas.core.files import sha256
from asc_nas.runtime import model_files
from asc_nas.runtime.card import CardData, ModelCard

FRONTEND = FrontEnd(
    sample_rate=8000, n_mels=4, win_length=256, hop_length=400, n_fft=256, seconds=1.0
)


def make_model(folder, name):
    """Write a model that takes the mean over time and adds up bands, two of them per class."""
    folder.mkdir(exist_ok=True)
    weights = np.repeat(np.eye(2, dtype=np.float32), 2, axis=0)
    graph = helper.make_graph(
        [
            helper.make_node("ReduceMean", ["log_mel", "axes"], ["mean"], keepdims=0),
            helper.make_node("MatMul", ["mean", "weights"], ["logits"]),
        ],
        "made",
        [helper.make_tensor_value_info("log_mel", TensorProto.FLOAT, ["n", 1, 4, FRONTEND.frames])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 2])],
        [
            onnx.numpy_helper.from_array(np.array([1, 3]), "axes"),
            onnx.numpy_helper.from_array(weights, "weights"),
        ],
    )
    opset = [helper.make_opsetid("", 18)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=10), folder / f"{name}.onnx")
    ModelCard(
        name=name,
        labels=("bus", "park"),
        frontend=FRONTEND,
        genotype="t5e2w1",
        macs=1_230_000,
        params=50,
        bytes=(folder / f"{name}.onnx").stat().st_size,
        sha256=sha256(folder / f"{name}.onnx"),
        results={"accuracy": 0.875, "per_class": {"bus": 0.9, "park": 0.8}},
        data=CardData(name="made up", licence="CC0"),
    ).write(folder / f"{name}.json")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ASC_NAS_MODELS", raising=False)
    monkeypatch.setattr(model_files, "packaged_folder", lambda: tmp_path / "packaged")
    make_model(tmp_path / "models", "street")
    make_model(tmp_path / "packaged", "esc10")
    return tmp_path


def models(*arguments):
    return CliRunner().invoke(app, ["models", *arguments])


def test_the_list_has_a_line_per_model(here):
    done = models("list")
    assert done.exit_code == 0
    header, street, esc10 = done.output.splitlines()
    assert header.split()[:4] == ["Name", "Scenes", "Rate", "Accuracy"]
    assert street.split()[:7] == ["street", "2", "8", "kHz", "0.875", "1.23", "M"]
    assert "made up (CC0)" in street
    assert esc10.split()[0] == "esc10"
    assert "packaged" in esc10


def test_a_damaged_card_does_not_hide_the_others(here):
    (here / "models" / "street.json").write_text("{}")
    done = models("list")
    assert done.exit_code == 0
    assert "not the card" in done.output
    assert "esc10" in done.output


def test_without_models_the_list_says_where_to_put_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(model_files, "packaged_folder", lambda: tmp_path / "packaged")
    assert "ASC_NAS_MODELS" in models("list").output


def test_the_card_is_shown_for_people_and_for_programs(here):
    text = models("show", "esc10").output
    assert "bus, park" in text
    assert "1,230,000 MACs" in text
    assert "accuracy 0.875" in text
    assert json.loads(models("show", "esc10", "--json").output)["labels"] == ["bus", "park"]


def test_the_ram_of_a_device_is_shown_if_the_card_knows_it(here):
    assert "RAM" not in models("show", "esc10").output
    path = here / "packaged" / "esc10.json"
    card = ModelCard.read(path)
    card.model_copy(update={"ram_bytes": 34_200, "float_ram_bytes": 120_000}).write(path)
    assert "34,200 bytes in int8, 120,000 bytes in float32" in models("show", "esc10").output


def test_whole_models_are_verified(here):
    done = models("verify")
    assert done.exit_code == 0, done.output
    assert done.output.count("ok: ") == 2


def test_a_changed_network_fails_and_the_others_are_verified_all_the_same(here):
    path = here / "models" / "street.onnx"
    path.write_bytes(path.read_bytes() + b"\0")
    done = models("verify", "street", "esc10")
    assert done.exit_code == 1
    assert "failed: " in done.output
    assert "another SHA-256" in done.output
    assert "ok: esc10" in done.output
