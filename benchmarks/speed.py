"""Everything that is timed, one script after the other, with all aims in one table at the end.

python benchmarks/speed.py DATA RUN [NAME ...] [--budget 10m] [--log FILE]

DATA is the folder of ESC-10. RUN is a run of configs/nasc.yaml on it; if it is not there yet, it is
made first, in the time of --budget, which is measured too. NAME is a script's name without its
ending; without one, all run, which takes long: give the machine nothing else to do. What the
scripts print goes to --log too.
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
AIM = re.compile(r"(?P<what>.+): (?P<measured>\S+) \(aim: (?P<aim>.+)\)")


def commands(data: Path, run: Path, budget: str) -> dict[str, list[str]]:
    """Return the arguments of every script, in the order in which they run."""
    model = str(run / "models" / "nasc-best.onnx")
    clip = str(next(iter(sorted(data.glob("*/*.ogg"))), data))
    return {
        "budget": ["configs/nasc.yaml", str(data), budget, "--out", str(run)],
        "log_mel": [],
        "extraction": [str(data)],
        "training_step": [],
        "busy_machine": [],
        "supernet_step": [],
        "parallel_trainings": [str(run), "--epochs", "100", "--trainings", "2"],
        "population": [str(run)],
        "search_overhead": [str(run)],
        "data_loading": [str(run)],
        "long_recording": [model],
        "cold_start": [model, clip],
        "exported_network": [model],
        "growth": [],
    }


def run_script(name: str, arguments: list[str], log: Path | None) -> list[str]:
    """Run a script, show what it prints, and return its lines."""
    command = [sys.executable, str(HERE / f"{name}.py"), *arguments]
    lines = [f"\n# {name}.py {' '.join(arguments)}\n"]
    print(lines[0], flush=True)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            lines.append(line)
    if process.returncode:
        lines.append(f"{name} failed: 1 (aim: to run; missed)\n")
    if log is not None:
        with log.open("a", encoding="utf-8") as file:
            file.writelines(lines)
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--budget", default="10m")
    parser.add_argument("--log", type=Path)
    arguments = parser.parse_args()
    known = commands(arguments.data, arguments.run, arguments.budget)
    if unknown := [name for name in arguments.names if name not in known]:
        raise SystemExit(f"no script {', '.join(unknown)}. Known: {', '.join(known)}.")
    if arguments.run.exists():
        del known["budget"]
    rows = []
    for name, given in known.items():
        if name == "budget" or name in arguments.names or not arguments.names:
            lines = run_script(name, given, arguments.log)
            rows += [(name, *found.groups()) for line in lines if (found := AIM.match(line))]
    print()
    for name, what, measured, aim in rows:
        print(f"{name:<20}{what:<45}{measured:>8}  {aim}")


if __name__ == "__main__":
    main()
