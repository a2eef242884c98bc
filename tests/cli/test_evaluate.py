"""``asc-nas evaluate``: a network of a run, and any result file against a ground truth."""

import json

import pytest
from tiny import asc_nas, write_config

from asc_nas.data.manifest import Manifest
from data_prep.synthetic import Plan, generate


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Give a run with one trained baseline."""
    folder = tmp_path_factory.mktemp("evaluate")
    generate(folder / "recordings", 0, Plan.tiny(), workers=1)
    config = write_config(folder / "tiny.yaml")
    out = folder / "run"
    done = asc_nas("train", config, "baseline", "--data", folder / "recordings", "--out", out)
    assert done.returncode == 0, done.stderr
    return out


@pytest.mark.slow
def test_a_trained_network_scores_what_its_test_gave_and_its_result_file_scores_the_same(
    run, tmp_path
):
    output, scored, again = tmp_path / "o.csv", tmp_path / "s.json", tmp_path / "a.json"
    done = asc_nas("evaluate", run, "baseline", "--dcase", output, "--json", scored)
    assert done.returncode == 0, done.stderr
    assert "note:" not in done.stderr
    found = json.loads(scored.read_text())
    result = json.loads((run / "retrain" / "baseline" / "result.json").read_text())
    assert found["format"] == "asc-nas/evaluation/1"
    for key in ("accuracy", "macro_f1", "log_loss"):
        assert found[key] == pytest.approx(result[key], rel=1e-6)
        low, high = found["intervals"][key]
        assert low <= found[key] <= high
        assert f"{low:.3f} to {high:.3f}" in done.stdout
    for name in ("per_class", "confusion", "genotype", "seed", "trained_on"):
        assert found[name] == result[name]
    manifest = Manifest.read(run / "data" / "manifest.parquet")
    test = manifest.with_role("test")
    assert [line.split("\t")[0] for line in output.read_text().splitlines()[1:]] == [
        clip.path for clip in test
    ]
    assert sum(part["clips"] for part in found["devices"]) == sum(bool(c.device) for c in test)

    done = asc_nas(
        "evaluate", "--results", output, "--truth", run / "data" / "manifest.parquet",
        "--json", again,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    from_file = json.loads(again.read_text())
    for key in ("accuracy", "macro_f1", "per_class", "confusion"):
        assert from_file[key] == found[key]
    assert from_file["log_loss"] == pytest.approx(found["log_loss"], rel=1e-6)
    assert from_file["intervals"]["macro_f1"] == pytest.approx(found["intervals"]["macro_f1"])
    assert [p["seen"] for p in from_file["devices"]] == [p["seen"] for p in found["devices"]]


@pytest.mark.slow
def test_another_set_is_scored_whole_and_other_labels_are_refused(run, tmp_path):
    generate(tmp_path / "other", 1, Plan.tiny(), workers=1)
    manifest, scored = tmp_path / "other.parquet", tmp_path / "s.json"
    done = asc_nas("data", "prepare", "synthetic", tmp_path / "other", "--out", manifest)
    assert done.returncode == 0, done.stderr
    arguments = ("evaluate", run, "baseline", "--manifest", manifest)
    done = asc_nas(*arguments, "--json", scored, "--dcase", tmp_path / "o.csv")
    assert done.returncode == 0, done.stderr
    found = json.loads(scored.read_text())
    assert sum(map(sum, found["confusion"])) == len(Manifest.read(manifest).clips) == 36
    assert len((tmp_path / "o.csv").read_text().splitlines()) == 37

    whole = Manifest.read(manifest)
    labels = whole.labels[:3]
    clips = [clip for clip in whole.clips if clip.label in labels]
    Manifest(whole.name, whole.root, labels, tuple(clips)).write(manifest)
    done = asc_nas(*arguments)
    assert done.returncode == 2
    assert "labels" in done.stderr


@pytest.mark.slow
def test_the_format_can_be_chosen(run, tmp_path):
    output = tmp_path / "o.txt"
    done = asc_nas("evaluate", run, "baseline", "--dcase", output, "--dcase-format", "labels")
    assert done.returncode == 0, done.stderr
    assert {line.count("\t") for line in output.read_text().splitlines()} == {1}


@pytest.mark.slow
def test_scores_of_clips_that_training_used_are_called_that(run):
    done = asc_nas("evaluate", run, "baseline", "--role", "search_val")
    assert done.returncode == 0, done.stderr
    assert "trained on train and search_val" in done.stderr


@pytest.mark.slow
def test_a_network_that_is_not_trained_says_how_to_train_it(run):
    done = asc_nas("evaluate", run, "baseline", "--seed", 7)
    assert done.returncode == 1
    assert "asc-nas train" in done.stderr
    assert "--seed 7" in done.stderr
    assert "Traceback" not in done.stderr


def test_any_result_file_is_scored_without_a_run(tmp_path):
    (tmp_path / "truth.csv").write_text(
        "filename\tscene_label\tidentifier\tsource_label\n"
        "audio/1.wav\tbus\tparis-1\ta\naudio/2.wav\ttram\tparis-2\ts4\n"
        "audio/3.wav\ttram\tparis-3\ts4\n"
    )
    (tmp_path / "out.csv").write_text("3.wav\tbus\n1.wav\tbus\n2.wav\ttram\n")
    done = asc_nas(
        "evaluate", "--results", "out.csv", "--truth", "truth.csv", "--seen", "a",
        "--json", "scores.json", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert "out.csv: 3 clips of 3 groups" in lines
    assert "log loss -" in lines
    assert "bus 1 0.667" in lines
    assert "s4 unseen 2 0.500 0.667 -" in lines
    assert "all seen 1 1.000 1.000 -" in lines
    found = json.loads((tmp_path / "scores.json").read_text())
    assert found["accuracy"] == pytest.approx(2 / 3)
    assert found["log_loss"] is None


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["runs/x"],
        ["--results", "out.csv"],
        ["runs/x", "3", "--truth", "t.csv"],
        ["--results", "out.csv", "--truth", "t.csv", "--dcase", "o.csv"],
        ["runs/x", "3", "--role", "train"],
    ],
)
def test_a_call_that_makes_no_sense_is_wrong_usage(arguments, tmp_path):
    done = asc_nas("evaluate", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert "error: " in done.stderr
    assert "Traceback" not in done.stderr
