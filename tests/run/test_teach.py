"""Students that learn from files of logits."""

import sys
from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch
import yaml
from onnx import TensorProto, helper, numpy_helper
from tiny import write_config

from asc_nas.audio.io import load_audio
from asc_nas.audio.logmel import fit_length, log_mel
from asc_nas.core.errors import AscNasError, UsageError
from asc_nas.data.logits import ClipScores
from asc_nas.run.calibration import clip_logits
from asc_nas.run.config import RunConfig
from asc_nas.run.networks import find_network
from asc_nas.run.run import Run
from asc_nas.run.teach import ROLES
from asc_nas.runtime.classifier import Classifier
from asc_nas.training.feature_distillation import clip_embeddings
from data_prep.synthetic import Plan, generate


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("teach")
    generate(folder / "recordings", 0, Plan.tiny(), workers=1)
    return folder


def opened(folder, name, **changes):
    config = write_config(folder / f"{name}.yaml", **changes)
    return Run.open(config, folder / "recordings", ["data.workers=1"], out=folder / name)


@pytest.fixture(scope="module")
def large(folder):
    run = opened(folder, "large")
    run.train("baseline", seeds=[0, 1])
    run.train("square")
    return run


@pytest.fixture(scope="module")
def file(large):
    return large.teach("baseline")


def posteriors_of(run, network, seed):
    trained = find_network(run, network).folder(run, seed).load()
    return clip_logits(trained, run.examples(*ROLES)).posteriors(1.0)


def test_it_holds_what_all_seeds_say_of_all_clips_but_the_tests(large, file):
    scores = ClipScores.read(file)
    examples = large.examples(*ROLES)
    assert set(scores.keys) == set(examples.clip_keys) == scores.trained_on
    logs = np.log([posteriors_of(large, "baseline", seed) for seed in (0, 1)]).mean(0)
    expected = np.exp(logs) / np.exp(logs).sum(1, keepdims=True)
    found = np.exp(scores.of(examples.clip_keys, examples.labels, file))
    assert np.allclose(found, expected, atol=1e-5)
    heads = [find_network(large, "baseline").folder(large, seed).load().head for seed in (0, 1)]
    # Of each seed what its last layer makes the logits of.
    maps = torch.from_numpy(scores.embeddings).split(scores.dims, dim=1)
    assert len(maps) == 2
    for seed, head, one in zip((0, 1), heads, maps, strict=True):
        network = find_network(large, "baseline").folder(large, seed).load()
        embedded = clip_embeddings(network, examples)
        rows = [scores.keys.index(key) for key in examples.clip_keys]
        lengths = np.linalg.norm(embedded, axis=1, keepdims=True)
        assert np.allclose(one[rows], embedded / lengths, atol=1e-5)
        logits = head(torch.from_numpy(embedded)[:, :, None, None])[:, :, 0, 0].softmax(1)
        assert np.allclose(logits.detach(), posteriors_of(large, "baseline", seed), atol=0.02)


def test_published_logits_teach_the_clips_of_their_list(large, tmp_path):
    clips, labels = large.manifest.clips[::-1], large.manifest.labels
    lines = [f"{clip.key}\t{clip.label}\n" for clip in clips]
    (tmp_path / "meta.csv").write_text("".join(lines))
    of_all = np.random.default_rng(0).normal(size=(len(clips), len(labels)))
    np.save(tmp_path / "published.npy", of_all)
    published = str(tmp_path / "published.npy")
    file = large.teach(published, rows=tmp_path / "meta.csv", out=tmp_path / "taught.npz")
    scores = ClipScores.read(file)
    last = large.manifest.with_role("train")[0]
    probabilities = np.exp(of_all) / np.exp(of_all).sum(1, keepdims=True)
    expected = dict(zip(sorted(labels), probabilities[clips.index(last)], strict=True))
    found = np.exp(scores.of([last.key], labels, file))[0]
    assert found == pytest.approx([expected[label] for label in labels], abs=1e-5)
    with pytest.raises(UsageError, match="--rows must name the list of clips"):
        large.teach(published)
    (tmp_path / "meta.csv").write_text("".join(lines).replace("\t", ","))
    with pytest.raises(AscNasError, match=r"meta\.csv: none of its .* rows begins with the path"):
        large.teach(published, rows=tmp_path / "meta.csv")


