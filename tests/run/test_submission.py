"""What a team hands in to DCASE Task 1, held against the run it is made of."""

import json
import re
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import torch
import yaml
from tau_runs import evaluation_set, tau_run
from tiny import ENVIRONMENT, PATIENCE
from torch import nn
from trees import tau_2022_splits
from typer.testing import CliRunner

from asc_nas.cli.main import app
from asc_nas.core.errors import AscNasError, UsageError
from asc_nas.core.progress import Listener
from asc_nas.run.network_folder import NetworkFolder
from asc_nas.run.networks import find_network
from asc_nas.run.run import Run
from asc_nas.run.submission import outputs
from asc_nas.run.submission.complexity import Complexity, require_allowed, torchinfo_macs
from asc_nas.run.submission.rules import RULES, Label
from asc_nas.training.trainer import posteriors
from data_prep.results.dcase_results import read_results
from data_prep.results.evaluation_list import read_evaluation

pytestmark = pytest.mark.slow
LABEL = "Miller_UNI_task1_1"
DEVICES = {"a": "square", "s1": "square"}


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tau")
    tau_2022_splits(folder)
    return folder


@pytest.fixture(scope="module")
def run(tree, tmp_path_factory):
    return tau_run(tree, tmp_path_factory.mktemp("runs") / "tau25", 25)


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory):
    return evaluation_set(tmp_path_factory.mktemp("evaluation"))


@pytest.fixture(scope="module")
def submitted(run, evaluation, tmp_path_factory):
    """Two systems of 2025: one with networks for two devices, one in float16."""
    out = tmp_path_factory.mktemp("submission") / "out"
    options = {"year": 2025, "evaluation": evaluation, "out": out}
    run.submit("baseline", label=LABEL, devices=DEVICES, **options)
    return run.submit("square", label="Miller_UNI_task1_2", half=True, **options)


def of_run(run, network):
    """Return the posteriors of a run's network for its test clips, by path."""
    examples = run.examples("test")
    module = find_network(run, network).folder(run, run.config.seed).load()
    with torch.no_grad():
        found = examples.clip_posteriors(posteriors(module, examples).numpy())
    return dict(zip(examples.clip_keys, found, strict=True))


