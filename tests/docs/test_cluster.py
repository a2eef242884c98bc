"""The job scripts of the guide for clusters, run by bash without Slurm, on noise like ESC-10."""

import os
import re
import shlex
import shutil
import subprocess
import sys

import pytest
from documented import ROOT
from test_tutorial import SMALL, work  # noqa: F401
from tiny import PATIENCE

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here"),
]
PAGE = (ROOT / "docs/guides/cluster.md").read_text(encoding="utf-8")
SCRIPTS = {
    re.search(r"--job-name=(\w+)", body)[1]: body
    for body in re.findall(r"^```bash\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
}
SNIPPETS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
SHIM = """#!/bin/bash
case "$1" in
    run|rank|train) exec {python} -m asc_nas.cli.main "$@" {small} ;;
    *) exec {python} -m asc_nas.cli.main "$@" ;;
esac
"""


def tasks(name):
    """Return the first and the last number of the script's array; of the features all."""
    array = re.search(r"^#SBATCH --array=(\d+)-(\d+)$", SCRIPTS[name], re.MULTILINE)
    first, last = map(int, array.groups()) if array else (0, 0)
    return [str(n) for n in range(first, last + 1) if name == "features" or n in (first, last)]


@pytest.fixture
def environment(work):  # noqa: F811
    """A shared folder with the recordings, and an ``asc-nas`` that makes everything small."""
    small = SMALL | {"rank.networks": 4, "rank.repeats": 1, "rank.epochs": 1, "data.workers": 1}
    del small["frontend"]  # the shared features are of the config's own
    settings = shlex.join(part for key, v in small.items() for part in ("--set", f"{key}={v}"))
    shim = work / "bin" / "asc-nas"
    shim.parent.mkdir()
    shim.write_text(SHIM.format(python=shlex.quote(sys.executable), small=settings))
    shim.chmod(0o755)
    return os.environ | {
        "SHARED": str(work),
        "PATH": f"{shim.parent}:{os.environ['PATH']}",
        "OMP_NUM_THREADS": "1",
    }


def run(body, task, environment, **variables):
    done = subprocess.run(
        ["bash", "-c", body],
        env=environment | {"SLURM_ARRAY_TASK_ID": task} | variables,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, f"{body}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_the_scripts_do_what_the_guide_says(work, environment):  # noqa: F811
    told, alone = {}, {"SLURM_CPUS_PER_TASK": "1"}
    for name, body in SCRIPTS.items():
        first, *others = tasks(name)
        told[name, first] = run(body, first, environment)  # as many workers as without Slurm
        for task in others:  # one each: workers would import everything again
            told[name, task] = run(body, task, environment, **alone)
    for out in ("fold1-seed0", "fold4-seed1"):
        assert (work / "runs" / out / "models" / "esc10-best.onnx").exists()
        assert (work / "runs" / out / "features").resolve() == work / "features"
    trained = work / "runs" / "fold1-seed0" / "retrain"
    assert {"baseline-seed4", "square-seed4"} <= {path.name for path in trained.iterdir()}
    ranked = [(work / "runs" / f"rank-{s}" / "rank") for s in ("strict_fair", "uniform")]
    assert all((folder / "rank.json").exists() for folder in ranked)
    assert len(list((work / "alone").glob("*.json"))) == 4  # of both rankings together
    # As after a preemption at the very end:
    again = run(SCRIPTS["folds"], "7", environment, **alone)
    assert "esc10-best.onnx" in again
    assert set(told) >= {
        ("features", "1"),
        ("features", "4"),
        ("folds", "0"),
        ("folds", "7"),
        ("rank", "1"),
    }

    (snippet,) = SNIPPETS
    shown = subprocess.run(
        [sys.executable, "-c", snippet], capture_output=True, text=True, check=True
    ).stdout
    assert re.search(
        r"^baseline +4 trainings: macro-F1 0\.\d{3} \+- 0\.\d{3}$", shown, re.MULTILINE
    )


@pytest.mark.parametrize("name", SCRIPTS)
def test_what_slurm_reads_stands_before_the_first_command(name):
    lines = SCRIPTS[name].splitlines()
    assert lines[0] == "#!/bin/bash"
    first = next(i for i, line in enumerate(lines) if not line.startswith("#"))
    assert lines[first] == "set -euo pipefail"  # without it, a script goes on after a failure
    assert not [line for line in lines[first:] if line.startswith("#SBATCH")]
