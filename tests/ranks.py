"""Several ranks: threads that exchange tensors, and processes that ``torchrun`` starts."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import torch
from tiny import ENVIRONMENT, PATIENCE


def in_threads(size, work):
    """Call ``work(number, gather)`` in a thread per rank; return their results in order."""
    there, given = threading.Barrier(size, timeout=PATIENCE), [None] * size

    def rank(number):
        def gather(values):
            given[number] = values
            there.wait()
            found = torch.stack(given)
            there.wait()  # all have read
            return found

        try:
            return work(number, gather)
        except BaseException:
            there.abort()  # or the others would wait
            raise

    with ThreadPoolExecutor(size) as pool:
        return list(pool.map(rank, range(size)))


def torchrun(*arguments, ranks=2):
    """Let ``torchrun`` start `ranks` processes: a script or ``-m MODULE``, and its arguments."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    return subprocess.run(
        [*launcher, "--nproc-per-node", str(ranks), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env=ENVIRONMENT,
        check=False,
    )
