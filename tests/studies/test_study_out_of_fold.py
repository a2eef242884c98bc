"""Judges are held against trainings alone on the same networks, and what is done is kept."""

from types import SimpleNamespace

import out_of_fold
import pytest
from tiny import write_config

from asc_nas.core.files import read_json
from asc_nas.evaluation.result import Result
from data_prep.synthetic import Plan, generate


def last_table(printed):
    """Return the lines of figures of the last table, without the seconds."""
    lines = printed.split("Kendall's tau")[-1].splitlines()
    return [line for line in lines if line[24:34].strip() in out_of_fold.SIGNS]


@pytest.mark.slow
def test_judges_and_cost_are_compared_and_a_second_call_trains_nothing(
    tmp_path, capsys, monkeypatch
):
    generate(tmp_path / "recordings", 0, Plan.tiny(), workers=1)
    rank = {"repeats": 2, "epochs": 1, "batch_size": 8}
    config = write_config(tmp_path / "tiny.yaml", data={"workers": 1}, rank=rank)
    asked = {"data": tmp_path / "recordings", "folds": 2, "networks": 4, "workers": 1}
    out_of_fold.main(config, tmp_path / "out", **asked)
    lines = last_table(capsys.readouterr().out)
    assert [line[:24].strip() for line in lines][::2] == [
        "MACs alone",
        *("supernet, search-val", "supernet, out-of-fold"),
        *("alone, search-val", "alone, out-of-fold"),
    ]
    # Truths: test, search-val, out-of-fold; log loss agrees with itself.
    taus = [[text.split()[0] for text in line[34:].split(")")[:3]] for line in lines]
    assert taus[-3][1] == taus[-1][2] == "1.00"
    seconds = read_json(tmp_path / "out/seconds.json", out_of_fold.FORMAT)["seconds"]
    assert set(seconds) == {
        f"{step}, {folds}" for step in ("supernets", "judging", "alone") for folds in (1, 2)
    }
    tested = list((tmp_path / "out/folds-1/retrain").glob("*/result.json"))
    assert len(tested) == 4
    assert {Result.read(file).epochs[-1].epoch for file in tested} == {2}

    monkeypatch.setattr("asc_nas.training.trainer.Trainer.fit", None)
    out_of_fold.main(config, tmp_path / "out", **asked)
    assert last_table(capsys.readouterr().out) == lines


def test_scores_are_means_over_the_trainings_of_a_network():
    pairs = [(0.1, 2.0), (0.3, 4.0), (0.5, 1.0), (0.5, 1.0)]
    found = [SimpleNamespace(macro_f1=f1, log_loss=loss) for f1, loss in pairs]
    assert out_of_fold.scores_of(found, 2) == {
        "macro_f1": pytest.approx([0.2, 0.5]),
        "log_loss": pytest.approx([3.0, 1.0]),
    }
