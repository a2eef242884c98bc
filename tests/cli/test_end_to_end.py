"""The whole job through the command line, on a tiny set; and that a kill loses nothing."""

import json
import re
import shlex
import shutil

import numpy as np
import pytest
import tiny
import torch
from edited import document
from tiny import asc_nas_here as asc_nas
from tiny import kill_when_written, write_config

from asc_nas.audio.io import load_audio
from asc_nas.audio.logmel import fit_length, log_mel
from asc_nas.core.events import read_events
from asc_nas.data.manifest import Manifest
from asc_nas.nn.supernet import SubNet
from asc_nas.run.folder import RunFolder
from asc_nas.run.networks import find_network
from asc_nas.space.genotype import Genotype
from asc_nas.training import checkpoint
from asc_nas.training.trainer import posteriors
from data_prep.synthetic import Plan, generate

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recordings")
    generate(folder, 0, Plan.tiny(), workers=1)
    return folder


@pytest.fixture(scope="module")
def finished(tmp_path_factory, recordings):
    """Give an uninterrupted run."""
    folder = tmp_path_factory.mktemp("run")
    config = write_config(folder / "tiny.yaml")
    done = tiny.asc_nas("run", config, "--data", recordings, "--out", folder / "run")
    assert done.returncode == 0, done.stderr
    return folder / "run", done


def test_run_goes_from_recordings_to_models(finished):
    run, done = finished
    pareto = json.loads((run / "search" / "pareto.json").read_text())
    assert pareto["format"] == "asc-nas/pareto/1"
    members = pareto["members"]
    assert [m["id"] for m in members] == list(range(len(members)))
    assert [m["macs"] for m in members] == sorted(m["macs"] for m in members)
    best = json.loads((run / "models" / "tiny-best.json").read_text())
    assert len(best["labels"]) == 9
    for name in ("baseline", "square", str(members[0]["id"])):
        result = json.loads((run / "retrain" / name / "result.json").read_text())
        assert {"accuracy", "macro_f1", "per_class", "macs", "params", "genotype", "seed"} <= set(
            result
        )
        assert result["test_clips"] == 9
        assert name in done.stdout
    assert "Pareto set" in done.stdout
    assert "Supernet: 3/3" in done.stderr  # plain progress lines where there is no terminal


def test_the_run_ends_with_its_best_network_and_what_to_do_next(finished):
    run, done = finished
    assert "Latency" not in done.stdout  # nothing is known of it
    best, _, ending = done.stdout.partition("Best: network ")[2].partition("\n")
    files, _, following = ending.partition("Next:")
    assert str(run / "models" / "tiny-best.onnx") in files
    assert "limit" not in files
    commands = [line.strip() for line in following.splitlines() if line.strip()]
    assert [line.split()[1] for line in commands] == ["classify", "report", "export"]
    exported = asc_nas(*shlex.split(commands[-1])[1:4])
    assert exported.stdout.strip() == str(run / "models" / "tiny-best.onnx")
    scored = asc_nas("evaluate", run, "best")
    assert scored.stdout.strip().startswith(f"{best}, test of")
    value, low, high = re.search(r"accuracy +(\S+) +(\S+) to (\S+)", scored.stdout).groups()
    assert f"{value} (95 % interval {low} to {high}; 9 test clips of" in files
    tests = [document(run / f"retrain/{name}/result.json") for name in (best, "baseline", "square")]
    for name, other in zip(("baseline", "square"), tests[1:], strict=True):
        (points,) = re.findall(rf"against {name} +(\S+) points of accuracy \(95 % interval", files)
        assert float(points) == pytest.approx(
            100 * (tests[0]["accuracy"] - other["accuracy"]), abs=0.05
        )


def test_results_tell_what_their_networks_decide(finished):
    run = RunFolder.open(finished[0])
    test = run.examples("test")
    for name in ("baseline", "square"):
        folder = find_network(run, name).folder(run, 0)
        answers = test.clip_posteriors(posteriors(folder.load(), test).numpy())
        result = folder.require_result()
        assert result.decided == answers.argmax(1).tolist()
        decided = zip(run.readable("test"), result.decided, strict=True)
        hits = [clip.label == result.labels[place] for clip, place in decided]
        assert sum(hits) / len(hits) == pytest.approx(result.accuracy)


