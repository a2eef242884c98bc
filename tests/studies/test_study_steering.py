"""What steers a search is held against trainings that the search has not seen."""

import math

import predictors
import pytest
import steering
from tiny import write_config

from asc_nas.run.run import Run
from asc_nas.run.standalone import Standalone
from data_prep.synthetic import Plan, generate


@pytest.mark.slow
def test_other_seeds_and_longer_trainings_are_made_once_and_compared(tmp_path, capsys, monkeypatch):
    generate(tmp_path / "recordings", 0, Plan.tiny(), workers=1)
    config = write_config(
        tmp_path / "tiny.yaml",
        data={"workers": 1},
        search={"judge": "training", "population": 4, "generations": 2},
        rank={"epochs": 1, "batch_size": 8},
    )
    run = Run.open(config, tmp_path / "recordings", out=tmp_path / "run")
    run.search()
    seen = {file.name for file in run.standalone.glob("*.json")}

    steering.main(run.paths.root, workers=1)
    lines = [line for line in capsys.readouterr().out.splitlines() if "log_loss" in line]
    assert [line[:26].strip() for line in lines] == [
        *("surrogate, left out", "the same, trained", "MACs", "parameters")
    ]
    again = [Standalone.read(file) for file in run.standalone.glob("*.json")]
    assert len(again) == 2 * len(seen)
    assert sorted(alone.seed for alone in again) == [0] * len(seen) + [1] * len(seen)

    steering.main(run.paths.root, epochs=2, networks=4, workers=1)  # seed 0, which is not seen
    assert len(list(run.standalone.glob("*.json"))) == 2 * len(seen) + 4
    assert "4 networks" in capsys.readouterr().out

    steering.main(run.paths.root, networks=4, folds=2, seeds=2, workers=1)
    out = capsys.readouterr().out
    assert "out-of-fold in 2 parts" in out
    assert sum(line.startswith("one seed with the others") for line in out.splitlines()) == 2
    again = [Standalone.read(file) for file in run.standalone.glob("*.json")]
    assert len(again) == 2 * len(seen) + 4 + 8

    predictors.main(run.paths.root, batches=2)
    rows = rows_of(capsys.readouterr().out, "log_loss")
    assert list(rows) == [
        *("MACs", "parameters", "naswot", "synflow", "grad_norm", "zico"),
        *("surrogate, left out", "... with naswot", "... with synflow", "... with grad_norm"),
        *("... with zico", "... with all"),
    ]
    assert len({rows[name] for name in list(rows)[:6]}) > 1  # they measure different things
    assert not any(math.isnan(tau) for tau in rows.values())

    monkeypatch.setattr("asc_nas.training.trainer.Trainer.fit", None)
    steering.main(run.paths.root, workers=1)
    out = capsys.readouterr().out.splitlines()
    assert [line for line in out if "log_loss" in line] == lines


@pytest.mark.slow
def test_of_a_ranked_run_the_score_with_shared_weights_is_a_feature_too(tmp_path, capsys):
    generate(tmp_path / "recordings", 0, Plan.tiny(), workers=1)
    config = write_config(
        tmp_path / "tiny.yaml",
        data={"workers": 1},
        supernet={"epochs": 1},
        rank={"epochs": 1, "batch_size": 8, "networks": 5},
    )
    run = Run.open(config, tmp_path / "recordings", out=tmp_path / "run")
    ranking = run.rank()
    predictors.main(run.paths.root, batches=2)
    rows = rows_of(capsys.readouterr().out, "log_loss")
    assert "... with supernet" in rows
    told = next(row for row in ranking.agreement if row.predictor == "log_loss")
    assert rows["supernet"] == pytest.approx(told.log_loss.tau, abs=0.005)


def rows_of(out, score):
    """Return the tau over all costs of every row of a score, by what it is of."""
    rows = [line for line in out.splitlines() if line[26:36].strip() == score]
    return {row[:26].strip(): float(row[36:].split()[0]) for row in rows}
