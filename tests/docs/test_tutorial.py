"""The tutorial's commands, in their order, on noise laid out like ESC-10."""

import json
import shutil

import numpy as np
import pytest
import soundfile
from documented import ROOT, commands
from typer.testing import CliRunner

from asc_nas.cli.main import app

pytestmark = pytest.mark.slow
CLASSES = ("Dog bark", "Rain", "Sea waves", "Baby cry", "Clock tick", "Person sneeze", "Helicopter",
           "Chainsaw", "Rooster", "Fire crackling")  # fmt: skip
CLASSIFIED = ("4-125929-A.ogg", "4-160999-A.ogg", "4-164021-A.ogg")
SMALL = {
    "frontend": json.dumps({"sample_rate": 8000, "n_mels": 16, "win_length": 320, "n_fft": 320,
                            "hop_length": 320, "seconds": 1.0}),
    "skeleton": json.dumps({"stem": [{"channels": 4, "stride": [2, 2]}],
                            "stages": [{"channels": 8, "strides": [[1, 1], [1, 1]]}]}),
    "supernet.epochs": 1,
    "search.population": 4,
    "search.generations": 1,
    "retrain.epochs": 1,
    "retrain.members": 1,
}  # fmt: skip


@pytest.fixture
def work(tmp_path, monkeypatch):
    """A folder with ESC-10's layout of four folds, the three clips of the last step among them."""
    rng = np.random.default_rng(0)
    for number, name in enumerate(CLASSES, 1):
        folder = tmp_path / "ESC-10" / f"{number:03} - {name}"
        folder.mkdir(parents=True)
        files = [f"{fold}-{number}0{fold}-A.ogg" for fold in (1, 2, 3)]
        files.append(CLASSIFIED[number - 1] if number <= len(CLASSIFIED) else f"4-{number}04-A.ogg")
        for file in files:
            soundfile.write(folder / file, rng.uniform(-0.3, 0.3, 8000), 8000)
    (tmp_path / "recordings").mkdir()
    for file in CLASSIFIED:
        shutil.copy(next((tmp_path / "ESC-10").glob(f"*/{file}")), tmp_path / "recordings")
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_commands_of_the_tutorial_follow_one_another(work):
    retrain = work / "runs" / "nasc" / "retrain"
    said, instead = {}, {}  # `instead`: for members that a tiny Pareto set does not have
    for command in commands(ROOT / "docs" / "TUTORIAL.md"):
        arguments = [instead.get(argument, argument) for argument in command.arguments]
        if arguments[0] == "run":
            arguments += [part for key, v in SMALL.items() for part in ("--set", f"{key}={v}")]
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code == 0, f"{command}\n{done.output}\n{done.exception}"
        said[arguments[0]] = done.output
        if arguments[0] == "run":
            trained = next(path.name for path in retrain.iterdir() if path.name.isdigit())
            instead = {"11": trained, "8": "t3e1w1 f3e1w1"}
    assert {"doctor", "data", "run", "evaluate", "report", "train", "export", "classify"} <= set(
        said
    )
    assert all(file in said["classify"] for file in CLASSIFIED)
    assert (work / "runs" / "nasc" / "report" / "report.html").stat().st_size > 1_000_000
    assert (work / "runs" / "nasc" / "models" / "nasc-baseline.onnx").exists()
    assert len(list(retrain.glob("*-seed1"))) == 5
