"""A tiny set and config: the whole job in seconds."""

import io
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TypeVar

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
    "supernet": {"epochs": 3, "batch_size": 8, "learning_rate": 2e-2, "checkpoint_every": 1},
    "search": {"population": 8, "generations": 3},
    "retrain": {"members": 2, "epochs": 2},
    "baselines": {"baseline": {"kernels": ["t5", "f5"]}, "square": {"kernels": ["s5"]}},
}


PATIENCE = 1800.0
"""Seconds: only keeps a test from hanging for ever, so far longer than a busy machine needs."""
Found = TypeVar("Found")

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
        timeout=PATIENCE,
        cwd=cwd,
        env=ENVIRONMENT,
        check=False,
    )


class _Kept(io.BytesIO):
    """Bytes that can be read when the stream that wrote them is closed."""

    def close(self) -> None:
        pass


def asc_nas_here(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run ``asc-nas`` as `asc_nas` does but in this process, which has imported everything.

    For tests of what a command does, not of its process.
    """
    from asc_nas.cli.main import main

    given = [*map(str, arguments)]
    told = _Kept(), _Kept()
    out, err = (io.TextIOWrapper(kept, "utf-8") for kept in told)
    with chdir(cwd or Path.cwd()), redirect_stdout(out), redirect_stderr(err):
        try:
            main(given)
            code = 0
        except SystemExit as ended:
            code = ended.code
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
    assert code is None or isinstance(code, int)
    return subprocess.CompletedProcess(
        ["asc-nas", *given], code or 0, *(kept.getvalue().decode() for kept in told)
    )


STOPPING = """
import os, sys
from pathlib import Path
from asc_nas.cli.main import main
path, left, replace = Path(sys.argv.pop(1)), int(sys.argv.pop(1)), os.replace
def replace_and_stop(source, target):
    global left
    replace(source, target)
    left -= Path(target) == path
    if not left:
        print("stopped", flush=True)
        sys.stdin.read()
os.replace = replace_and_stop
main(sys.argv[1:])
"""


def kill_when_written(path: Path, times: int, *arguments: object) -> None:
    """Run ``asc-nas`` and kill it (SIGKILL) as soon as it has written `path` so many times."""
    process = subprocess.Popen(
        [sys.executable, "-c", STOPPING, path, str(times), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=ENVIRONMENT,
    )
    with process:
        assert "stopped\n" in process.stdout, "it ended before it could be killed"
        process.kill()


def wait_until(condition: Callable[[], Found]) -> Found:
    """Wait for something to become true, however long that takes, and return it."""
    end = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)
    return found


def is_running(process: int) -> bool:
    """Tell whether there is such a process, and not only its exit code."""
    try:
        os.kill(process, 0)
        status = Path(f"/proc/{process}/stat").read_text()
    except (ProcessLookupError, FileNotFoundError):
        return False
    return status.rpartition(")")[2].split()[0] != "Z"
