"""Worker processes that are killed, and workers whose parent is: no orphan, no hang, same bytes.

What workers do does not depend on their number, so one process goes on where several were stopped.
"""

import math
import os
import random
import signal
from contextlib import suppress
from pathlib import Path

import pytest
from fault_cases import MANY, copied, go_on, session
from tiny import wait_until

pytestmark = pytest.mark.slow

POOLS = ("data.workers", "search.workers", "retrain.workers") if MANY else ("retrain.workers",)
"""Settings that spread a step over processes."""


START = 2.5
"""Seconds on the processor that a worker needs to start, about; then it takes jobs."""


def in_two(step, pool):
    """Return the arguments of a step with two workers in one of its parts."""
    return (*step.arguments, "--set", f"{pool}=2")


def workers_of(process):
    return [one for one, line in session(process).items() if "spawn_main" in line]


def worked(process):
    """Return how long a process has been on the processor, in seconds; for ever once it ended."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return math.inf
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("who", ["worker", "parent"])
def test_a_killed_process(server, steps, faults, tmp_path, pool, who):
    step, count, rng = steps["run"], MANY // 6 or 1, random.Random(f"{who} {pool}")
    for number in range(count):
        folder = copied(step.before, tmp_path / str(number))
        moment = 1.5 * START * (number + rng.random()) / count
        with faults.trial(f"{who} killed, {pool}=2", moment):
            process = server.begin(folder, in_two(step, pool))
            wait_until(lambda: len(workers_of(process)) == 2 or not session(process))  # noqa: B023
            for worker in workers_of(process)[:1]:
                wait_until(lambda: worked(worker) >= moment)  # noqa: B023
                with suppress(ProcessLookupError):
                    os.kill(worker if who == "worker" else process, signal.SIGKILL)
            done = server.end(process)  # and so do all processes that it has started
            if done.code > 0:
                assert "worker process" in done.one_sentence()
            assert done.code >= 0 or who == "parent"
            go_on(server, step, folder, done)
