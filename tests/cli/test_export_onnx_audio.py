"""``asc-nas export --target onnx-audio``: from a trained network to a model that takes samples."""

import json

import pytest
from tiny import asc_nas_here as asc_nas
from tiny import write_config

from asc_nas.audio.io import load_audio
from asc_nas.audio.logmel import fit_length
from asc_nas.runtime.classifier import open_session
from data_prep.synthetic import Plan, generate

pytestmark = pytest.mark.slow


def test_a_trained_network_answers_as_classify_and_is_told_how_closely(tmp_path):
    generate(tmp_path / "recordings", 0, Plan.tiny(), workers=1)
    config, out = write_config(tmp_path / "tiny.yaml"), tmp_path / "run"
    done = asc_nas("train", config, "baseline", "--data", tmp_path / "recordings", "--out", out)
    assert done.returncode == 0, done.stderr
    done = asc_nas("export", out, "baseline", "--target", "onnx-audio")
    assert done.returncode == 0, done.stderr
    folder = out / "models" / "tiny-baseline-audio"
    assert str(folder) in done.stdout
    about = json.loads((folder / "model.json").read_text())
    assert f"{about['bytes'] / 1000:.1f} kB; within" in done.stdout

    recording = min((tmp_path / "recordings").rglob("*.flac"))
    wave = load_audio(recording, about["sample_rate"], 0, about["samples"] / about["sample_rate"])
    session = open_session((folder / "model.onnx").read_bytes(), threads=1)
    wave = fit_length(wave, about["samples"], about["short"])
    (found,) = session.run(["probabilities"], {"samples": wave})
    model = out / "models" / "tiny-baseline.onnx"
    done = asc_nas("classify", recording, "--model", model, "--format", "json")
    (answer,) = json.loads(done.stdout)
    expected = [answer["scores"][label] for label in about["labels"]]
    assert found.mean(axis=0) == pytest.approx(expected, abs=1e-4)
    done = asc_nas("classify", recording, "--model", folder)
    assert done.returncode == 1
    assert done.stderr.endswith("that this one was made of, tiny-baseline.onnx.\n")
