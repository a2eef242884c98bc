"""A run whose space broadens and shrinks: what it leaves, and that a kill loses nothing."""

import json

import pytest
from tiny import asc_nas, kill_when_written, write_config

from asc_nas.run.folder import RunFolder
from asc_nas.space.genotype import Genotype
from data_prep.synthetic import Plan, generate

pytestmark = pytest.mark.slow

CHANGES = {
    "space": {"expansions": [1.5, 3], "widths": [0.5, 1]},
    "supernet": {"epochs": 12, "passes": 5, "broadening_epochs": 3, "checkpoint_every": 4},
    "shrinking": {"at": [5, 6], "keep": 2, "samples": 16},
}


def test_a_run_killed_between_shrinking_and_its_next_saved_state_ends_the_same(tmp_path):
    recordings = tmp_path / "recordings"
    generate(recordings, 0, Plan.tiny(), workers=1)
    config = write_config(tmp_path / "tiny.yaml", **CHANGES)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    done = asc_nas("search", config, "--data", recordings, "--out", whole)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Shrinking after epoch") == 2

    arguments = ["search", config, "--data", recordings, "--out", killed]
    # The saved state is of epoch 4.
    kill_when_written(killed / "supernet" / "shrinking.json", 1, *arguments)
    assert not (killed / "supernet" / "supernet.safetensors").exists()
    resumed = asc_nas(*arguments)
    assert resumed.returncode == 0, resumed.stderr
    for name in (
        "supernet/supernet.safetensors",
        "supernet/shrinking.json",
        "supernet/updates.json",
        "search/history.parquet",
        "search/pareto.json",
    ):
        assert (killed / name).read_bytes() == (whole / name).read_bytes(), name

    context = RunFolder.open(whole)
    left = context.remaining_space()
    assert left.sizes == (2, 2)
    events = json.loads((whole / "supernet" / "shrinking.json").read_text())["events"]
    assert events[0]["genotypes_before"] == context.config.search_space().count
    assert events[1]["genotypes_after"] == 4
    members = json.loads((whole / "search" / "pareto.json").read_text())["members"]
    assert all(Genotype.parse(member["genotype"]) in left for member in members)