def test_a_model_teaches_what_its_network_says(large, tmp_path):
    model = large.export("square")[0].file
    found = ClipScores.read(large.teach(str(model), out=tmp_path / "model.npz"))
    examples = large.examples(*ROLES)
    assert not found.trained_on
    expected = posteriors_of(large, "square", 0)
    said = np.exp(found.of(examples.clip_keys, examples.labels, "model.npz"))
    # The store is in float16, and the model hears every channel's silence too.
    assert np.abs(said - expected).max() < 0.02
    embedded = clip_embeddings(find_network(large, "square").folder(large, 0).load(), examples)
    embedded /= np.linalg.norm(embedded, axis=1, keepdims=True)
    given = found.embeddings_of(examples.clip_keys, "model.npz")
    assert np.abs(given - embedded).max() < 0.02


def adapter(folder, **changes):
    values = {"input": "log_mel", "output": "logits", "labels": ["low", "high"]}
    path = folder / "foreign.yaml"
    path.write_text(yaml.safe_dump(values | changes))
    return path


def test_a_model_of_others_is_asked_as_its_adapter_says(large, tmp_path):
    own = large.export("square")[0].file
    foreign = tmp_path / "foreign.onnx"
    foreign.write_bytes(own.read_bytes())
    labels = large.manifest.labels
    heard = large.config.frontend.model_dump(mode="json")
    adapter(tmp_path, frontend=heard, labels=list(labels))
    found = ClipScores.read(large.teach(str(foreign), out=tmp_path / "foreign.npz"))
    assert found.embeddings is None
    clip = large.manifest.with_role("train")[2]
    front_end = large.config.frontend
    wave = load_audio(large.manifest.audio_path(clip), 16000).mean(0, keepdims=True)
    mel = log_mel(fit_length(wave, front_end.samples, front_end.short), front_end)
    said = np.exp(found.of([clip.key], labels, "x"))[0]
    assert said == pytest.approx(Classifier.load(own).posterior(mel), abs=1e-5)
    adapter(tmp_path, frontend=heard, labels=list(labels), output="other")
    with pytest.raises(UsageError, match=r"foreign\.yaml: output: foreign\.onnx has no 'other'"):
        large.teach(str(foreign))
    adapter(tmp_path, frontend=heard, labels=[*labels[:-1], "else"])
    with pytest.raises(AscNasError, match="a teacher of other labels"):
        large.teach(str(foreign))
    adapter(tmp_path, sample_rate=16000, labels=list(labels))
    with pytest.raises(AscNasError, match=r"foreign\.onnx: failed on .*; see what it takes"):
        large.teach(str(foreign))
    adapter(tmp_path, labels=list(labels))
    with pytest.raises(UsageError, match="give either the sample_rate of samples or a frontend"):
        large.teach(str(foreign))
    foreign.write_bytes(b"none")
    adapter(tmp_path, frontend=heard, labels=list(labels))
    with pytest.raises(AscNasError, match="cannot be run by onnxruntime"):
        large.teach(str(foreign))


SIGNS = np.array([[1, -1, -1, 1, 2, -2, 3, -3, 0]], np.float32)


def waveform_model(path, samples):
    """Write a model that answers with the mean square of the samples times `SIGNS`."""
    x = helper.make_tensor_value_info("wave", TensorProto.FLOAT, [1, samples])
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("said", "told")
    ]
    nodes = [
        helper.make_node("Mul", ["wave", "wave"], ["square"]),
        helper.make_node("ReduceMean", ["square"], ["level"], axes=[1], keepdims=1),
        helper.make_node("Mul", ["level", "signs"], ["said"]),
        helper.make_node("Concat", ["level", "level"], ["told"], axis=1),
    ]
    signs = numpy_helper.from_array(SIGNS, "signs")
    graph = helper.make_graph(nodes, "waves", [x], outputs, [signs])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)