ASKED = """
import importlib, json, sys
from importlib.resources import files
from pathlib import Path
sys.modules["asc_nas"] = sys.modules["data_prep"] = None  # the package stands alone
sys.path.insert(0, sys.argv[1])
import torch
from torch import nn
answers = {}
for number in (1, 2):
    api = importlib.import_module(f"Miller_UNI_task1.Miller_UNI_task1_{number}")
    assert Path(api.__file__).is_relative_to(sys.argv[1])
    asked = json.loads(Path(sys.argv[2]).read_text())
    logits, labels = api.predict(asked["paths"], asked["devices"], None, use_cuda=False)
    alone, _ = api.predict(asked["paths"])
    model = api.load_model()
    inputs = api.load_inputs(asked["paths"], asked["devices"], model)
    dummy = str(files("Miller_UNI_task1.resources") / "dummy.wav")
    inputs += api.load_inputs([dummy], ["b"], model)
    own = {d: api.get_model_for_device(model, d) for d in ("a", "b", "s1", "s9", "unknown")}
    answers[number] = {
        "posteriors": [one.softmax(0).tolist() for one in logits],
        "alone": [one.softmax(0).tolist() for one in alone],
        "labels": labels,
        "shapes": sorted({tuple(x.shape) for x in inputs}),
        "bytes": {d: sum(p.numel() * p.element_size() for p in n.parameters())
                  for d, n in own.items()},
        "modules": all(isinstance(n, nn.Module) for n in own.values()),
        "state": len(model.model.state_dict()),
    }
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def answers(run, submitted, tmp_path_factory):
    """What the installed package says of the run's test clips, with its dependencies alone."""
    site = tmp_path_factory.mktemp("site")
    installs = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-build-isolation"]
    installs += ["--quiet", "--target", str(site), str(submitted.package)]
    done = subprocess.run(installs, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    clips = run.manifest.with_role("test")
    asked = site / "asked.json"
    paths = [str(run.manifest.audio_path(clip)) for clip in clips]
    asked.write_text(json.dumps({"paths": paths, "devices": [clip.device for clip in clips]}))
    done = subprocess.run(
        [sys.executable, "-c", ASKED, str(site), str(asked)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        cwd=site,
        env={key: value for key, value in ENVIRONMENT.items() if key != "PYTHONPATH"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_installed_package_answers_as_the_run_does_with_a_network_per_device(run, answers):
    general, own = of_run(run, "baseline"), of_run(run, "square")
    clips = run.manifest.with_role("test")
    expected = [(own if clip.device in DEVICES else general)[clip.key] for clip in clips]
    assert {clip.device for clip in clips} > set(DEVICES)
    assert answers["1"]["labels"] == list(run.manifest.labels)
    np.testing.assert_allclose(answers["1"]["posteriors"], expected, atol=1e-4)
    without = [general[clip.key] for clip in clips]
    np.testing.assert_allclose(answers["1"]["alone"], without, atol=1e-4)
    assert np.abs(np.array(expected) - without).max() > 1e-3


def test_a_package_in_float16_answers_nearly_so_and_counts_two_bytes_a_parameter(run, answers):
    expected = list(of_run(run, "square").values())
    np.testing.assert_allclose(answers["2"]["posteriors"], expected, atol=2e-2)
    params = run.cost(run.config.fixed_genotype("square")).params
    assert set(answers["2"]["bytes"].values()) == {2 * params}
    assert answers["1"]["bytes"]["a"] == answers["1"]["bytes"]["s1"] == 4 * params
    of_general = 4 * run.cost(run.config.fixed_genotype("baseline")).params
    assert [answers["1"]["bytes"][d] for d in ("b", "s9", "unknown")] == [of_general] * 3


def test_the_package_gives_what_the_scripts_of_the_organisers_take(run, answers, submitted):
    size = [1, 1, *run.config.frontend.size]
    for answer in answers.values():
        assert answer["shapes"] == [size]
        assert answer["modules"]
        assert answer["state"]
    resources = submitted.package / "Miller_UNI_task1/resources"
    rows = (resources / "test.csv").read_text().splitlines()
    assert rows[0] == "filename\tscene_label"
    assert len(rows) == 1 + len(run.manifest.with_role("test"))


def test_the_outputs_are_those_of_the_package_in_the_order_of_the_list(submitted, evaluation):
    rows = (evaluation / "evaluation_setup/fold1_test.csv").read_text().splitlines()[1:]
    for number in (1, 2):
        label = f"Miller_UNI_task1_{number}"
        results = read_results(submitted.folder / "task1" / label / f"{label}.output.csv")
        assert list(results.paths) == [row.split("\t")[0] for row in rows]
        assert results.probabilities.shape == (7, 10)


def test_the_zip_holds_outputs_and_meta_files_alone(submitted):
    with zipfile.ZipFile(submitted.zip) as archive:
        names = archive.namelist()
    assert submitted.zip.name == "Miller_UNI_task1.zip"
    assert names == [
        f"task1/Miller_UNI_task1_{number}/Miller_UNI_task1_{number}.{ending}"
        for number in (1, 2)
        for ending in ("meta.yaml", "output.csv")
    ]


def test_the_meta_file_has_the_scores_of_all_networks_and_of_the_general_one(run, submitted):
    file = submitted.folder / f"task1/{LABEL}/{LABEL}.meta.yaml"
    meta = yaml.safe_load(file.read_text())
    results = meta["results"]["development_dataset"]
    general = run.evaluate("baseline").evaluation
    assert list(results) == ["general", "device_specific"]
    own = {part.name: part for part in run.evaluate("square").evaluation.devices}
    for part in general.devices:
        used = own[part.name] if part.name in DEVICES else part
        by_device = [results[kind]["device_wise"][part.name] for kind in results]
        assert by_device[0]["accuracy"] == pytest.approx(100 * part.accuracy, abs=0.01)
        assert by_device[1]["accuracy"] == pytest.approx(100 * used.accuracy, abs=0.01)
    complexity, described = meta["system"]["complexity"], meta["system"]["description"]
    cost = [run.cost(run.config.fixed_genotype(name)) for name in ("baseline", "square")]
    assert complexity["macs"] == max(c.nessi_macs for c in cost)
    assert complexity["total_model_size"] == 4 * max(c.params for c in cost)
    assert described["num_models_at_inference"] == 3


def test_a_submission_of_2024_grows_by_a_run_of_each_split(tree, run, tmp_path):
    other = tau_run(tree, tmp_path / "tau5", 5)
    out = tmp_path / "out"
    evaluation = evaluation_set(tmp_path / "evaluation", devices=False)
    options = {"year": 2024, "label": LABEL, "evaluation": evaluation, "out": out}
    first = run.submit("baseline", **options)
    assert [text for text in first.missing if "data.split" in text] == [
        f"{LABEL}: a run with data.split={split}" for split in (5, 10, 50, 100)
    ]
    second = other.submit("square", **options)
    with zipfile.ZipFile(second.zip) as archive:
        names = [name.rpartition("/")[2] for name in archive.namelist()]
    endings = ("meta.yaml", "output.split_25.csv", "output.split_5.csv")
    assert names == [f"{LABEL}.{ending}" for ending in endings]
    meta = yaml.safe_load((out / f"task1/{LABEL}/{LABEL}.meta.yaml").read_text())
    assert list(meta["results"]["development_dataset"]) == ["split_5", "split_25"]
    assert {"embeddings", "decision_making", "pipeline"} < set(meta["system"]["description"])
    costs = [run.cost(run.config.fixed_genotype(name)) for name in ("baseline", "square")]
    assert meta["system"]["complexity"]["macs"] == max(cost.nessi_macs for cost in costs)
    assert costs[0].nessi_macs < costs[1].nessi_macs  # of split 25, of split 5
    for split, of, name in ((5, other, "square"), (25, run, "baseline")):
        assert (out / f"inference/Miller_UNI_task1/{LABEL}_split_{split}.py").exists()
        scored = meta["results"]["development_dataset"][f"split_{split}"]["class_wise"]
        accuracies = np.diag(of.evaluate(name).evaluation.scores.confusion) / 18
        found = [scores["accuracy"] for scores in scored.values()]
        assert found == pytest.approx(100 * accuracies, abs=0.01)


def test_what_the_authors_fill_in_is_taken_and_nothing_is_left_to_do(run, evaluation, tmp_path):
    options = {"year": 2025, "label": LABEL, "evaluation": evaluation, "out": tmp_path / "out"}
    first = run.submit("baseline", **options)
    assert [text.partition(": ")[0].rpartition("/")[2] for text in first.missing] == [
        "about.yaml",
        "report.pdf",
    ]
    about = first.folder / "about.yaml"
    about.write_text(about.read_text().replace("TODO", "Ada"))
    (first.folder / "report" / "report.pdf").write_bytes(b"%PDF")
    output = first.folder / f"task1/{LABEL}/{LABEL}.output.csv"
    before = output.stat().st_mtime_ns
    second = run.submit("baseline", year=2025, label=LABEL, out=first.folder)
    assert second.missing == ()
    assert output.stat().st_mtime_ns == before  # the same weights: it still holds
    with zipfile.ZipFile(second.zip) as archive:
        assert archive.read("task1/Miller_UNI_task1.technical_report.pdf") == b"%PDF"
        meta = yaml.safe_load(archive.read(f"task1/{LABEL}/{LABEL}.meta.yaml"))
    assert meta["submission"]["authors"][0]["lastname"] == "Ada"
    third = run.submit("square", year=2025, label=LABEL, out=first.folder)
    assert not output.exists()  # other weights
    assert any("--evaluation" in text for text in third.missing)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (("source_code", "sourcecode"), "unknown key 'sourcecode'"),
        ((f"{LABEL}: TODO", f"{LABEL}: much too long"), "has 13 characters; at most 10"),
    ],
)
def test_a_wrong_about_file_is_told(run, tmp_path, changed, said):
    options = {"year": 2025, "label": LABEL, "out": tmp_path / "out"}
    about = run.submit("baseline", **options).folder / "about.yaml"
    about.write_text(about.read_text().replace(*changed))
    with pytest.raises(UsageError, match=said):
        run.submit("baseline", **options)


def test_an_output_that_was_stopped_goes_on(run, evaluation, tmp_path, monkeypatch):
    monkeypatch.setattr(outputs, "AT_ONCE", 3)
    asked, predict = [], outputs.predict

    def stopping(paths, devices, checkpoint):
        asked.append([path.rpartition("/")[2] for path in paths])
        if len(asked) == 2:
            raise KeyboardInterrupt
        return predict(paths, devices, checkpoint)

    monkeypatch.setattr(outputs, "predict", stopping)
    options = {"year": 2025, "label": LABEL, "evaluation": evaluation, "out": tmp_path / "out"}
    with pytest.raises(KeyboardInterrupt):
        run.submit("baseline", **options)
    folder = tmp_path / "out" / "task1" / LABEL
    assert not list(folder.glob("*.csv"))
    stopped = run.submit("baseline", **(options | {"evaluation": None}))
    with zipfile.ZipFile(stopped.zip) as archive:
        assert archive.namelist() == [f"task1/{LABEL}/{LABEL}.meta.yaml"]
    (folder / f".{LABEL}.output.csv.0123").mkdir()  # of other weights
    run.submit("baseline", **options)
    assert asked[2:] == [["3.wav", "4.wav", "5.wav"], ["6.wav"]]
    assert [path.name for path in sorted(folder.iterdir())] == [
        f"{LABEL}.meta.yaml",
        f"{LABEL}.output.csv",
    ]
    assert len(read_results(folder / f"{LABEL}.output.csv").paths) == 7


def test_several_processes_write_the_same_output(run, evaluation, submitted, tmp_path, monkeypatch):
    monkeypatch.setattr(outputs, "AT_ONCE", 4)
    name = f"{LABEL}.output.csv"
    outputs.write_output(
        tmp_path / name,
        read_evaluation(evaluation),
        submitted.package / f"Miller_UNI_task1/ckpts/{LABEL}.npz",
        devices=True,
        workers=2,
    )
    written = submitted.folder / "task1" / LABEL / name
    assert (tmp_path / name).read_text() == written.read_text()


def test_float16_is_held_against_float32(run, tmp_path):
    heard = []
    run = Run.open(run.paths.root, listener=Listener(on_message=heard.append))
    run.submit("square", year=2025, label=LABEL, half=True, out=tmp_path / "out")
    told = next(text for text in heard if "in float16" in text)
    scored = run.evaluate("square").evaluation.scores.accuracy
    assert f"(float32 {scored:.3f})" in told
    assert "of 180 decisions alike" in told


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [("running_var", 1e6, "variances that float16 cannot"), ("weight", 6e4, "activations that")],
)
def test_what_float16_cannot_hold_is_told(run, tmp_path, monkeypatch, name, value, said):
    load = NetworkFolder.load

    def with_a_large_value(folder):
        network = load(folder)
        with torch.no_grad():
            getattr(network.head.norm, name)[:] = value
        return network

    monkeypatch.setattr(NetworkFolder, "load", with_a_large_value)
    with pytest.raises(AscNasError, match=said):
        run.submit("square", year=2025, label=LABEL, half=True, out=tmp_path / "out")


def test_the_report_has_a_table_of_costs_classes_devices_and_layers(submitted):
    text = (submitted.folder / "report" / "tables.tex").read_text()
    assert [name for name in re.findall(r"label\{tab:(\w+)\}", text)] == [
        *("complexity", "classes", "devices", "layers")
    ]
    tables = re.findall(r"\\begin\{tabular\}\{(l.*?)\}(.*?)\\end\{tabular\}", text, re.DOTALL)
    for columns, rows in tables:
        lines = [line for line in rows.splitlines() if line.endswith(r"\\")]
        assert {line.count("&") + 1 for line in lines} == {len(columns)}
    assert "1 (25 \\%), own" in text
    assert not re.search(r"(?<!\\)[%_]", re.sub(r"includegraphics.*|label\{.*", "", text))
    skeleton = (submitted.folder / "report" / "report.tex").read_text()
    assert set(re.findall(r"ref\{tab:(\w+)\}", skeleton)) == {
        *("complexity", "classes", "devices", "layers")
    }


def test_macs_are_those_of_torchinfo():
    network = nn.Sequential(
        nn.Conv2d(1, 4, 3, stride=(2, 1), padding=1, bias=True),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Conv2d(4, 4, (1, 5), padding=(0, 2), groups=4, bias=False),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 3),
    ).half()
    size = (2, 1, 8, 6)
    assert torchinfo_macs(network, size) == 2_926  # said by torchinfo 1.8.0
    torchinfo = pytest.importorskip("torchinfo")
    copied = network.float()
    assert torchinfo.summary(copied, size, verbose=0).total_mult_adds == 2_926


