"""How well `asc-nas run --budget` keeps its time.

python benchmarks/budget.py CONFIG DATA TIME [--set KEY=VALUE ...] [--out RUN]

A whole run, from the start of the process to its end, into a new folder, or into one that is thrown
away.
"""

import subprocess
import tempfile
from pathlib import Path
from typing import Annotated

import timing
import typer

from asc_nas.run.config import parse_duration
from asc_nas.run.folder import Budget


def main(
    config: Path,
    data: Path,
    time: Annotated[str, typer.Argument(metavar="TIME")],
    settings: Annotated[list[str], typer.Option("--set", metavar="KEY=VALUE")] = (),
    out: Annotated[Path | None, typer.Option(help="keep the run here")] = None,
) -> None:
    changes = [word for change in settings for word in ("--set", change)]
    with tempfile.TemporaryDirectory() as folder:
        run = out or Path(folder) / "run"
        options = ["--data", data, "--out", run, "--budget", time, *changes]
        command = [*timing.ASC_NAS, "run", config, *options]
        seconds = timing.seconds(
            lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        )
        plan = Budget.read(run / "budget.json")
    budget = parse_duration(time)
    print(f"sizes: {plan.settings}")
    print(f"budget {budget:.0f} s, taken {seconds:.0f} s: {seconds / budget - 1:+.1%}")
    timing.print_aims([(f"taken / {time}", seconds / budget, "0.85 to 1.15")])


if __name__ == "__main__":
    timing.run(main)