def test_a_model_of_others_may_hear_samples_and_embed(large, tmp_path):
    labels = sorted(large.manifest.labels, reverse=True)
    waveform_model(tmp_path / "foreign.onnx", 12_000)
    heard = {"input": "wave", "sample_rate": 8000, "seconds": 1.5}
    adapter(tmp_path, **heard, output="said", embedding="told", labels=labels)
    file = large.teach(str(tmp_path / "foreign.onnx"), out=tmp_path / "foreign.npz")
    found = ClipScores.read(file)
    clip = large.manifest.with_role("train")[3]
    wave = load_audio(large.manifest.audio_path(clip), 8000)[:, :12_000].mean(0)
    level = (wave**2).sum() / 12_000
    powers = np.exp(level * SIGNS[0])
    said = np.exp(found.of([clip.key], labels, "x"))[0]
    assert said == pytest.approx(powers / powers.sum(), abs=1e-6)
    assert found.dims == (2,)
    assert found.embeddings[found.keys.index(clip.key)] == pytest.approx([0.5**0.5] * 2)


FUNCTION = """
from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np
from my_helper import LENGTH

@dataclass
class Model:
    length: int = LENGTH

def teacher(labels):
    def hear(wave, rate):
        assert wave.ndim == 2 and wave.dtype == np.float32 and rate == 16000
        return np.arange(len(labels)), [1.0, len(labels)]
    return hear

def plain(labels):
    return lambda wave, rate: np.arange(len(labels))

def reused(labels):
    same = np.zeros(len(labels), np.float32)
    def hear(wave, rate):
        same[:] = 0
        same[int(1e6 * np.abs(wave).sum()) % len(labels)] = 5
        return same, same
    return hear

def fresh(labels):
    hear = reused(labels)
    return lambda wave, rate: tuple(one.copy() for one in hear(wave, rate))

def short(labels):
    return lambda wave, rate: [1.0]

def uneven(labels):
    lengths = iter(range(1, 1000))
    return lambda wave, rate: (np.arange(len(labels)), np.ones(next(lengths)))

def complex_numbers(labels):
    return lambda wave, rate: np.arange(len(labels)) * 1j

def not_finite(labels):
    return lambda wave, rate: np.arange(len(labels)) + np.nan

def ends(labels):
    return lambda wave, rate: sys.exit(3)

def fails(labels):
    return lambda wave, rate: 1 / 0
"""


def test_a_python_function_teaches(large, tmp_path, monkeypatch):
    folder = tmp_path / "a folder"
    folder.mkdir()
    (folder / "my_teacher.py").write_text(FUNCTION)
    (folder / "my_helper.py").write_text("LENGTH = 2")
    monkeypatch.setattr(sys, "path", [*sys.path])
    here = f"{folder / 'my_teacher.py'}:"
    found = ClipScores.read(large.teach(f"{here}teacher", out=tmp_path / "own.npz"))
    said = np.exp(found.of(found.keys[:1], large.manifest.labels, "x"))[0]
    powers = np.exp(np.arange(len(large.manifest.labels)))
    assert said == pytest.approx(powers / powers.sum(), abs=1e-6)
    assert found.dims == (2,)
    # A teacher without embeddings beside one that has some: the file has none.
    both = ClipScores.read(large.teach(f"{here}plain", f"{here}teacher", out=tmp_path / "b.npz"))
    assert both.embeddings is None
    reused, fresh = (ClipScores.read(large.teach(f"{here}{name}")) for name in ("reused", "fresh"))
    assert len(set(fresh.logits.argmax(1).tolist())) > 1
    assert np.array_equal(reused.logits, fresh.logits)
    assert np.array_equal(reused.embeddings, fresh.embeddings)
    names = {file.name for file in (large.paths.root / "teachers").glob("my_teacher*")}
    assert names == {"my_teacher-reused.npz", "my_teacher-fresh.npz"}
    with pytest.raises(UsageError, match=r"my_teacher\.py: name a function of it"):
        large.teach(here[:-1])
    monkeypatch.chdir(folder)
    named = ClipScores.read(large.teach("my_teacher:plain", out=tmp_path / "c.npz"))
    assert np.array_equal(named.logits, both.logits)
    for name, told in (
        ("short", "gave 1 numbers for .* 9 labels"),
        ("uneven", "its embedding of .* is missing, or as long as no other's"),
        ("fails", r"failed on .* \(ZeroDivisionError"),
        ("ends", r"failed on .* \(SystemExit"),
        ("complex_numbers", "failed on .* its values are complex128"),
        ("not_finite", "gave numbers that are not finite for audio"),
        ("missing", r"cannot be loaded \(AttributeError"),
    ):
        with pytest.raises(AscNasError, match=f"my_teacher.py:{name}: {told}"):
            large.teach(f"{here}{name}")
    with pytest.raises(AscNasError, match=r"nothing_here:f: cannot be loaded \(ModuleNotFound"):
        large.teach("nothing_here:f")


