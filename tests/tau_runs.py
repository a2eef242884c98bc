"""Tiny runs on a generated TAU Urban 2022 Mobile, and its evaluation set."""

import json
from pathlib import Path

import numpy as np
import soundfile
from trees import write_table

from asc_nas.run.run import Run

SMALL = {
    "frontend": {"sample_rate": 8000, "n_mels": 16, "win_length": 320, "n_fft": 320,
                 "hop_length": 160, "seconds": 0.1},
    "skeleton": {"stem": [{"channels": 4, "stride": [2, 2]}],
                 "stages": [{"channels": 8, "strides": [[1, 1], [1, 2]]}]},
    "supernet.epochs": 1,
    "supernet.batch_size": 32,
    "search.population": 4,
    "search.generations": 1,
    "retrain.epochs": 1,
    "retrain.batch_size": 32,
    "retrain.members": 1,
    "retrain.calibrate": False,
    "data.workers": 1,
}  # fmt: skip
"""Settings that make `configs/tau_mobile.yaml` tiny."""


def settings():
    """Return `SMALL` as ``--set`` takes it."""
    return [f"{key}={json.dumps(value)}" for key, value in SMALL.items()]


def tau_run(tree: Path, out: Path, split: int, **changes) -> Run:
    """Return a run on a split whose baselines are trained."""
    config = {
        "name": f"tau{split}",
        "data": {"dataset": "tau_urban_2022_mobile", "folder": str(tree), "split": split},
        "baselines": {"baseline": {"kernels": ["t5", "f5"]}, "square": {"kernels": ["s3"]}},
    }
    run = Run.open(config, settings=SMALL | changes, out=out)
    run.train("baseline", "square")
    return run


def evaluation_set(folder: Path, clips: int = 7, devices: bool = True) -> Path:
    """Write clips without labels and their list, as the organisers publish them."""
    names = ("a", "s1", "s7", "b", "s10", "c", "s3")
    rows = [[f"audio/{number}.wav", names[number % len(names)]] for number in range(clips)]
    header = ["filename", "device_id"]
    table = [row if devices else row[:1] for row in [header, *rows]]
    write_table(folder / "evaluation_setup/fold1_test.csv", table)
    (folder / "audio").mkdir()
    for number in range(clips):
        noise = np.random.default_rng(number).uniform(-0.3, 0.3, 4410)
        soundfile.write(folder / rows[number][0], noise, 44_100, "PCM_24")
    return folder
