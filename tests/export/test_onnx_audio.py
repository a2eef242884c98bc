"""The model that takes samples, against the front end and the classifier in Python."""

import json

import numpy as np
import onnx
import pytest
from random_networks import CLASSES, FRONTEND, GENOTYPES, VARIANTS, make
from typer.testing import CliRunner

from asc_nas.audio.logmel import FrontEnd, log_mel
from asc_nas.cli.main import app
from asc_nas.core.errors import AscNasError
from asc_nas.core.files import read_json, sha256
from asc_nas.export.front_end_onnx import front_end
from asc_nas.export.onnx import OPSET
from asc_nas.export.targets import TARGETS, ExportedModel, Source, onnx_audio
from asc_nas.runtime.card import AUDIO_FORMAT
from asc_nas.runtime.classifier import Classifier, open_session
from asc_nas.runtime.model_files import find_card, models_in

VERSIONS = {"opset_imports": [onnx.helper.make_opsetid("", OPSET)], "ir_version": 10}
FRONT_ENDS = {
    "the smallest model in the box": (32000, 64, 5120, 2560, 5120, {}),
    "a power of two": (16000, 40, 512, 160, 512, {}),
    "a window shorter than the transform": (16000, 40, 400, 160, 512, {}),
    "odd lengths, twice a prime": (8000, 20, 501, 161, 1006, {}),
    "gaps between windows": (8000, 13, 200, 333, 240, {}),
    "part of the spectrum": (44100, 23, 1764, 882, 1764, {"fmin": 80.0, "fmax": 9000.0}),
    "bands narrower than a bin": (8000, 128, 64, 32, 64, {}),
    "an example shorter than a window": (8000, 9, 4000, 4000, 4000, {"seconds": 0.1}),
    "the smallest transform": (8000, 2, 2, 1, 2, {"seconds": 0.01}),
}


def recordings(number: int, samples: int = FRONTEND.samples) -> np.ndarray:
    """Return noise of several levels, the last one silence: (number, samples) int16."""
    rng = np.random.default_rng(5)
    levels = 2.0 ** np.linspace(14, 0, number)[:, None]
    waves = rng.normal(0, levels / 4, (number, samples))
    waves[-1] = 0
    return np.rint(waves).astype(np.int16)


def as_source(folder, **changes) -> Source:
    made = make(folder, GENOTYPES[1], VARIANTS[2], **changes)
    return Source(ExportedModel(made.file, made.card), None, None, recordings)


@pytest.fixture(params=[1, 3], ids=["network", "committee"])
def source(tmp_path, request) -> Source:
    return as_source(tmp_path, members=request.param)


@pytest.mark.parametrize("name", FRONT_ENDS)
def test_log_mel_is_that_of_python_at_every_level(name):
    rate, n_mels, win_length, hop_length, n_fft, others = FRONT_ENDS[name]
    settings = FrontEnd(
        sample_rate=rate,
        n_mels=n_mels,
        win_length=win_length,
        hop_length=hop_length,
        n_fft=n_fft,
        **{"seconds": 0.73} | others,
    )
    time = np.arange(settings.samples) / rate
    noise = np.random.default_rng(0).normal(0, 1, settings.samples)
    loud_and_quiet = 0.9 * np.sin(2 * np.pi * 0.05 * rate * time) + 1e-5 * noise
    waves = np.stack([noise / 4, loud_and_quiet, 1e-5 * noise, 0 * noise]).astype(np.float32)
    session = open_session(front_end(settings, **VERSIONS).SerializeToString(), threads=1)
    (found,) = session.run(["log_mel"], {"samples": waves})
    assert found.shape == (4, 1, *settings.size)
    assert np.abs(found[:, 0] - log_mel(waves, settings)).max() < 1e-4
    assert (found[3] == -100).all()


def test_the_largest_of_them_is_a_small_file():
    settings = FrontEnd(
        sample_rate=32000, n_mels=64, win_length=5120, hop_length=2560, n_fft=5120, seconds=5
    )
    assert len(front_end(settings, **VERSIONS).SerializeToString()) < 150_000


def answers_of(made: ExportedModel, waves: np.ndarray) -> np.ndarray:
    session = open_session((made.file / "model.onnx").read_bytes(), threads=1)
    return session.run(["probabilities"], {"samples": waves})[0]


