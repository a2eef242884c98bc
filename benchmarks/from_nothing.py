"""From nothing to an answer, a model and a submission: what is typed, what is printed, the seconds.

python benchmarks/from_nothing.py ESC-10 [--work DIR] [--python PYTHON] [--out docs/TRANSCRIPTS.md]

ESC-10 is its folder with a folder per class. Each story begins with a new environment and `pip
install` of this checkout. The DCASE tree is generated as the tests do, noise in the published
layout. What is printed is kept as it is, but for the middle of what is long.
"""

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from tau_runs import evaluation_set  # type: ignore[import-not-found]  # noqa: E402
from trees import tau_2022_splits  # type: ignore[import-not-found]  # noqa: E402

SHOWN = 18
"""Lines of a command's output that are kept at its beginning and at its end."""


@dataclass(frozen=True)
class Story:
    """What a new user does, from the environment on."""

    title: str
    about: str
    installs: str
    prepare: Callable[[Path, Path], object]
    commands: Sequence[str]


def a_clip(work: Path, esc10: Path) -> None:
    shutil.copy(sorted(esc10.glob("*Dog*/4-*"))[0], work / "yard.ogg")


def recordings(work: Path, esc10: Path) -> None:
    shutil.copytree(esc10, work / "my_recordings", ignore=shutil.ignore_patterns("*.md"))
    shutil.copy(sorted(esc10.glob("*Rooster*/4-*"))[0], work / "new.ogg")


def dcase_tree(work: Path, esc10: Path) -> None:
    tau_2022_splits(work / "tau")
    evaluation_set(work / "tau2025")


STORIES = [
    Story(
        "A recording classified",
        "Somebody with a recording. The base install is enough.",
        ".",
        a_clip,
        ["asc-nas classify yard.ogg", "asc-nas classify yard.ogg --model esc50 --top 3"],
    ),
    Story(
        "Own recordings to a model",
        "Somebody with a device and recordings in a folder for each class; here they are ESC-10. "
        "Six minutes are short: without `--budget` it trains 200 epochs.",
        ".[search]",
        recordings,
        [
            "asc-nas init my_recordings --max-macs 8M --max-kb 64",
            "asc-nas run my_recordings.yaml --budget 6m",
            "asc-nas evaluate runs/my_recordings best",
            "asc-nas classify new.ogg --model runs/my_recordings/models/my_recordings-best.onnx",
            "asc-nas export runs/my_recordings best --target int8",
            "asc-nas report runs/my_recordings",
        ],
    ),
    Story(
        "A DCASE tree to a result file",
        "Somebody who takes part in DCASE Task 1. The tree has the layout of TAU Urban 2022 Mobile "
        "with few clips, and they are noise: accuracies mean nothing.",
        ".[search]",
        dcase_tree,
        [
            "asc-nas data prepare tau_urban_2022_mobile tau --split 25 --out tau25.parquet",
            "asc-nas data check tau25.parquet",
            "asc-nas run tau_mobile --data tau --limits dcase-task1-fp16 --set data.split=25 "
            "--set supernet.epochs=1 --set search.generations=2 --set search.population=8 "
            "--set retrain.epochs=1 --set retrain.members=1 --out runs/tau25",
            "asc-nas submit runs/tau25 best --year 2025 --label Miller_UNI_task1_1 --half "
            "--evaluation tau2025",
            "head -3 Miller_UNI_task1/task1/Miller_UNI_task1_1/Miller_UNI_task1_1.output.csv",
        ],
    ),
]


def shown(text: str, places: Sequence[str]) -> list[str]:
    """Return the lines that are kept, without the folders they were written in."""
    for place in places:
        text = text.replace(f"{place}/", "").replace(place, ".")
    lines = [line.rstrip() for line in text.strip("\n").splitlines()]
    if len(lines) > 2 * SHOWN + 1:
        lines = [*lines[:SHOWN], "...", *lines[-SHOWN:]]
    return lines


def told(story: Story, esc10: Path, work: Path, python: str) -> list[str]:
    """Do what a user of this story does; return the section of the page."""
    place = work / story.title.replace(" ", "_").lower()
    place.mkdir()
    story.prepare(place, esc10)
    bin_folder = place / "new" / "bin"
    environment = os.environ | {
        "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}",
        "COLUMNS": "110",
    }
    commands = [f"{python} -m venv new", f"new/bin/pip install --quiet '{story.installs}'"]
    section, all_seconds = [f"## {story.title}", "", story.about, "", "```"], 0.0
    for command in [*commands, *story.commands]:
        print(f"$ {command}", flush=True)
        parts = shlex.split(command)
        here = [f"{ROOT}{part[1:]}" if part == story.installs else part for part in parts]
        start = time.perf_counter()
        done = subprocess.run(
            here,
            cwd=place,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        seconds = time.perf_counter() - start
        if done.returncode != 0:
            raise SystemExit(f"{command}: exit code {done.returncode}\n{done.stdout}")
        all_seconds += seconds
        printed = [] if command in commands else shown(done.stdout, [str(place)])
        section += [f"$ {command}", *printed, f"# {seconds:.1f} s", ""]
    return [*section[:-1], "```", "", f"Together {all_seconds:.0f} s.", ""]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("esc10", type=Path)
    parser.add_argument("--work", type=Path, help="a folder for the environments [a new one]")
    parser.add_argument("--python", default="python3")
    parser.add_argument("--out", type=Path, default=ROOT / "docs/TRANSCRIPTS.md")
    asked = parser.parse_args()
    work = Path(tempfile.mkdtemp(dir=asked.work)).resolve()
    page = [
        "# Three beginnings",
        "",
        "What three new users type and see, each in a new environment of this checkout. Written by",
        "`python benchmarks/from_nothing.py ESC-10`; do not edit it. A line with `#` is the time",
        "of the command above it, on two cores; more about the times:",
        "[from nothing](results/from_nothing.md).",
        "",
    ]
    try:
        for story in STORIES:
            page += told(story, asked.esc10.resolve(), work, asked.python)
    finally:
        shutil.rmtree(work)
    asked.out.write_text("\n".join(page).rstrip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
