"""Submissions with 8-bit weights and of several networks together, asked as the organisers do."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
import yaml
from edited import document
from tau_runs import tau_run
from tiny import ENVIRONMENT, PATIENCE
from trees import tau_2022_splits

from asc_nas.core.errors import UsageError
from asc_nas.core.progress import Listener
from asc_nas.run.networks import find_network
from asc_nas.run.run import Run
from asc_nas.run.submission.interface import load_model
from asc_nas.training.trainer import posteriors

pytestmark = pytest.mark.slow
LABEL = "Miller_UNI_task1_1"
SEEDS = (0, 1)
INT8, BOTH = 2, 3
"""Numbers of the systems: of one network, of two; the first is of two in float16."""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tau")
    tau_2022_splits(folder / "tau")
    run = tau_run(folder / "tau", folder / "tau25", 25)
    run.train("square", seeds=SEEDS)
    return run


@pytest.fixture(scope="module")
def told():
    return []


@pytest.fixture(scope="module")
def submitted(run, told, tmp_path_factory):
    out = tmp_path_factory.mktemp("submission") / "out"
    run = Run.open(run.paths.root, listener=Listener(on_message=told.append))
    for number, options in enumerate(
        ({"half": True, "together": True}, {"int8": True}, {"int8": True, "together": True}), 1
    ):
        label = f"Miller_UNI_task1_{number}"
        done = run.submit("square", year=2025, label=label, out=out, **options)
    return done


def of_run(run, seeds):
    """Return the mean posteriors of networks of the run for its test clips, in float32."""
    examples = run.examples("test")
    found = [
        posteriors(find_network(run, "square").folder(run, seed).load(), examples).numpy()
        for seed in seeds
    ]
    return examples.clip_posteriors(np.mean(found, axis=0))


ASKED = """
import importlib, json, sys
sys.modules["asc_nas"] = sys.modules["data_prep"] = None  # the package stands alone
import torch
import torchinfo
asked, answers = json.load(sys.stdin), {}
for number in (1, 2, 3):
    api = importlib.import_module(f"Miller_UNI_task1.Miller_UNI_task1_{number}")
    logits, _ = api.predict(asked["paths"], asked["devices"], None, use_cuda=False)
    model = api.load_model()
    (x,) = api.load_inputs(asked["paths"][:1], asked["devices"][:1], model)
    network = api.get_model_for_device(model, "a")
    with torch.no_grad():
        assert torch.equal(network(x).softmax(1), model.model(x, "a").softmax(1))
    counted = torchinfo.summary(network.float(), tuple(x.shape), verbose=0)
    sizes = sum(p.numel() * p.element_size() for p in api.load_model().parameters())
    answers[number] = {
        "posteriors": [one.softmax(0).tolist() for one in logits],
        "bytes": sizes,
        "macs": counted.total_mult_adds,
    }
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def answers(run, submitted):
    pytest.importorskip("torchinfo")
    clips = run.manifest.with_role("test")
    paths = [str(run.manifest.audio_path(clip)) for clip in clips]
    done = subprocess.run(
        [sys.executable, "-c", ASKED],
        input=json.dumps({"paths": paths, "devices": [clip.device for clip in clips]}),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        cwd=submitted.package,
        env=ENVIRONMENT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return {int(number): answer for number, answer in json.loads(done.stdout).items()}


@pytest.mark.parametrize(("number", "seeds"), [(1, SEEDS), (INT8, SEEDS[:1]), (BOTH, SEEDS)])
def test_the_package_answers_nearly_as_the_networks_in_float32_do(run, answers, number, seeds):
    found, expected = np.array(answers[number]["posteriors"]), of_run(run, seeds)
    assert np.abs(found - expected).max() < 0.05
    for others in ((0,), (1,), SEEDS):
        if others != seeds:
            assert np.abs(found - of_run(run, others)).mean() > np.abs(found - expected).mean()


def test_bytes_and_macs_are_counted_as_the_organisers_do(run, submitted, answers):
    cost = run.cost(find_network(run, "square").genotype)
    network = find_network(run, "square").folder(run, 0).load()
    weights = sum(m.weight.numel() for m in network.modules() if isinstance(m, torch.nn.Conv2d))
    of_int8 = weights + 4 * (cost.params - weights)
    for number, size, members in ((1, 2 * cost.params, 2), (INT8, of_int8, 1), (BOTH, of_int8, 2)):
        label = f"Miller_UNI_task1_{number}"
        meta = yaml.safe_load(
            (submitted.folder / f"task1/{label}/{label}.meta.yaml").read_text("utf-8")
        )
        complexity = meta["system"]["complexity"]
        assert complexity["total_model_size"] == members * size if number > 1 else 2 * size
        assert complexity["total_model_size"] == answers[number]["bytes"]
        assert complexity["macs"] == answers[number]["macs"] == members * cost.nessi_macs
        assert meta["system"]["description"]["num_models_at_inference"] == members


def test_what_integers_cost_is_told(told):
    texts = [text for text in told if "square in" in text]
    assert [text.split(":")[0] for text in texts] == ["square in float16", *["square in int8"] * 2]
    assert all("of 180 decisions alike" in text for text in texts)


def test_a_submission_of_an_older_version_is_gone_on_with(run, tmp_path):
    options = {"year": 2025, "out": tmp_path / "out"}
    first = run.submit("square", label=LABEL, **options)
    contents = document(first.folder / "submission.json")
    network = contents["entries"][0]["networks"]["general"]
    network["seed"] = network.pop("seeds")[0]
    del network["non_zero"]
    (first.folder / "submission.json").write_text(json.dumps(contents))
    file = first.package / f"Miller_UNI_task1/ckpts/{LABEL}.npz"
    with np.load(file) as stored:
        arrays = {key: stored[key] for key in stored.files}
    settings = json.loads(str(arrays.pop("settings")))
    del settings["networks"]["general"]["members"]
    np.savez(file, settings=np.array(json.dumps(settings)), **arrays)
    run.submit("square", label="Miller_UNI_task1_2", int8=True, **options)
    meta = yaml.safe_load((first.folder / f"task1/{LABEL}/{LABEL}.meta.yaml").read_text("utf-8"))
    assert meta["system"]["description"]["num_models_at_inference"] == 1
    assert load_model(file).model.networks["general"]


def test_of_2024_the_meta_file_tells_how_many_decide(run, tmp_path):
    options = {"year": 2024, "label": LABEL, "out": tmp_path / "out"}
    for together, count, how in ((False, None, None), (True, 2, "average")):
        done = run.submit("square", together=together, int8=True, **options)
        meta = yaml.safe_load((done.folder / f"task1/{LABEL}/{LABEL}.meta.yaml").read_text("utf-8"))
        described = meta["system"]["description"]
        assert described["ensemble_method_subsystem_count"] == count
        assert described["decision_making"] == how
        complexity = meta["system"]["complexity"]
        checkpoint = done.package / f"Miller_UNI_task1/ckpts/{LABEL}_split_25.npz"
        parameters = list(load_model(checkpoint).parameters())
        non_zero = sum(int(parameter.count_nonzero()) for parameter in parameters)
        assert complexity["total_parameters_non_zero"] == non_zero
        assert complexity["total_parameters"] == sum(p.numel() for p in parameters)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"half": True, "int8": True}, "one numeric type"),
        ({"together": True, "seed": 1}, "leave --seed out"),
        ({"together": True, "devices": {"a": "square"}}, "--together and --device"),
        ({"together": True, "adapted": True}, "--together and --adapted"),
    ],
)
def test_options_that_do_not_fit_together_are_told(run, tmp_path, options, said):
    with pytest.raises(UsageError, match=said):
        run.submit("square", year=2025, label=LABEL, out=tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()