def test_probabilities_of_a_batch_are_those_of_classify(source):
    made = TARGETS["onnx-audio"](source)
    assert made.file == source.model.file.with_name("toy-audio")
    assert source.model.card.temperature == 1.3
    waves = recordings(7) / np.float32(2**15)
    classifier = Classifier.load(source.model.file)
    heard = classifier.card.frontend  # of silence too, for which classify does not ask the network
    expected = [classifier.posterior(log_mel(wave[None], heard)) for wave in waves]
    assert np.ptp(expected, axis=0).max() > 0.05  # they differ from each other by far more
    np.testing.assert_allclose(answers_of(made, waves), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ["esc10", "esc10-tiny"])
def test_models_in_the_box_answer_as_classify(tmp_path, name):
    card = find_card(name)
    for file in (card, card.with_suffix(".onnx")):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    model = ExportedModel.read(tmp_path / f"{name}.onnx")
    samples = model.card.frontend.samples
    source = Source(model, None, None, lambda number: recordings(number, samples))
    made = TARGETS["onnx-audio"](source)
    document = read_json(made.file / "model.json", AUDIO_FORMAT)
    assert document["largest_difference"] < 1e-5
    assert document["checked_on"] == 9


def test_the_folder_tells_all_that_a_page_or_an_app_needs(source):
    made = TARGETS["onnx-audio"](source)
    file, card = made.file / "model.onnx", source.model.card
    document = read_json(made.file / "model.json", AUDIO_FORMAT)
    known = {
        "format": AUDIO_FORMAT,
        "name": "toy",
        "labels": [*CLASSES],
        "sample_rate": FRONTEND.sample_rate,
        "samples": FRONTEND.samples,
        "short": FRONTEND.short,
        "licence": card.data.licence,
        "float_sha256": sha256(source.model.file),
    }
    assert {key: document[key] for key in known} == known
    assert document["sha256"] == sha256(file)
    assert document["bytes"] == file.stat().st_size
    session = open_session(file.read_bytes(), threads=1)
    inside = session.get_modelmeta().custom_metadata_map
    numbers = {"labels": json.loads, "sample_rate": int, "samples": int}
    assert {key: numbers.get(key, str)(value) for key, value in inside.items()} == known
    (taken,), (given,) = session.get_inputs(), session.get_outputs()
    assert (taken.name, taken.shape) == ("samples", ["batch", FRONTEND.samples])
    assert (given.name, given.shape) == ("probabilities", ["batch", len(CLASSES)])
    onnx.checker.check_model(onnx.load(file), full_check=True)


def test_the_same_model_gives_the_same_bytes_and_what_else_lies_there_stays(source):
    made = TARGETS["onnx-audio"](source)
    before = (made.file / "model.onnx").read_bytes()
    (made.file / "index.html").write_text("mine")
    TARGETS["onnx-audio"](source)
    assert (made.file / "model.onnx").read_bytes() == before
    assert (made.file / "index.html").read_text() == "mine"


def test_a_file_that_answers_otherwise_is_refused_and_not_written(source, monkeypatch):
    def another_temperature(network, card):
        return with_front_end(network, card.model_copy(update={"temperature": 1.31}))

    with_front_end = onnx_audio.with_front_end
    monkeypatch.setattr(onnx_audio, "with_front_end", another_temperature)
    match = r"toy-audio/model.onnx: not written, .* as classify does \(largest difference .*0\.0"
    with pytest.raises(AscNasError, match=match):
        TARGETS["onnx-audio"](source)
    assert not source.model.file.with_name("toy-audio").exists()


def test_a_file_that_cannot_be_run_is_told(source, monkeypatch):
    monkeypatch.setattr(onnx_audio, "SAMPLES", "sample")
    match = r"toy-audio/model.onnx: not written, as onnxruntime cannot run it here"
    with pytest.raises(AscNasError, match=match):
        TARGETS["onnx-audio"](source)


@pytest.mark.parametrize("given", ["", "model.onnx", "model.json"])
def test_classify_says_which_model_to_take_instead(source, given):
    made = TARGETS["onnx-audio"](source)
    done = CliRunner().invoke(app, ["classify", "a.wav", "--model", str(made.file / given)])
    assert isinstance(done.exception, AscNasError)
    sentence = str(done.exception)
    assert sentence.startswith(f"{made.file / 'model.json'}: of a model that takes samples")
    assert sentence.endswith("toy.onnx.")
    assert models_in(source.model.file.parent) == ["toy"]
