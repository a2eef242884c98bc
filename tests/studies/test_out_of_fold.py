"""Judges are held against trainings alone on the same networks, and what is done is kept."""

import out_of_fold
import pytest
from tiny import write_config

from asc_nas.core.files import read_json
from asc_nas.evaluation.result import Result
from data_prep.synthetic import Plan, generate


@pytest.mark.slow
def test_both_judges_and_cost_are_compared_and_a_second_call_trains_nothing(
    tmp_path, capsys, monkeypatch
):
    generate(tmp_path / "recordings", 0, Plan.tiny(), workers=1)
    rank = {"repeats": 2, "epochs": 1, "batch_size": 8}
    config = write_config(tmp_path / "tiny.yaml", data={"workers": 1}, rank=rank)
    asked = {"data": tmp_path / "recordings", "folds": 2, "networks": 4, "workers": 1}
    out_of_fold.main(config, tmp_path / "out", **asked)
    first = capsys.readouterr().out
    table = first.partition("Kendall's tau")[2]
    lines = [line for line in table.splitlines() if line[20:30].strip() in out_of_fold.SIGNS]
    judges = [line[:20].strip() for line in lines]
    assert judges[::2] == [
        "search-val", "out-of-fold", "MACs alone", "alone, search-val", "alone, out-of-fold",
    ]  # fmt: skip
    assert lines[-3][30:].split()[0] == lines[-1][30:].split()[4] == "1.00"  # with themselves
    seconds = read_json(tmp_path / "out/seconds.json", out_of_fold.FORMAT)["seconds"]
    assert set(seconds) == {
        f"{step}, {folds}" for step in ("supernets", "judging", "alone") for folds in (1, 2)
    }
    tested = list((tmp_path / "out/folds-1/retrain").glob("*/result.json"))
    assert len(tested) == 4
    assert {Result.read(file).epochs[-1].epoch for file in tested} == {2}

    monkeypatch.setattr("asc_nas.training.trainer.Trainer.fit", None)
    out_of_fold.main(config, tmp_path / "out", **asked)
    assert (
        capsys.readouterr().out.partition("Kendall's tau")[2].partition("\nproc")[0]
        == (table.partition("\nproc")[0])
    )


def test_scores_are_means_over_the_trainings_of_a_network():
    found = [Scores(0.1, 2.0), Scores(0.3, 4.0), Scores(0.5, 1.0), Scores(0.5, 1.0)]
    assert out_of_fold.scores_of(found, 2) == {
        "macro_f1": pytest.approx([0.2, 0.5]),
        "log_loss": pytest.approx([3.0, 1.0]),
    }


class Scores:
    def __init__(self, macro_f1, log_loss):
        self.macro_f1, self.log_loss = macro_f1, log_loss