def test_the_macs_of_a_run_are_those_of_torchinfo(run):
    torchinfo = pytest.importorskip("torchinfo")
    for name in ("baseline", "square"):
        network = find_network(run, name).folder(run, run.config.seed).load()
        size = (1, 1, *run.config.frontend.size)
        found = torchinfo.summary(network, size, verbose=0)
        assert found.total_mult_adds == torchinfo_macs(network, size)
        assert found.total_params == run.cost(run.config.fixed_genotype(name)).params


@pytest.mark.parametrize(
    ("found", "half", "said"),
    [
        (Complexity(30_000_000, 32_000, 128_000), False, None),
        (
            Complexity(1, 32_001, 128_004),
            False,
            r"128,004 bytes.* 2025 allows 128,000; give --half, with two bytes each, or --int8",
        ),
        (Complexity(1, 64_001, 128_002), True, r"2025 allows 128,000; train one within --limits"),
        (Complexity(30_000_001, 1, 2), True, r"30,000,001 mul.* 2025 allows 30,000,000"),
    ],
)
def test_a_network_above_a_limit_is_refused_with_the_year(found, half, said):
    if said is None:
        require_allowed(found, RULES[2025], "best", smaller=not half)
    else:
        with pytest.raises(AscNasError, match=said):
            require_allowed(found, RULES[2025], "best", smaller=not half)


