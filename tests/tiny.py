"""A tiny set and config: the whole job in seconds."""

import os
import subprocess
import sys
from pathlib import Path

import yaml

TINY = {
    "name": "tiny",
    "data": {"dataset": "synthetic", "test_folds": [4], "search_val_fraction": 0.34},
    "frontend": {
        "sample_rate": 16000,
        "n_mels": 20,
        "win_length": 640,
        "hop_length": 640,
        "n_fft": 640,
        "seconds": 1.0,
    },
    "skeleton": {
        "stem": [{"channels": 4, "stride": [1, 1]}, {"channels": 8, "stride": [2, 2]}],
        "stages": [{"channels": 8, "strides": [[1, 1], [2, 2]]}],
    },
    "space": {"kernels": [["t3", "f3"]], "max_paths": 2, "expansions": [1.5, 3], "skip": True},
    "supernet": {
        "epochs": 3,
        "batch_size": 8,
        "learning_rate": 2e-2,
        "checkpoint_every": 1,
    },
    "search": {"population": 8, "generations": 3},
    "retrain": {"members": 2, "epochs": 2},
    "baselines": {"baseline": {"kernels": ["t5", "f5"]}, "square": {"kernels": ["s5"]}},
}


# One thread: networks this small only lose time to waiting threads.
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1"}


def write_config(path: Path, **changes: dict) -> Path:
    """Write the tiny config with some groups updated."""
    values = {key: value | changes.get(key, {}) if isinstance(value, dict) else value
              for key, value in TINY.items()}  # fmt: skip
    values |= {key: value for key, value in changes.items() if key not in TINY}
    path.write_text(yaml.safe_dump(values))
    return path


def command(*arguments: object) -> list[str]:
    """Return the command line of ``asc-nas`` with these arguments."""
    return [sys.executable, "-m", "asc_nas.cli.main", *map(str, arguments)]


def asc_nas(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run ``asc-nas`` in a process of its own."""
    return subprocess.run(
        command(*arguments),
        capture_output=True,
        text=True,
        timeout=300,
        cwd=cwd,
        env=ENVIRONMENT,
        check=False,
    )
