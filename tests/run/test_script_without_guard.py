"""A script that starts worker processes, without the guard that keeps them from doing all anew."""

import subprocess
import sys

import pytest
from tiny import ENVIRONMENT, PATIENCE, write_config

from data_prep.synthetic import Plan, generate

pytestmark = pytest.mark.slow


def test_it_is_told_and_does_not_wait_for_itself(tmp_path):
    generate(tmp_path / "recordings", 0, Plan.tiny(), workers=1)
    config = write_config(tmp_path / "tiny.yaml", data={"workers": 2})
    script = tmp_path / "script.py"
    script.write_text(
        "import asc_nas\n"
        f"run = asc_nas.Run.open({str(config)!r}, {str(tmp_path / 'recordings')!r}, "
        f"out={str(tmp_path / 'run')!r})\n"
        "run.prepare()\n"
    )
    done = subprocess.run(
        [sys.executable, script],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env=ENVIRONMENT,
        check=False,
    )
    assert done.returncode == 1
    assert 'if __name__ == "__main__":' in done.stderr
    text = script.read_text().replace("run = ", "if __name__ == '__main__':\n    run = ")
    script.write_text(text.replace("\nrun.prepare", "\n    run.prepare"))
    subprocess.run([sys.executable, script], check=True, timeout=PATIENCE, env=ENVIRONMENT)