def test_a_network_that_is_too_large_is_refused_before_anything_is_written(tree, tmp_path):
    wide = {"wide": {"kernels": ["s3"], "expansion": 150}}
    run = tau_run(tree, tmp_path / "run", 25, baselines=wide | BASELINES)
    run.train("wide")
    with pytest.raises(AscNasError, match=r"^wide: .*give --half"):
        run.submit("wide", year=2025, label=LABEL, out=tmp_path / "out")
    assert not list((tmp_path / "out").glob("[!.]*"))
    assert run.submit("wide", year=2025, label=LABEL, half=True, out=tmp_path / "out").entries


BASELINES = {"baseline": {"kernels": ["t5", "f5"]}, "square": {"kernels": ["s3"]}}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"label": "Miller_UNI_task1"}, "LASTNAME_INSTITUTE_task1_1"),
        ({"label": "Miller_UNI_task1_5"}, "a number from 1 to 4"),
        ({"label": "Mül ler_UNI_task1_1"}, "letters and digits only"),
        ({"year": 2023}, "of 2023 are not known; known years: 2024, 2025"),
        ({"year": 2024, "devices": {"a": "square"}}, "not known in 2024"),
        ({"devices": {"s4": "square"}}, "no training clip is of it; devices: a, b, c, s1, s2, s3"),
        ({"devices": {"a": "squar"}}, "Did you mean 'square'"),
    ],
)
def test_a_call_that_does_not_fit_the_rules_is_refused(run, tmp_path, words, said):
    with pytest.raises(UsageError, match=said):
        run.submit("baseline", **{"year": 2025, "label": LABEL, "out": tmp_path} | words)


