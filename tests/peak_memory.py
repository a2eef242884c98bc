"""What some lines of Python need, in a process of their own."""

import resource
import subprocess
import sys

import pytest

_SAY = """
import sys
from pathlib import Path
from asc_nas.core.errors import AscNasError
try:
    {lines}
except AscNasError as error:
    print(error)
status = Path("/proc/self/status").read_text()
print(int(status.split("VmHWM:")[1].split()[0]) // 1024)
"""


def _limit() -> None:  # whatever happens, the machine lives
    resource.setrlimit(resource.RLIMIT_AS, (2**33, 2**33))


def peak(lines: str, *arguments: object) -> tuple[str, int]:
    """Run lines that use ``sys.argv``; return what they print, or their error, and the MiB."""
    if not sys.platform.startswith("linux"):
        pytest.skip("what a process needed is only known on Linux")
    code = _SAY.format(lines=lines.replace("\n", "\n    "))
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=_limit,
    )
    assert done.returncode == 0, done.stderr
    *told, megabytes = done.stdout.splitlines()
    return "\n".join(told), int(megabytes)
