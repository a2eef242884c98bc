"""``asc-nas rank`` on the tiny set: scores, stand-alone trainings that are shared, the plot."""

import json

import pytest
from tiny import asc_nas_here as asc_nas
from tiny import write_config

pytestmark = pytest.mark.slow

SMALL = {
    "rank": {"networks": 4, "repeats": 2, "epochs": 1},
    "supernet": {"epochs": 1, "batch_size": 16},
}


@pytest.fixture(scope="module")
def ranked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rank")
    config = write_config(folder / "tiny.yaml", **SMALL)
    (folder / "data").mkdir()
    done = asc_nas(
        "rank", config, "--data", folder / "data", "--out", folder / "run",
        "--standalone", folder / "alone", "--workers", 2,
    )  # fmt: skip
    return folder, config, done


def test_it_reports_tau_of_scores_and_of_cost_alone(ranked):
    folder, _, done = ranked
    assert done.returncode == 0, done.stderr
    assert "4 networks trained alone 2 times" in done.stdout
    assert "MACs alone" in done.stdout
    document = json.loads((folder / "run/rank/rank.json").read_text())
    assert document["format"] == "asc-nas/rank/2"
    assert [row["predictor"] for row in document["agreement"]][:2] == ["macro_f1", "log_loss"]
    assert all(len(row["standalone"]) == 2 for row in document["networks"])
    macs = [row["macs"] for row in document["networks"]]
    assert macs == sorted(macs)
    assert (folder / "run/rank/rank.png").read_bytes().startswith(b"\x89PNG")
    assert len(list((folder / "alone").glob("*.json"))) == 8


def test_another_run_ranks_the_same_networks_without_training_them_again(ranked):
    folder, config, _ = ranked
    before = {f: f.stat().st_mtime_ns for f in (folder / "alone").iterdir()}
    done = asc_nas(
        "rank", config, "--data", folder / "data", "--out", folder / "uniform",
        "--set", "supernet.sampler=uniform", "--standalone", folder / "alone",
        "--like", folder / "run/rank/rank.json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert {f: f.stat().st_mtime_ns for f in (folder / "alone").iterdir()} == before
    first, second = (
        json.loads((folder / run / "rank/rank.json").read_text())["networks"]
        for run in ("run", "uniform")
    )
    for one, other in zip(first, second, strict=True):
        assert one["genotype"] == other["genotype"]
        assert one["standalone"] == other["standalone"]
    assert [r["log_loss"] for r in first] != [r["log_loss"] for r in second]


def test_networks_of_another_space_are_refused(ranked):
    folder, config, _ = ranked
    done = asc_nas(
        "rank", config, "--data", folder / "data", "--out", folder / "other",
        "--set", "space.kernels=[[t7]]", "--like", folder / "run/rank/rank.json",
    )  # fmt: skip
    assert done.returncode == 1
    assert "is not in the space" in done.stderr
    assert "Traceback" not in done.stderr
