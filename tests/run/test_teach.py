"""Students that learn from files of logits."""

import numpy as np
import pytest
from tiny import write_config

from asc_nas.core.errors import AscNasError, UsageError
from asc_nas.data.logits import ClipScores
from asc_nas.run.calibration import clip_logits
from asc_nas.run.config import RunConfig
from asc_nas.run.networks import find_network
from asc_nas.run.run import Run
from asc_nas.run.teach import ROLES
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


def test_a_teacher_is_files_or_networks():
    least = {"name": "x", "data": {"dataset": "synthetic"}}
    for teacher in ({"logits": ["a"], "kernels": ["t3"]}, {"share": 0.5}):
        with pytest.raises(UsageError, match="give either"):
            RunConfig.parse(least | {"retrain": {"teacher": teacher}}, "here")


def test_who_teaches_must_be_there(large):
    with pytest.raises(UsageError, match="name a network"):
        large.teach()
    with pytest.raises(AscNasError, match="not trained yet"):
        large.teach("t3e2w1 f3e2w1")
