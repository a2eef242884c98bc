import csv
import re

import kept_tests
import paired
import pytest
import together
from tiny import write_config

import asc_nas
from asc_nas.run.crossval_summary import Crossval
from asc_nas.run.folder import RunFolder
from asc_nas.run.networks import find_network
from asc_nas.run.run import Run
from asc_nas.run.ship import Shipping, common_seeds
from data_prep.synthetic import Plan, generate

pytestmark = pytest.mark.slow
OTHER = "t3e1.5w1 t3e1.5w1"
COLUMNS = ("accuracy", "macro_f1", "log_loss")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Give a cross-validation of two networks in two folds with two seeds."""
    place = tmp_path_factory.mktemp("together")
    generate(place / "recordings", 0, Plan.tiny(), workers=1)
    data = {"folder": str(place / "recordings"), "workers": 1}
    config = write_config(place / "tiny.yaml", data=data)
    asked = {"folds": ["1", "3"], "networks": ["baseline", OTHER], "seeds": [0, 1]}
    _, file = asc_nas.crossval(config, out=place / "out", **asked)
    return file.parent


@pytest.fixture(scope="module")
def other(folder):
    """Give the name of the network that is not the baseline."""
    (name,) = {row.network for row in Crossval.read(folder / "crossval.json").results} - {
        "baseline"
    }
    return name


def table_of(monkeypatch, capsys, *arguments):
    """Return the figures of each line of the script's table, by its seeds."""
    monkeypatch.setattr("sys.argv", ["together.py", *map(str, arguments)])
    together.main()
    header, *lines = capsys.readouterr().out.splitlines()
    end = header.index("log loss") + len("log loss")
    return {line[:10].strip(): [float(word) for word in line[10:end].split()] for line in lines}


def rows_of(folder, network):
    rows = Crossval.read(folder / "crossval.json").results
    return [row for row in rows if row.network == network]


def test_seeds_alone_are_as_they_were_tested_and_all_together_as_ship_counts_them(
    folder, monkeypatch, capsys
):
    table = table_of(monkeypatch, capsys, folder, "baseline")
    assert list(table) == ["0", "1", "0 1"]
    rows = rows_of(folder, "baseline")
    for seed in (0, 1):
        own = [row for row in rows if row.seed == seed]
        means = [sum(getattr(row, name) for row in own) / 2 for name in COLUMNS]
        found = [*(row.accuracy for row in own), *means]
        assert table[str(seed)] == pytest.approx(found, abs=6e-4)
    runs = {fold: RunFolder.open(folder / f"fold-{fold}") for fold in ("1", "3")}
    network = find_network(runs["1"], "baseline")
    scores = Shipping(runs["1"], runs, network, common_seeds(runs, network)).scores()
    assert table["0 1"][2:] == pytest.approx([scores[name] for name in COLUMNS], abs=6e-4)


def test_only_the_seeds_and_folds_that_are_named_are_read(folder, monkeypatch, capsys):
    table = table_of(monkeypatch, capsys, folder, "baseline", "--folds", 3, "--seeds", 1)
    assert list(table) == ["1"]
    assert len(table["1"]) == 4


def test_a_network_that_was_not_trained_is_told(folder, monkeypatch, capsys):
    with pytest.raises(SystemExit, match="no trainings of 'searched'"):
        table_of(monkeypatch, capsys, folder)


def part_of(folder, fold, place):
    """Give a cross-validation that has the results of one fold of another."""
    (place / f"only-{fold}").mkdir()
    for own in folder.iterdir():
        (place / f"only-{fold}" / own.name).symlink_to(own)
    (place / f"only-{fold}" / "crossval.json").unlink()
    document = Crossval.read(folder / "crossval.json")
    rows = [row for row in document.results if row.fold == fold]
    document.model_copy(update={"results": rows}).write(place / f"only-{fold}" / "crossval.json")
    return place / f"only-{fold}"