def test_run_evaluate_and_report_tell_one_interval_of_a_network(finished, tmp_path):
    run, done = finished
    ending = done.stdout.partition("Best: network ")[2]
    best = ending.split()[0]
    earlier = shutil.copytree(run, tmp_path / "run")
    file = earlier / "retrain" / best / "result.json"
    result = document(file)
    assert result.pop("intervals")["groups"] > 1  # results of earlier versions have none
    file.write_text(json.dumps(result))
    scored = asc_nas("evaluate", run, best).stdout
    pages = []
    for place in (run, earlier):
        wrote = asc_nas("report", place, "--out", tmp_path / "report", "--mistakes", 0)
        assert wrote.returncode == 0, wrote.stderr
        html = (tmp_path / "report" / "report.html").read_text()
        panel = html.partition(f'<h3 tabindex="-1">Pareto member {best}</h3>')[2]
        pages.append((html.partition("<nav>")[0], panel.partition("</article>")[0]))
    against = re.findall(r"points of accuracy \(.*?\): [a-z ]+; \w+ has", ending)
    assert len(against) == 2
    assert all(words in opening for words in against for opening, _ in pages)
    for score, title in (("accuracy", "Accuracy"), ("macro-F1", "macro-F1")):
        value, low, high = re.search(rf"{score} +(\S+) +(\S+) to (\S+)", scored).groups()
        words = f"{value} (95 % interval {low} to {high}"
        assert words in ending
        for opening, panel in pages:
            assert words in opening
            assert f"<dt>{title}</dt><dd>{value} ({low} to {high})</dd>" in panel


def test_roles_never_share_a_group_and_test_is_the_named_fold(finished):
    manifest = Manifest.read(finished[0] / "data" / "manifest.parquet")
    groups = {
        role: {clip.group for clip in manifest.with_role(role)}
        for role in ("train", "search_val", "test")
    }
    assert all(groups.values())
    assert not groups["train"] & groups["search_val"]
    assert not (groups["train"] | groups["search_val"]) & groups["test"]
    assert {clip.fold for clip in manifest.with_role("test")} == {"4"}


def test_classify_gives_what_pytorch_gives(finished, recordings):
    run, _ = finished
    context = RunFolder.open(run)
    card = json.loads((run / "models" / "tiny-best.json").read_text())
    weights = [
        path
        for path in (run / "retrain").glob("*/model.safetensors")
        if json.loads((path.parent / "result.json").read_text())["genotype"] == card["genotype"]
    ]
    network = SubNet(context.spec(Genotype.parse(card["genotype"])))
    checkpoint.load(weights[0], network)
    unseen = recordings / "unseen"
    model = run / "models" / "tiny-best.onnx"
    done = asc_nas("classify", unseen, "--model", model, "--format", "json", "--no-reject")
    assert done.returncode == 0, done.stderr
    entries = json.loads(done.stdout)
    assert len(entries) == 9
    for entry in entries:
        wave = fit_length(load_audio(entry["path"], 16000), 16000)
        x = torch.from_numpy(log_mel(wave, context.config.frontend)).unsqueeze(1)
        with torch.inference_mode():
            logits = network.eval()(x).double() / card["temperature"]
            expected = logits.softmax(1).mean(0).numpy()
        found = np.array([entry["scores"][label] for label in card["labels"]])
        assert np.abs(found - expected).max() < 1e-4
        assert entry["label"] == card["labels"][int(expected.argmax())]


def test_a_second_run_needs_resume_and_then_does_nothing(finished):
    run, _ = finished
    refused = asc_nas("run", run)
    assert refused.returncode == 1
    assert "--resume" in refused.stderr
    before = {path: path.stat().st_mtime_ns for path in run.glob("retrain/*/*")}
    again = asc_nas("run", run, "--resume")
    assert again.returncode == 0, again.stderr
    assert before == {path: path.stat().st_mtime_ns for path in run.glob("retrain/*/*")}


def test_only_the_best_is_calibrated_under_both_its_names(finished):
    run, done = finished
    cards = [json.loads(path.read_text()) for path in (run / "models").glob("*.json")]
    best = next(card for card in cards if card["name"] == "tiny-best")
    assert best["results"]["calibration"]["fitted_on"] == "search_val, twin"
    assert best["temperature"] != 1
    for card in cards:
        same = card["genotype"] == best["genotype"]
        assert card["temperature"] == (best["temperature"] if same else 1)
    titles = {line.partition(":")[0] for line in done.stderr.splitlines() if "twin" in line}
    assert len(titles) == 1


