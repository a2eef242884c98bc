"""What searches judged is kept in a table, from which the taus can be told again."""

import csv

import kept_trainings
import numpy as np
import pytest
from scipy.stats import kendalltau
from tiny import write_config

from asc_nas.run.opening import read_settings
from asc_nas.run.run import Run
from asc_nas.search.history import read_history
from asc_nas.search.surrogate import Surrogate
from data_prep.synthetic import Plan, generate

PARTS = ("1.0 3.0 9.0 9.0", "3.0 0.0 8.0 9.0", "1.0 1.0 8.0 8.0")
"""Of three networks: halves of 2.0, 1.5 and 1.0, and of 9.0, 8.5 and 8.0."""


@pytest.mark.slow
def test_searches_are_kept_once_and_compared_within_each(tmp_path, capsys, monkeypatch):
    generate(tmp_path / "recordings", 0, Plan.tiny(), workers=1)
    config = write_config(
        tmp_path / "tiny.yaml",
        data={"workers": 1},
        search={
            **{"judge": "training", "population": 4, "generations": 2, "folds": 2},
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
    assert names[:4] == ["surrogate, left out", "MACs", "parameters", kept_trainings.HALVES]
    assert names == names[:4] * 3  # two searches, and both
    assert f"all 2 searches: {len(rows)} networks" in lines
    by_part = np.array([row["log_loss_by_part"].split() for row in rows], dtype=float)
    tau = kendalltau(*by_part[: len(judged[0])].T).statistic
    assert names[3] in lines[5]
    assert f" {tau:.2f} (" in lines[5]

    first_round = sum(row["round"] == "1" and row["seed"] == "0" for row in rows)
    begun = call("taus", config, table, "--rounds", 1).splitlines()[0]
    assert begun.startswith(f"fold 4, seed 0: {first_round} networks, the best ")
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


def test_a_surrogate_of_one_search_is_held_against_networks_of_another(tmp_path, capsys):
    config = write_config(tmp_path / "tiny.yaml")
    space, rng = read_settings(config).search_space(), np.random.default_rng(0)
    drawn = list(dict.fromkeys(space.sample(rng) for _ in range(200)))

    def rows(strategy, genotypes):
        for genotype in genotypes:
            expansion = sum(0 if gene.is_skip else gene.expansion for gene in genotype.blocks)
            macs, params = map(int, rng.integers(100, 200, 2))  # say nothing
            loss = 9 - expansion + 0.01 * rng.normal()
            yield dict.fromkeys(kept_trainings.COLUMNS, 0) | {
                **{"fold": "1", "strategy": strategy, "genotype": str(genotype)},
                **{"log_loss": loss, "log_loss_by_part": "", "macs": macs, "params": params},
                **{"round": 1},
            }

    own, others = list(rows("surrogate", drawn[:20])), list(rows("random", drawn[17:30]))
    for row in own[15:]:
        row["round"] = 2
    tables = tmp_path / "own.csv", tmp_path / "others.csv"
    for table, judged in zip(tables, ([{**own[0], "seed": 7}, *own], others), strict=True):
        with table.open("w", newline="") as file:
            writer = csv.DictWriter(file, kept_trainings.COLUMNS)
            writer.writeheader()
            writer.writerows(judged)
    kept_trainings.unseen(config, *tables)
    first, _, *lines = capsys.readouterr().out.splitlines()
    assert first == "fold 1, seed 0: 10 networks, by 20 others"  # three are of both
    judged = list(map(kept_trainings.evaluation_of, others[3:]))
    losses = [e.log_loss for e in judged]
    expected = Surrogate(space, list(map(kept_trainings.evaluation_of, own)), "log_loss")
    for line, opinion in zip(
        lines, (expected.predict(judged)[0], [-e.macs for e in judged]), strict=False
    ):
        assert f" {kendalltau(opinion, losses).statistic:.2f} (" in line
    assert kendalltau(expected.predict(judged)[0], losses).statistic > 0.7
    kept_trainings.unseen(config, *tables, rounds=1)
    assert capsys.readouterr().out.startswith("fold 1, seed 0: 13 networks, by 15 others")
    with pytest.raises(SystemExit, match=r"others\.csv: no networks .* that it has not"):
        kept_trainings.unseen(config, tables[1], tables[1])


def test_how_far_each_search_had_come_is_told_by_networks_trained(tmp_path, capsys):
    def rows(strategy, losses, rounds):
        every = zip(losses, rounds, (4, 3, 2, 1), strict=True)
        return [
            dict.fromkeys(kept_trainings.COLUMNS, 0)
            | {"fold": "1", "strategy": strategy, "genotype": f"t3e{macs}w1"}
            | {"log_loss": loss, "round": number, "macs": macs, "params": 1}
            for loss, number, macs in every
        ]

    table, again = tmp_path / "table.csv", tmp_path / "again.csv"
    learner = rows("surrogate", (3.0, 2.0, 1.0, 4.0), (1, 1, 2, 2))
    control = rows("random", (4.0, 4.0, 4.0, 2.0), (1, 2, 2, 3))
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, kept_trainings.COLUMNS)
        writer.writeheader()
        writer.writerows([*learner, *control])
    again.write_bytes(table.read_bytes())
    kept_trainings.found([table, again])  # searches of two tables are two
    out = capsys.readouterr().out
    assert out.count("surrogate") == out.count("random") == 2
    kept_trainings.found([table])
    by_search = capsys.readouterr().out.partition("fold 1, table, random")
    told = [
        [line.split() for line in part.splitlines() if line.startswith(" ")]
        for part in (by_search[0], by_search[2])
    ]
    # Of the box of 4 x 4: nothing, (4 - 2) x (4 - 3), then (4 - 1) x (4 - 2).
    assert told[0] == [
        ["1", "3.000", "0.0000"], ["2", "2.000", f"{2 / 16:.4f}"],
        ["3", "1.000", f"{6 / 16:.4f}"], ["4", "1.000", f"{6 / 16:.4f}"],
    ]  # fmt: skip
    counts, losses, volumes = zip(*told[1], strict=True)
    assert counts == ("1", "2", "3", "4")
    assert float(losses[0]) == pytest.approx(3.5, abs=0.2)  # the mean over orders
    assert losses[-1] == "2.000"
    assert float(volumes[0]) == pytest.approx(0.25 * 6 / 16, abs=0.05)


def test_halves_are_told_only_where_every_network_has_them():
    rows = [{"macs": macs, "log_loss_by_part": part} for macs, part in enumerate(PARTS, start=1)]
    ((overall, _),) = kept_trainings.halves_of(rows).values()
    assert kept_trainings.agreement_of_pairs(*overall, np.random.default_rng(0)).tau == 1
    assert kept_trainings.halves_of([*rows, {"macs": 1}]) == {}
    assert kept_trainings.halves_of([*rows, {"macs": 1, "log_loss_by_part": "1.0"}]) == {}
