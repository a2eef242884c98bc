"""What steers a search is held against trainings that the search has not seen."""

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

    monkeypatch.setattr("asc_nas.training.trainer.Trainer.fit", None)
    steering.main(run.paths.root, workers=1)
    out = capsys.readouterr().out.splitlines()
    assert [line for line in out if "log_loss" in line] == lines
