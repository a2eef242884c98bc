"""What a process may use of the machine."""

import os
import platform
import subprocess
import sys

import pytest

SCRIPT = """
import resource, sys
from asc_nas.core.machine import keep_freed_memory
if sys.argv[1] == "keep":
    assert keep_freed_memory()
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
blocks = [bytearray(8 << 20) for _ in range(4)]
del blocks
before = faults()
for _ in range(50):
    bytearray(8 << 20)
print(faults() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="it is about the allocator of glibc")
def test_freed_memory_is_used_again_without_asking_the_kernel():
    def page_faults(how):
        command = [sys.executable, "-c", SCRIPT, how]
        return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    assert page_faults("keep") < page_faults("give back") / 10


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="it is about GNU OpenMP")
@pytest.mark.parametrize(
    ("given", "shown"),
    [({}, "1000"), ({"GOMP_SPINCOUNT": "77"}, "77"), ({"OMP_WAIT_POLICY": "PASSIVE"}, "0")],
)
def test_commands_wait_briefly_unless_the_user_says_otherwise(given, shown, tmp_path):
    kept = {n: v for n, v in os.environ.items() if n not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")}
    run = tmp_path / "no_run"
    script = f"from asc_nas.cli.main import main; main(['search', {str(run)!r}])"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**kept, **given, "OMP_DISPLAY_ENV": "VERBOSE"},
        capture_output=True,
        text=True,
        check=False,  # there is no such run
    )
    assert f"GOMP_SPINCOUNT = '{shown}'" in done.stderr