def test_a_student_learns_the_features_too(folder, large, file, tmp_path):
    teacher = {"logits": [str(file)], "share": 0.5}
    retrain = {"epochs": 2, "teacher": teacher}
    plain = opened(folder, "logits-alone", retrain=retrain)
    retrain = {"epochs": 2, "teacher": teacher | {"feature_weight": 1.0}}
    featured = opened(folder, "features-too", retrain=retrain)
    losses = [run.train("baseline")[0].epochs[0].loss for run in (plain, featured)]
    assert losses[1] > losses[0] + 0.1  # a cosine of nearly 0 at the beginning
    # What is exported is the network alone.
    assert featured.export("baseline")[0].file.is_file()
    without = tmp_path / "without.npz"
    replace(ClipScores.read(file), embeddings=None, dims=()).write(without)
    retrain["teacher"] |= {"logits": [str(without)]}
    refused = opened(folder, "no-embeddings", retrain=retrain)
    with pytest.raises(AscNasError, match=r"without\.npz: holds no embeddings"):
        refused.train("baseline")
    assert not (folder / "no-embeddings").exists()


def test_a_student_learns_from_it(folder, large, file):
    teacher = {"logits": [str(file)], "share": 1.0}
    student = opened(folder, "student", retrain={"teacher": teacher, "epochs": 3})
    taught = student.train("baseline")[0]
    alone = opened(folder, "alone", retrain={"epochs": 3}).train("baseline")[0]
    assert taught.epochs[0].loss != alone.epochs[0].loss
    assert not (folder / "student" / "teachers").exists()


def test_targets_are_the_share_that_was_asked_for(folder, large, file):
    examples = large.examples(*ROLES)
    probabilities = np.exp(ClipScores.read(file).of(examples.clip_keys, examples.labels, file))
    positions = np.arange(len(examples))
    soft = examples.taught_by(probabilities, 0.25).soft_targets(positions).numpy()
    labels = np.eye(len(examples.labels))[examples.targets]
    expected = 0.75 * labels + 0.25 * probabilities[examples.clips]
    assert np.allclose(soft, expected, atol=1e-6)
    assert np.array_equal(examples.soft_targets(positions).numpy(), labels)
    some = examples.taught_by(probabilities, 0.25).of_clips(np.array([3, 1]))
    assert np.allclose(some.soft_targets(np.array([0])).numpy()[0], soft[examples.clips == 3][0])


def test_a_teacher_that_has_heard_the_test_is_refused_before_anything_is_written(folder, file):
    run = opened(
        folder, "cheating", data={"test_folds": [1]}, retrain={"teacher": {"logits": [str(file)]}}
    )
    with pytest.raises(AscNasError, match=r"was trained on .* of the .* test clips"):
        run.train("baseline")
    assert not (folder / "cheating").exists()


def test_a_file_without_a_training_clip_is_refused_before_anything_is_written(
    folder, file, tmp_path
):
    scores = ClipScores.read(file)
    fewer = replace(scores, keys=scores.keys[1:], logits=scores.logits[1:], embeddings=None)
    fewer.write(tmp_path / "fewer.npz")
    teacher = {"logits": [str(tmp_path / "fewer.npz")]}
    run = opened(folder, "fewer", retrain={"teacher": teacher})
    with pytest.raises(AscNasError, match=r"1 of 27 clips are missing.*test clips of its own run"):
        run.train("baseline")
    assert not (folder / "fewer").exists()


def test_a_teacher_is_files_or_networks():
    least = {"name": "x", "data": {"dataset": "synthetic"}}
    for teacher in ({"logits": ["a"], "kernels": ["t3"]}, {"share": 0.5}):
        with pytest.raises(UsageError, match="give either"):
            RunConfig.parse(least | {"retrain": {"teacher": teacher}}, "here")
    teacher = {"kernels": ["t3"], "feature_weight": 1.0}
    with pytest.raises(UsageError, match="feature_weight is of the embeddings in files"):
        RunConfig.parse(least | {"retrain": {"teacher": teacher}}, "here")


def test_who_teaches_must_be_there(large):
    with pytest.raises(UsageError, match="name a network"):
        large.teach()
    with pytest.raises(AscNasError, match="not trained yet"):
        large.teach("t3e2w1 f3e2w1")
