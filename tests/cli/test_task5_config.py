"""The config of DCASE 2018 Task 5 runs end to end on the built-in synthetic set."""

import json
from pathlib import Path

import pytest
from tiny import asc_nas_here as asc_nas

from asc_nas.run.folder import RunFolder
from data_prep.synthetic import Plan, generate

pytestmark = pytest.mark.slow
CONFIG = Path(__file__).parents[2] / "configs" / "dcase2018_task5.yaml"
SKELETON = {
    "stem": [{"channels": 4, "stride": [2, 2]}, {"channels": 8, "stride": [2, 2]}],
    "stages": [{"channels": 8, "strides": [[1, 1], [1, 2]]}],
}
SMALL = {
    "skeleton": json.dumps(SKELETON),
    "data.dataset": "synthetic",
    "data.test_folds": "[4]",
    "data.search_val_fraction": 0.34,
    "supernet.epochs": 1,
    "search.population": 4,
    "search.generations": 1,
    "retrain.epochs": 1,
    "retrain.members": 1,
    "baselines": "{}",
}


def test_nine_classes_of_four_channels_go_from_recordings_to_a_model(tmp_path):
    generate(tmp_path / "recordings", 0, Plan.tiny(), workers=1)
    changes = [part for key, value in SMALL.items() for part in ("--set", f"{key}={value}")]
    run = tmp_path / "run"
    done = asc_nas("run", CONFIG, "--data", tmp_path / "recordings", "--out", run, *changes)
    assert done.returncode == 0, done.stderr
    context = RunFolder.open(run)
    assert context.config.frontend.size == (40, 501)
    examples = context.examples("test")
    assert len(examples) == 4 * examples.num_clips
    assert context.config.supernet.augment.shuffle_mix > 0
    card = json.loads((run / "models" / "dcase2018_task5-best.json").read_text())
    assert len(card["labels"]) == 9
    (result,) = [json.loads(path.read_text()) for path in run.glob("retrain/*/result.json")]
    assert card["genotype"] == result["genotype"]
    assert card["results"]["macro_f1"] == pytest.approx(result["macro_f1"])
    assert result["test_clips"] == examples.num_clips