def test_the_recordings_are_checked_and_the_report_shows_it(finished, tmp_path):
    run, done = finished
    checked = json.loads((run / "data" / "check.json").read_text())
    assert checked["format"] == "asc-nas/check/1"
    assert checked["clips"] == len(Manifest.read(run / "data" / "manifest.parquet").clips)
    said = [line for line in done.stderr.splitlines() if line.startswith("Check: ")]
    told = [line for line in said if "warnings (" in line]
    assert len(told) == bool(checked["findings"])
    shown = asc_nas("report", run, "--out", tmp_path, "--mistakes", 0)
    assert shown.returncode == 0, shown.stderr
    assert "check: " not in shown.stderr


def test_members_and_baselines_can_be_added_when_a_run_goes_on(finished, tmp_path):
    run = shutil.copytree(finished[0], tmp_path / "run")
    before = {path.name for path in (run / "retrain").iterdir()}
    more = ("retrain.members=3", "baselines.third.kernels=[t3]", "retrain.calibrate=false")
    done = asc_nas("run", run, "--resume", *(part for one in more for part in ("--set", one)))
    assert done.returncode == 0, done.stderr
    (note,) = [line for line in done.stderr.splitlines() if line.startswith("note: ")]
    assert "retrain.members is 3, was 2" in note
    assert "new in baselines: third" in note
    added = {path.name for path in (run / "retrain").iterdir()} - before
    assert "third" in added
    again = asc_nas("run", run, "--resume")  # they are the run's settings now
    assert again.returncode == 0, again.stderr
    assert "note: " not in again.stderr


def test_train_takes_a_genotype_and_other_seeds(finished):
    run, _ = finished
    done = asc_nas("train", run, "t3e3w1 f3+t3e1.5w1", "--seed", 1)
    assert done.returncode == 0, done.stderr
    results = [json.loads(p.read_text()) for p in run.glob("retrain/g*-seed1/result.json")]
    assert [(r["genotype"], r["seed"]) for r in results] == [("t3e3w1 f3+t3e1.5w1", 1)]
    wrong = asc_nas("train", run, "baselin")
    assert wrong.returncode == 2
    assert "Did you mean 'baseline'" in wrong.stderr


def test_the_same_seed_gives_the_same_pareto_set_and_another_seed_another(
    finished, recordings, tmp_path
):
    config = write_config(tmp_path / "tiny.yaml")
    texts = []
    for seed in (0, 1):
        out = tmp_path / f"run{seed}"
        done = tiny.asc_nas(
            "search", config, "--data", recordings, "--out", out, "--set", f"seed={seed}"
        )
        assert done.returncode == 0, done.stderr
        texts.append((out / "search" / "pareto.json").read_bytes())
    assert texts[0] == (finished[0] / "search" / "pareto.json").read_bytes()
    assert texts[1] != texts[0]


def test_a_run_killed_in_training_and_in_search_finds_the_same_pareto_set(recordings, tmp_path):
    longer = {"supernet": {"epochs": 5}, "search": {"generations": 4}}
    config = write_config(tmp_path / "tiny.yaml", **longer)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    done = tiny.asc_nas("run", config, "--data", recordings, "--out", whole)
    assert done.returncode == 0, done.stderr

    arguments = ["run", config, "--data", recordings, "--out", killed, "--resume"]
    kill_when_written(killed / "supernet" / "state.safetensors", 3, *arguments)
    assert not (killed / "supernet" / "supernet.safetensors").exists()
    kill_when_written(killed / "search" / "history.parquet", 2, *arguments)
    assert not (killed / "search" / "pareto.json").exists()
    resumed = tiny.asc_nas(*arguments)
    assert resumed.returncode == 0, resumed.stderr
    for name in (
        "supernet/supernet.safetensors",
        "search/history.parquet",
        "search/pareto.json",
        "models/tiny-best.onnx",
        "models/tiny-best.json",
    ):
        assert (killed / name).read_bytes() == (whole / name).read_bytes(), name
    logged = [
        [(event.key, event.values) for event in read_events(run / "events.jsonl")]
        for run in (killed, whole)
    ]
    assert logged[0] == logged[1]
    lines = (killed / "events.jsonl").read_bytes().splitlines()
    assert len(logged[0]) <= len(lines) <= len(logged[0]) + 2  # at most one torn per kill