def test_networks_are_paired_by_clip(folder, other, monkeypatch, capsys, tmp_path):
    by_fold = [f"{part_of(folder, fold, tmp_path)}:baseline" for fold in ("3", "1")]
    names = [f"{folder}:baseline", f"{folder}:{other}", ",".join(by_fold)]
    monkeypatch.setattr("sys.argv", ["paired.py", *names])
    paired.main()
    against_other, against_itself = capsys.readouterr().out.splitlines()
    hits = [
        sum(row.accuracy * row.test_clips for row in rows_of(folder, name))
        for name in ("baseline", other)
    ]
    clips = sum(row.test_clips for row in rows_of(folder, "baseline"))
    assert f"{100 * (hits[0] - hits[1]) / clips:+.1f} points" in against_other
    assert "+0.0 points (+0.0 to +0.0)" in against_itself
    assert f"4 trainings each, {clips // 2} clips" in against_itself
    (difference,) = Crossval.read(folder / "crossval.json").differences
    assert (difference.network, difference.against) == ("baseline", other)
    assert (difference.trainings, difference.clips) == (4, clips // 2)
    low, high = difference.interval
    told = f"{100 * difference.accuracy:+.1f} points ({100 * low:+.1f} to {100 * high:+.1f})"
    assert told in against_other


def said(monkeypatch, capsys, script, *arguments):
    """Return the lines that a script prints."""
    monkeypatch.setattr("sys.argv", ["script", *map(str, arguments)])
    script.main()
    return capsys.readouterr().out.splitlines()


def test_a_table_of_tests_tells_without_the_networks_what_they_tell(
    folder, other, monkeypatch, capsys, tmp_path
):
    table, parts = tmp_path / "tests.csv", [part_of(folder, fold, tmp_path) for fold in "31"]
    for part in parts:  # one fold after another
        keep = "keep", f"hand={part}:baseline", f"found={part}:{other}", "--to", table
        said(monkeypatch, capsys, kept_tests, *keep)
    before = table.read_text()
    said(monkeypatch, capsys, kept_tests, *keep)  # a fold again, which replaces it
    assert table.read_text() == before

    *rows, found = said(monkeypatch, capsys, kept_tests, "compare", table, "hand", "found")
    told = said(monkeypatch, capsys, paired, f"{folder}:baseline", f"{folder}:{other}")
    interval = r" \(.*? to .*?\)"  # the same groups in another order: other draws
    figures = [re.sub(interval, "", line.rpartition(": ")[2]) for line in (found, *told)]
    assert found.startswith("hand - found: ")
    assert figures[0] == figures[1]
    fold = table.with_name("fold-3.csv")
    said(monkeypatch, capsys, kept_tests, *keep[:3], "--to", fold)
    *_, found = said(monkeypatch, capsys, kept_tests, "compare", fold)
    told = said(monkeypatch, capsys, paired, f"{parts[1]}:baseline", f"{parts[1]}:{other}")
    assert found.rpartition(": ")[2] == told[0].rpartition(": ")[2]

    accuracies = [float(re.search("accuracy ([0-9.]+)", row)[1]) for row in rows]
    hand = rows_of(folder, "baseline")
    assert sorted(accuracies[:4]) == pytest.approx(sorted(row.accuracy for row in hand), abs=6e-4)


def test_a_table_of_tests_tells_what_it_has_not(folder, monkeypatch, capsys, tmp_path):
    table = tmp_path / "tests.csv"
    with pytest.raises(SystemExit, match=r"tests\.csv: no trainings; 'kept_tests\.py keep' adds"):
        said(monkeypatch, capsys, kept_tests, "compare", table)
    for fold in "13":
        part = part_of(folder, fold, tmp_path)
        keep = "keep", f"only-{fold}={part}:baseline", "--to", table
        said(monkeypatch, capsys, kept_tests, *keep)
    with pytest.raises(SystemExit, match="no trainings of 'found'"):
        said(monkeypatch, capsys, kept_tests, "compare", table, "only-1", "found")
    with pytest.raises(SystemExit, match="no fold and seed in common of 'only-1' and 'only-3'"):
        said(monkeypatch, capsys, kept_tests, "compare", table)
    with pytest.raises(SystemExit, match="is not NAME=CROSSVAL"):
        said(monkeypatch, capsys, kept_tests, "keep", str(folder), "--to", table)


def test_fronts_of_a_table_are_told_by_what_they_dominate(monkeypatch, capsys, tmp_path):
    def row(network, macs, accuracy, log_loss, known, fold="1"):
        own = {"fold": fold, "seed": "0", "network": network, "macs": macs, "accuracy": accuracy}
        own |= {"macro_f1": accuracy, "log_loss": log_loss, "known": known, "genotype": "t3e1w1"}
        return dict.fromkeys(kept_tests.COLUMNS, 0) | own

    rows = [
        row("found/1", 100, 0.5, 1.0, "1/2 1/2"),
        row("found/2", 200, 0.75, 0.5, "2/2 1/2"),
        row("drawn/1", 200, 0.5, 2.0, "1/2 1/2"),
        row("drawn/1", 200, 0.5, 2.0, "1/2 1/2", fold="2"),  # where nothing else was found
        row("hand", 100, 1.0, 0.1, "2/2 2/2"),  # no front
    ]
    table = tmp_path / "fronts.csv"
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, kept_tests.COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    found, drawn, *means, against = said(monkeypatch, capsys, kept_tests, "fronts", table)
    assert found == (
        "fold 1, seed 0, found: 2 networks, hypervolume accuracy 0.2500, macro_f1 0.2500, "
        "log_loss 0.2500"
    )
    assert drawn.endswith(
        "1 networks, hypervolume accuracy 0.0000, macro_f1 0.0000, log_loss 0.0000"
    )
    assert means == ["mean of 1, found: accuracy 0.2500", "mean of 1, drawn: accuracy 0.0000"]
    assert against == "found against drawn: +0.2500 (0.2500 to 0.2500)"  # half of either group
    for network in rows[:2]:
        network["known"] = "2/2 0/2"
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, kept_tests.COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    *_, against = said(monkeypatch, capsys, kept_tests, "fronts", table, "found", "drawn")
    assert against == "found against drawn: +0.2500 (0.0000 to 0.5000)"
    with pytest.raises(SystemExit, match=r"fronts\.csv: no networks 'other/1' and so on"):
        said(monkeypatch, capsys, kept_tests, "fronts", table, "found", "other")
    with pytest.raises(SystemExit, match="no networks 'FRONT/1' and so on"):
        said(monkeypatch, capsys, kept_tests, "fronts", tmp_path / "none.csv")


def test_the_trained_members_of_a_run_are_a_front(monkeypatch, capsys, tmp_path):
    generate(tmp_path / "recordings", 0, Plan.tiny(), workers=1)
    config = write_config(tmp_path / "tiny.yaml", data={"workers": 1})
    run = Run.open(config, tmp_path / "recordings", out=tmp_path / "run")
    *_, last = range(len(run.search()))
    (result,) = run.train(str(last))  # the others are no part of it
    table = tmp_path / "fronts.csv"
    said(monkeypatch, capsys, kept_tests, "keep", f"own={run.paths.root}", "--to", table)
    (row,) = kept_tests.read(table)
    assert [row[name] for name in kept_tests.TRAINING] == ["4", "0", "own/1"]
    assert row["genotype"] == result.genotype
    assert [float(row[name]) for name in COLUMNS] == [getattr(result, name) for name in COLUMNS]
    known = sum(int(share.split("/")[0]) for share in row["known"].split())
    assert known == round(result.accuracy * result.test_clips)
    assert int(row["ram_bytes"]) == run.cost(find_network(run, str(last)).genotype).ram_bytes


def test_without_a_fold_in_common_nothing_is_paired(folder, monkeypatch, capsys, tmp_path):
    rows = rows_of(folder, "baseline")
    document = Crossval.read(folder / "crossval.json")
    one = document.model_copy(update={"results": [row for row in rows if row.fold == "1"]})
    other = document.model_copy(update={"results": [row for row in rows if row.fold == "3"]})
    one.write(tmp_path / "one/crossval.json")
    other.write(tmp_path / "other/crossval.json")
    names = [f"{tmp_path / 'one'}:baseline", f"{tmp_path / 'other'}:baseline"]
    monkeypatch.setattr("sys.argv", ["paired.py", *names])
    with pytest.raises(SystemExit, match="no fold and seed in common"):
        paired.main()
