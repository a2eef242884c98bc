"""What searches judged is kept in a table, from which the taus can be told again."""

import csv

import kept_trainings
import pytest
from tiny import write_config

from asc_nas.run.run import Run
from asc_nas.search.history import read_history
from data_prep.synthetic import Plan, generate


@pytest.mark.slow
def test_searches_are_kept_once_and_compared_within_each(tmp_path, capsys, monkeypatch):
    generate(tmp_path / "recordings", 0, Plan.tiny(), workers=1)
    config = write_config(
        tmp_path / "tiny.yaml",
        data={"workers": 1},
        search={
            **{"judge": "training", "population": 4, "generations": 2},
            **{"strategy": {"name": "surrogate", "first": 5}, "stop_sign": False},
        },
        rank={"epochs": 1, "batch_size": 8},
    )
    runs = []
    for seed in (0, 1):
        run = Run.open(config, tmp_path / "recordings", {"seed": seed}, out=tmp_path / f"{seed}")
        run.search()
        runs.append(run)
    folders = [str(run.paths.root) for run in runs]
    table = tmp_path / "table.csv"

    def call(*arguments):
        monkeypatch.setattr("sys.argv", ["kept_trainings.py", *map(str, arguments)])
        kept_trainings.main()
        return capsys.readouterr().out

    call("keep", folders[1], "--to", table)
    out = call("keep", *folders, "--to", table)  # the second seed is replaced
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    judged = [read_history(run.paths.history, run.evaluation_scope()) for run in runs]
    assert f"{len(rows)} networks of 2 searches" in out
    assert [row["seed"] for row in rows] == ["0"] * len(judged[0]) + ["1"] * len(judged[1])
    assert {row["strategy"] for row in rows} == {"surrogate"}
    assert [kept_trainings.evaluation_of(row) for row in rows] == [
        e.__class__(e.genotype, e.macro_f1, e.accuracy, e.log_loss, e.macs, e.params)
        for e in [*judged[0], *judged[1]]
    ]

    lines = call("taus", config, table).splitlines()
    names = [line[:26].strip() for line in lines if "log_loss" in line]
    assert names[:3] == ["surrogate, left out", "MACs", "parameters"]
    assert names == names[:3] * 3  # two searches, and both
    assert f"all 2 searches: {len(rows)} networks" in lines

    first_round = sum(row["round"] == "1" and row["seed"] == "0" for row in rows)
    by_chance, by_size = call("chance", config, table, "--draws", 2).splitlines()
    assert by_chance.startswith(f"chance: {first_round} networks, mean ")
    assert by_size.endswith(f" of 2 at {kept_trainings.WORTH} or more")

    with pytest.raises(SystemExit, match="no search by 'random'"):
        call("taus", config, table, "--strategy", "random")


def test_networks_of_two_searches_are_no_pair():
    own = kept_trainings.Predicted.of([1.0, 2.0]).differences
    others = kept_trainings.Predicted.of([5.0, 3.0]).differences
    predicted, true = kept_trainings.together([(own, -own), (others, others)])
    assert predicted.tolist() == [[0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 2], [0, 0, -2, 0]]
    assert true.tolist() == [[0, 1, 0, 0], [-1, 0, 0, 0], [0, 0, 0, 2], [0, 0, -2, 0]]
