"""Try made and mutated files on the command line: no traceback, no hang, bounded memory.

Every case has a number, and is the same for the same seed. A case that is not fine is kept with
its files and what was printed. To try one again: --kind KIND --first NUMBER --count 1.
"""

import argparse
import gc
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["ASC_NAS_MODELS"] = ""
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fuzz import forked
from fuzz.judge import BAD, OK
from fuzz.kinds import KINDS
from fuzz.workspace import write_workspace


@dataclass
class Row:
    """What became of the cases of a kind."""

    cases: int = 0
    answered: int = 0
    slowest: float = 0.0
    largest: float = 0.0
    bad: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def add(self, outcome: forked.Outcome) -> None:
        self.cases += 1
        self.answered += outcome.verdict == OK and outcome.code == 0
        self.slowest = max(self.slowest, outcome.seconds)
        self.largest = max(self.largest, outcome.megabytes)
        if outcome.verdict != OK:
            self.bad[outcome.verdict] += 1


def main() -> int:
    options = _options()
    kinds = options.kind or list(KINDS)
    numbers = range(options.first, options.first + -(-options.count // len(kinds)))
    jobs = [(kind, number) for kind in kinds for number in numbers]
    jobs = jobs[: options.count]
    rows: dict[str, Row] = {kind: Row() for kind in kinds}
    begun, failures = time.monotonic(), 0
    with tempfile.TemporaryDirectory(prefix="asc-nas-fuzz-") as folder:
        workspace = Path(folder)
        # In a process of its own: what it imports would make every fork slower.
        context = multiprocessing.get_context("fork")
        writing = context.Process(target=write_workspace, args=(workspace,))
        writing.start()
        writing.join()
        start = (workspace, options.seed)
        with context.Pool(options.jobs, _begin, start) as pool:
            for done, (kind, number, outcome) in enumerate(pool.imap_unordered(_try, jobs), 1):
                rows[kind].add(outcome)
                if outcome.verdict != OK:
                    failures += 1
                    print(f"{kind} {number}: {outcome.verdict}: {outcome.detail}", flush=True)
                    _keep(options.keep, options.seed, kind, number, outcome)
                if options.verbose and done % 500 == 0:
                    print(f"{done} of {len(jobs)}", file=sys.stderr, flush=True)
    _print(rows, time.monotonic() - begun)
    if failures:
        print(f"\n{failures} cases are not fine; see {options.keep}.")
    return int(failures > 0)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first case of a kind")
    parser.add_argument("--kind", action="append", choices=list(KINDS), help="may be repeated")
    parser.add_argument("--jobs", type=int, default=min(4, os.cpu_count() or 1))
    parser.add_argument("--keep", type=Path, default=Path("fuzz-failures"))
    parser.add_argument("--verbose", action="store_true")
    return parser.parse_args()


def _begin(workspace: Path, seed: int) -> None:
    global _workspace, _seed
    _workspace, _seed = workspace, seed


_workspace: Path
_seed: int


def _try(job: tuple[str, int]) -> tuple[str, int, forked.Outcome]:
    kind = KINDS[job[0]]
    kind.prepare()
    gc.freeze()  # a collection in a forked process would copy all that it looks at
    case = kind.case(_seed, job[1])
    folder = _workspace / "cases" / f"{kind.name}-{job[1]}"
    return *job, forked.run(case, _workspace, folder, kind.megabytes)


def _keep(kept: Path, seed: int, kind: str, number: int, outcome: forked.Outcome) -> None:
    """Write a case and what it printed, to be looked at."""
    folder = kept / f"{kind}-{seed}-{number}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    case = KINDS[kind].case(seed, number)
    for name, content in case.files.items():
        (folder / name.replace("/", "_")).write_bytes(content)
    about = f"{case.made}\n{case.call!r}\n{outcome.verdict}: {outcome.detail}\n\n{outcome.output}"
    (folder / "about.txt").write_text(about, errors="backslashreplace")


def _print(rows: dict[str, Row], seconds: float) -> None:
    columns = ("kind", "cases", "answered", "slowest s", "most MiB", *BAD)
    lines = [columns]
    total = Row()
    for name, row in (*rows.items(), ("all", total)):
        counts = (str(row.bad[verdict]) for verdict in BAD)
        about = (str(row.cases), str(row.answered), f"{row.slowest:.1f}", f"{row.largest:.0f}")
        lines.append((name, *about, *counts))
        if row is not total:
            total.cases += row.cases
            total.answered += row.answered
            total.slowest = max(total.slowest, row.slowest)
            total.largest = max(total.largest, row.largest)
            for verdict, count in row.bad.items():
                total.bad[verdict] += count
    for line in lines:
        print(f"{line[0]:<10}" + "".join(f"{cell:>11}" for cell in line[1:]))
    print(f"{total.cases} cases in {seconds:.0f} s; seconds are processor time, MiB what it added")


if __name__ == "__main__":
    sys.exit(main())
