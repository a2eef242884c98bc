"""Few clips of each class: who is drawn, and that all four methods learn from them."""

import csv
import sys

import few_clips
import pytest
from tiny import write_config

from asc_nas.run.run import Run
from asc_nas.run.start import Start
from data_prep.datasets import read_dataset
from data_prep.synthetic import Plan, generate

ROWS = [
    {"path": f"{label}{group}{take}", "label": label, "group": f"{label}{group}", "fold": "1"}
    for label in "ab"
    for group in range(3)
    for take in range(4)
]


@pytest.mark.parametrize("clips", [2, 3, 5, 100])
def test_as_many_clips_of_each_class_are_drawn_from_as_many_groups_as_there_are(clips):
    found = few_clips.drawn(ROWS, clips, draw=0)
    for label in "ab":
        own = [row for row in found if row["label"] == label]
        assert len(own) == len({row["path"] for row in own}) == min(clips, 12)
        assert len({row["group"] for row in own}) == min(clips, 3)
    assert found == few_clips.drawn(ROWS, clips, draw=0)
    assert clips == 100 or found != few_clips.drawn(ROWS, clips, draw=1)


@pytest.mark.slow
def test_all_methods_learn(tmp_path, monkeypatch, capsys):
    generate(tmp_path / "recordings", 0, Plan.tiny(), workers=1)
    config = write_config(tmp_path / "tiny.yaml")
    run = Run.open(config, tmp_path / "recordings", ["data.workers=1"], out=tmp_path / "run")
    run.train("baseline")
    start = tmp_path / "run/retrain/baseline"
    examples = run.examples("test")
    assert few_clips.features(Start.read(str(start)), examples).shape[0] == len(examples)
    table = tmp_path / "list.csv"
    clips = read_dataset("synthetic", tmp_path / "recordings").clips
    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("path", "label", "fold", "group"))
        for c in clips:
            writer.writerow((f"recordings/{c.path}", c.label, c.fold, c.group))
    arguments = [str(start), str(table), "--out", str(tmp_path / "few"), "--test", "4"]
    quick = ["--frozen", "0.5", "--set", "retrain.epochs=1", "data.workers=1"]
    call = ["few_clips.py", *arguments, "--clips", "3", "--draws", "0", *quick]
    monkeypatch.setattr(sys, "argv", call)
    few_clips.main()
    row = capsys.readouterr().out.splitlines()[-1]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[0] == "3"
    assert len(cells) == 1 + len(few_clips.METHODS)
    assert all(0 <= float(cell.split()[0]) <= 1 for cell in cells[1:])
    started = Run.open(tmp_path / "few/3-0/started-0.5").config.retrain
    scratch = Run.open(tmp_path / "few/3-0/scratch").config.retrain
    assert (started.frozen_share, scratch.frozen_share) == (0.5, 0)
    assert (started.start_from, scratch.start_from) == (str(start), None)