def test_a_run_on_another_split_or_another_set_is_refused(tree, tiny_run, tmp_path):
    run = tau_run(tree, tmp_path / "run", 10)
    with pytest.raises(UsageError, match=r"on 10 % of .* rules of 2025 ask for 25 %"):
        run.submit("baseline", year=2025, label=LABEL, out=tmp_path / "out")
    with pytest.raises(UsageError, match="is about tau-urban-2022-mobile"):
        tiny_run.submit("baseline", year=2025, label=LABEL, out=tmp_path / "out")


def test_more_than_four_systems_and_a_folder_of_another_team_are_refused(run, tmp_path):
    with pytest.raises(UsageError, match="at most"):
        Label.parse("Miller_UNI_task1_4").following(2)
    run.submit("baseline", year=2025, label=LABEL, out=tmp_path / "out")
    with pytest.raises(UsageError, match="holds the submission Miller_UNI_task1 of 2025"):
        run.submit("baseline", year=2025, label="Other_UNI_task1_1", out=tmp_path / "out")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder: (folder / "audio/3.wav").unlink(), r"line 5: .*3\.wav is missing"),
        (lambda folder: (folder / "evaluation_setup/fold1_test.csv").unlink(), "has no evaluation"),
        (lambda folder: (folder / "audio/3.wav").write_bytes(b"RIFF"), "3.wav.*get the file again"),
    ],
)
def test_an_evaluation_set_that_is_not_whole_is_told(run, tmp_path, spoil, said):
    folder = evaluation_set(tmp_path / "evaluation")
    spoil(folder)
    with pytest.raises(AscNasError, match=said):
        run.submit("baseline", year=2025, label=LABEL, evaluation=folder, out=tmp_path / "out")


def test_an_evaluation_set_of_2025_names_devices(run, tmp_path):
    folder = evaluation_set(tmp_path / "evaluation", devices=False)
    with pytest.raises(AscNasError, match="no column device_id"):
        run.submit("baseline", year=2025, label=LABEL, evaluation=folder, out=tmp_path / "out")


def test_the_command_says_what_is_written_and_what_is_to_do(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    call = ["submit", str(run.paths.root), "baseline", "--year", "2025", "--label", LABEL]
    done = CliRunner().invoke(app, [*call, "--device", "a=square"])
    assert done.exit_code == 0, done.output
    params = run.cost(run.config.fixed_genotype("baseline")).params
    assert f"{4 * params:,} bytes of parameters" in done.output
    assert "within the limits of 2025" in done.output
    assert "fill in" in done.output
    assert done.output.splitlines()[-1].endswith("Miller_UNI_task1.zip")
    wrong = CliRunner().invoke(app, [*call, "--device", "square"])
    assert "DEVICE=NETWORK" in str(wrong.exception)
