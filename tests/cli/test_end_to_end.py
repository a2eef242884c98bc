"""The whole job through the command line, on a tiny set; and that a kill loses nothing."""

import json
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import ENVIRONMENT, asc_nas, command, write_config

from asc_nas.audio.io import load_audio
from asc_nas.audio.logmel import fit_length, log_mel
from asc_nas.cli.run_config import open_run
from asc_nas.data.manifest import Manifest
from asc_nas.event_log import read_events
from asc_nas.nn.supernet import SubNet
from asc_nas.space.genotype import Genotype
from asc_nas.training import checkpoint
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
    done = asc_nas("run", config, "--data", recordings, "--out", folder / "run")
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
    context = open_run(run).context
    card = json.loads((run / "models" / "tiny-best.json").read_text())
    weights = [
        path
        for path in (run / "retrain").glob("*/model.safetensors")
        if json.loads((path.parent / "result.json").read_text())["genotype"] == card["genotype"]
    ]
    network = SubNet(context.spec(Genotype.parse(card["genotype"])))
    checkpoint.load(weights[0], network)
    unseen = recordings / "unseen"
    done = asc_nas(
        "classify", unseen, "--model", run / "models" / "tiny-best.onnx", "--format", "json"
    )
    assert done.returncode == 0, done.stderr
    entries = json.loads(done.stdout)
    assert len(entries) == 9
    for entry in entries:
        wave = fit_length(load_audio(entry["path"], 16000), 16000)
        x = torch.from_numpy(log_mel(wave, context.config.frontend)).unsqueeze(1)
        with torch.inference_mode():
            expected = network.eval()(x).double().softmax(1).mean(0).numpy()
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
        done = asc_nas(
            "search", config, "--data", recordings, "--out", out, "--set", f"seed={seed}"
        )
        assert done.returncode == 0, done.stderr
        texts.append((out / "search" / "pareto.json").read_bytes())
    assert texts[0] == (finished[0] / "search" / "pareto.json").read_bytes()
    assert texts[1] != texts[0]


def kill_when(path: Path, arguments: list[object]) -> None:
    """Start asc-nas and kill it (SIGKILL) as soon as `path` is there."""
    process = subprocess.Popen(
        command(*arguments),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=ENVIRONMENT,
    )
    deadline = time.monotonic() + 120
    while not path.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "it ended before it could be killed"
    assert path.exists()


def test_a_run_killed_in_training_and_in_search_finds_the_same_pareto_set(recordings, tmp_path):
    longer = {"supernet": {"epochs": 12}, "search": {"generations": 12}}
    config = write_config(tmp_path / "tiny.yaml", **longer)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    done = asc_nas("run", config, "--data", recordings, "--out", whole)
    assert done.returncode == 0, done.stderr

    arguments = ["run", config, "--data", recordings, "--out", killed, "--resume"]
    kill_when(killed / "supernet" / "state.safetensors", arguments)
    assert not (killed / "supernet" / "supernet.safetensors").exists()
    kill_when(killed / "search" / "history.parquet", arguments)
    assert not (killed / "search" / "pareto.json").exists()
    resumed = asc_nas(*arguments)
    assert resumed.returncode == 0, resumed.stderr
    for name in (
        "supernet/supernet.safetensors",
        "search/history.parquet",
        "search/pareto.json",
        "models/tiny-best.onnx",
    ):
        assert (killed / name).read_bytes() == (whole / name).read_bytes(), name
    logged = [
        [(event.key, event.values) for event in read_events(run / "events.jsonl")]
        for run in (killed, whole)
    ]
    assert logged[0] == logged[1]
    lines = (killed / "events.jsonl").read_bytes().splitlines()
    assert len(logged[0]) <= len(lines) <= len(logged[0]) + 2  # at most one torn per kill
