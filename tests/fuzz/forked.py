"""One case in a process of its own, forked from a warm one, within limits of time and memory."""

import contextlib
import os
import resource
import shutil
import signal
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path

from fuzz.calls import CALLS
from fuzz.case import OUT, Case
from fuzz.judge import CRASH, OK, judge

HANG_SECONDS = 10
"""Processor time that a call may take; a busy machine does not count against it."""
WALL_SECONDS = 120
"""Seconds of the clock, for what waits without working."""
SPACE = 4 << 30
"""Bytes of address space on top of what the process has: beyond, memory is refused."""
LARGEST_FILE = 1 << 30


@dataclass(frozen=True)
class Outcome:
    """What became of a case: see `judge.judge` for the verdict."""

    verdict: str
    detail: str
    code: int
    seconds: float
    megabytes: float
    output: str = ""


def run(case: Case, workspace: Path, folder: Path, megabytes: int) -> Outcome:
    """Run a case in the empty folder `folder`, which is removed again."""
    inside = folder / "a" / "b"  # so that a path out of the case's folder is found
    if case.base:
        shutil.copytree(workspace / case.base, inside)
    (inside / OUT).mkdir(parents=True)
    for name, content in case.files.items():
        path = inside / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    before = _state(folder)
    told = folder / "output.txt"
    reader, writer = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if not child:
        os.write(writer, str(_memory()[0]).encode())
        _be_the_child(case, inside, told)
    start = float(os.read(reader, 99))
    os.close(reader)
    os.close(writer)
    _, status, used = os.wait4(child, 0)
    with contextlib.suppress(OSError):
        os.killpg(child, signal.SIGKILL)  # whatever it left running
    output = told.read_text(encoding="utf-8", errors="surrogateescape")
    told.unlink()
    seconds = used.ru_utime + used.ru_stime
    grown = max(0.0, used.ru_maxrss / 1024 - start)
    signalled = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    code = -signalled if signalled else os.WEXITSTATUS(status)
    verdict, detail = judge(code, output, grown, megabytes)
    if verdict == OK and (touched := _touched(before, _state(folder))):
        verdict, detail = CRASH, f"wrote outside of its folder: {touched}"
    shutil.rmtree(folder, ignore_errors=True)
    return Outcome(verdict, detail, code, seconds, grown, output)


def _be_the_child(case: Case, inside: Path, told: Path) -> None:
    code = 99
    try:
        os.setsid()
        output = os.open(told, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        sys.stdout = os.fdopen(1, "w")
        sys.stderr = os.fdopen(2, "w", errors="backslashreplace")
        os.chdir(inside)
        _limit()
        CALLS[case.call[0]](*case.call[1:])
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _limit() -> None:
    _, size = _memory()
    for what, soft in (
        (resource.RLIMIT_AS, int(size) + SPACE),
        (resource.RLIMIT_CPU, HANG_SECONDS),
        (resource.RLIMIT_FSIZE, LARGEST_FILE),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (soft, soft + (what == resource.RLIMIT_CPU)))
    signal.alarm(WALL_SECONDS)


def _memory() -> tuple[float, float]:
    """Return what this process holds, in MiB, and the bytes of its address space."""
    size, held = Path("/proc/self/statm").read_text().split()[:2]
    page = resource.getpagesize()
    return int(held) * page / 2**20, int(size) * page


def _state(folder: Path) -> dict[str, tuple[int, int]]:
    """Return size and time of everything but the folder that may be written to."""
    found = {}
    for place, folders, names in os.walk(folder):
        if Path(place) == folder / "a" / "b":
            folders[:] = [name for name in folders if name != OUT]
        for name in names:
            status = os.lstat(Path(place) / name)
            found[str(Path(place) / name)] = (status.st_size, status.st_mtime_ns)
    return found


def _touched(before: dict[str, tuple[int, int]], after: dict[str, tuple[int, int]]) -> str:
    after = {name: state for name, state in after.items() if not name.endswith("/output.txt")}
    return ", ".join(sorted(name for name, _ in before.items() ^ after.items()))
