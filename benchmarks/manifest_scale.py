"""Time and memory of making, checking and splitting the manifest of DCASE 2018 Task 5 at full size.

Writes the text files of a set with the published number of clips per class (72,984 four-channel
clips, no audio) to a temporary folder; then a process of its own reads it, writes and reads the
manifest, checks it for leaks and cuts it, and prints seconds per step and its peak memory.

    python benchmarks/manifest_scale.py [--sessions 2000] [--no-groups]
"""

import resource
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import timing
import typer

CLIPS = {
    "absence": 18860,
    "cooking": 5124,
    "dishwashing": 1424,
    "eating": 2308,
    "other": 2060,
    "social_activity": 4944,
    "vacuum_cleaner": 972,
    "watching_tv": 18648,
    "working": 18644,
}


def write_layout(folder: Path, sessions: int, clips_of: Mapping[str, int] = CLIPS) -> None:
    """Write meta.txt and the lists of four folds; each session is heard by the four nodes."""
    rows: list[tuple[str, str]] = []  # line, fold
    number = 0
    for label, clips in clips_of.items():
        segments = clips // 4
        count = max(8, round(sessions * clips / sum(clips_of.values())))
        for part in range(count):
            number += 1
            for segment in range(part * segments // count, (part + 1) * segments // count):
                for node in "1234":
                    name = f"audio/DevNode{node}_ex{number}_{segment}.wav"
                    rows.append((f"{name}\t{label}\tex{number}\n", str(1 + part % 4)))
    (folder / "evaluation_setup").mkdir()
    (folder / "meta.txt").write_text("".join(line for line, _ in rows))
    for fold in "1234":
        test = [line for line, of in rows if of == fold]
        train = [line for line, of in rows if of != fold]
        paths = [line.partition("\t")[0] + "\n" for line in test]
        for part, lines in (("evaluate", test), ("train", train), ("test", paths)):
            (folder / f"evaluation_setup/fold{fold}_{part}.txt").write_text("".join(lines))


def measure(folder: Path, groups: bool) -> None:
    """Read, write, check and cut; print seconds per step and this process's peak memory."""
    from asc_nas.data.manifest import Manifest
    from data_prep.checks.table import leaks
    from data_prep.datasets import read_dataset
    from data_prep.splits import SplitConfig, assign_roles

    begin = last = time.perf_counter()

    def step(name: str) -> None:
        nonlocal last
        now = time.perf_counter()
        print(f"{name:<34} {now - last:6.2f} s")
        last = now

    manifest = read_dataset("dcase2018_task5", folder)
    step(f"read {len(manifest.clips):,} clips")
    manifest.write(folder / "manifest.parquet")
    manifest = Manifest.read(folder / "manifest.parquet")
    step("write and read the manifest")
    found = list(leaks(manifest))
    count = len({clip.group for clip in manifest.clips})
    step(f"check {count:,} groups: {len(found)} leaks")
    if not groups:
        manifest = manifest.with_clips([replace(clip, group="") for clip in manifest.clips])
    for name, config in (
        ("split, fold 1 is the test set", SplitConfig(test_folds=("1",))),
        ("split without folds", SplitConfig()),
    ):
        split = assign_roles(manifest, config, seed=0)
        shares = [len(split.with_role(role)) for role in ("train", "search_val", "test")]
        step(f"{name}")
        print(f"  train, search-val, test: {', '.join(f'{share:,}' for share in shares)}")
    mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{'all':<34} {time.perf_counter() - begin:6.2f} s, peak memory {mib:.0f} MiB")


def main(
    sessions: Annotated[int, typer.Option(help="about so many groups")] = 2000,
    groups: Annotated[bool, typer.Option(help="--no-groups: split clip by clip")] = True,
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_layout(Path(folder), sessions)
        timing.in_a_process(measure, Path(folder), groups)


if __name__ == "__main__":
    timing.run(main)
