"""TAU Urban 2022 Mobile and DCASE 2018 Task 5 at full size: every step, and hours from there.

python benchmarks/full_size.py tau|task5 FOLDER [--workers 2] [--share 1] [--last prepare]

In FOLDER (which is kept; what is done there is not done again) a tree of the published layout is
made, with the published number of clips in their full length; the audio is noise, and names that
share a recording are links to one file, so that the tree takes little room. Then a manifest is
made, checked, and its features are extracted; on some thousand clips of it a supernet, a search, a
training and a test are done for one epoch or generation each. Every step is a process of its own:
seconds, processor seconds of it and its workers, its memory (the largest of its processes).

The hours of the whole config are told from processor seconds, so they hold on a busy machine too:
what `asc-nas run --budget` measures, on one thread, times what the config asks for. --share makes a
tree with a part of the clips; --last ends after a step.
"""

import random
import resource
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated

import timing
import typer

from asc_nas.run.run import Run

DEVICES = {"a": 7430, "b": 1087, "c": 1087, "s1": 1087, "s2": 1087, "s3": 1087}
"""Recording devices of the segments of 10 s in the training list; 13,965 of them in all."""
TESTED = ("a", "b", "c", "s1", "s2", "s3", "s4", "s5", "s6")
TRAINED_SEGMENTS, TESTED_SEGMENTS, SEGMENTS = 13_962, 2_968, 23_035
SCENES = (
    *("airport", "bus", "metro", "metro_station", "park", "public_square", "shopping_mall"),
    *("street_pedestrian", "street_traffic", "tram"),
)
CITIES = ("barcelona", "helsinki", "lisbon", "london", "lyon", "milan", "paris", "prague", "vienna")
RECORDINGS = 64
"""Different files of noise."""

KEPT = {"train": 512, "search_val": 256, "test": 512}
"""Clips of the run of one epoch."""

ONE_OF_EACH = {
    "supernet.epochs": 1,
    "supernet.warmup_epochs": 0,
    "search.generations": 1,
    "search.population": 4,
    "retrain.epochs": 1,
    "retrain.warmup_epochs": 0,
    "retrain.members": 1,
    "retrain.calibrate": False,
    "data.workers": 1,
}


def write_recordings(folder: Path, seconds: int, rate: int, channels: int, subtype: str) -> None:
    import numpy as np
    import soundfile

    folder.mkdir(parents=True)
    for number in range(RECORDINGS):
        rng = np.random.default_rng(number)
        noise = np.cumsum(rng.normal(0, 1, (seconds * rate, channels)), axis=0)
        noise -= noise.mean(0)
        level = 10 ** rng.uniform(-2, -0.2)
        soundfile.write(folder / f"{number}.wav", noise / abs(noise).max() * level, rate, subtype)


def link(tree: Path, paths: list[str]) -> None:
    (tree / "audio").mkdir()
    for number, path in enumerate(paths):
        (tree / path).hardlink_to(tree / "noise" / f"{number % RECORDINGS}.wav")


def write_list(path: Path, header: list[str], rows: list[list[str]]) -> None:
    lines = ["\t".join(row) + "\n" for row in ([header] if header else []) + rows]
    path.write_text("".join(lines))


def write_tau(tree: Path, share: float) -> None:
    """Write the lists of 2022, with those of the splits, and the clips of 1 s."""
    write_recordings(tree / "noise", 1, 44_100, 1, "PCM_24")
    rng = random.Random(0)
    lists: dict[str, list[list[str]]] = {"train": [], "test": [], "": []}
    names, weights = list(DEVICES), list(DEVICES.values())
    for number in range(round(SEGMENTS * share)):
        part = rng.choices(
            ("train", "test", ""),
            (TRAINED_SEGMENTS, TESTED_SEGMENTS, SEGMENTS - TRAINED_SEGMENTS - TESTED_SEGMENTS),
        )[0]
        scene, city = SCENES[number % len(SCENES)], CITIES[number // len(SCENES) % len(CITIES)]
        place = f"{city}-{1000 + number % 7 + (10 if part == 'test' else 0)}"
        device = rng.choices(names, weights)[0] if part == "train" else rng.choice(TESTED)
        for second in range(10):
            path = f"audio/{scene}-{place}-{number}-{second}-{device}.wav"
            lists[part].append([path, scene, place, device])
    every = [row for rows in lists.values() for row in rows]
    setup = tree / "evaluation_setup"
    setup.mkdir()
    write_list(tree / "meta.csv", ["filename", "scene_label", "identifier", "source_label"], every)
    header = ["filename", "scene_label"]
    write_list(setup / "fold1_train.csv", header, [row[:2] for row in lists["train"]])
    write_list(setup / "fold1_evaluate.csv", header, [row[:2] for row in lists["test"]])
    write_list(setup / "fold1_test.csv", header[:1], [row[:1] for row in lists["test"]])
    for percent in (5, 10, 25, 50, 100):
        kept = [
            row[:2] for row in lists["train"] if int(row[0].split("-")[3]) // 10 % 20 < percent / 5
        ]
        write_list(setup / f"split{percent}.csv", header, kept)
    link(tree, [row[0] for row in every])


def write_task5(tree: Path, share: float) -> None:
    """Write meta.txt, the lists of four folds, and the clips of 10 s in four channels."""
    from manifest_scale import CLIPS, write_layout

    write_recordings(tree / "noise", 10, 16_000, 4, "PCM_16")
    clips = {label: max(64, round(count * share)) for label, count in CLIPS.items()}
    write_layout(tree, round(2000 * share) or 1, clips)
    link(tree, [line.split("\t")[0] for line in (tree / "meta.txt").read_text().splitlines()])


SETS: dict[str, tuple[str, str, Callable[[Path, float], None], dict[str, object]]] = {
    "tau": ("tau_urban_2022_mobile", "tau_mobile", write_tau, {"data.split": 25}),
    "task5": ("dcase2018_task5", "dcase2018_task5", write_task5, {}),
}
"""By name: the dataset, its config, what writes its tree, and settings of the run."""


def opened(which: str, folder: Path, **settings: object) -> Run:
    _, config, _, own = SETS[which]
    return Run.open(config, data=folder / "tree", out=folder / "run", settings=own | settings)


def opened_small(which: str, folder: Path) -> Run:
    """Return the run on few clips, one epoch of each."""
    _, config, _, own = SETS[which]
    small = {"data.exclude": str(folder / "left_out.txt")}
    return Run.open(
        config, data=folder / "tree", out=folder / "small", settings=own | small | ONE_OF_EACH
    )


def prepare(which: str, folder: Path, workers: int) -> int:
    from data_prep.datasets import read_dataset

    manifest = read_dataset(SETS[which][0], folder / "tree")
    manifest.write(folder / "manifest.parquet")
    return len(manifest.clips)


def check(which: str, folder: Path, workers: int) -> int:
    from asc_nas.data.manifest import Manifest
    from data_prep.checks import check as look

    manifest = Manifest.read(folder / "manifest.parquet")
    look(manifest, workers=workers)
    return len(manifest.clips)


def features(which: str, folder: Path, workers: int) -> int:
    manifest = opened(which, folder, **{"data.workers": workers}).prepare()
    kept = {role: set() for role in ("train", "search_val", "test")}
    for clip in random.Random(0).sample(manifest.clips, len(manifest.clips)):
        if len(kept[clip.role]) < KEPT[clip.role]:
            kept[clip.role].add(clip.key)
    left_out = [clip.key for clip in manifest.clips if clip.key not in kept[clip.role]]
    (folder / "left_out.txt").write_text("".join(f"{key}\n" for key in left_out))
    return len(manifest.clips)


def small_features(which: str, folder: Path, workers: int) -> int:
    return len(opened_small(which, folder).prepare().clips)


def supernet(which: str, folder: Path, workers: int) -> int:
    run = opened_small(which, folder)
    run.supernet()
    return len(run.examples("train"))


def search(which: str, folder: Path, workers: int) -> int:
    run = opened_small(which, folder)
    run.search()
    return len(run.examples("search_val")) * run.config.search.population


def train(which: str, folder: Path, workers: int) -> int:
    run = opened_small(which, folder)
    run.train("baseline")
    return len(run.examples("train", "search_val"))


def evaluate(which: str, folder: Path, workers: int) -> int:
    run = opened_small(which, folder)
    run.evaluate("baseline")
    return len(run.examples("test"))


def plan(which: str, folder: Path, workers: int) -> dict[str, float]:
    """Return core hours of the steps of the whole config, on all clips."""
    import torch

    from asc_nas.run import work

    torch.set_num_threads(1)
    work.time = SimpleNamespace(perf_counter=time.process_time)  # type: ignore[attr-defined]
    run = opened(which, folder, **{"search.workers": 1, "retrain.workers": 1})
    steps = work.measure(run).of(
        {
            "supernet": run.config.supernet.epochs,
            "search": run.config.search.generations,
            "retrain": run.config.retrain.epochs,
        }
    )
    return {step: seconds / 3600 for step, seconds in steps.items()}


STEPS = (prepare, check, features, small_features, supernet, search, train, evaluate)


def measured(
    step: Callable[[str, Path, int], object], which: str, folder: Path, workers: int
) -> tuple[object, float, float, float]:
    """Do a step; return what it gives, its seconds, processor seconds and MiB."""
    start = time.perf_counter()
    found = step(which, folder, workers)
    seconds = time.perf_counter() - start
    most = max(
        resource.getrusage(who).ru_maxrss
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return found, seconds, timing.processor_seconds(), most / 1024


def main(
    which: Annotated[str, typer.Argument(help="tau or task5")],
    folder: Annotated[Path, typer.Argument(help="where the tree and the runs are made")],
    workers: Annotated[int, typer.Option(help="of check and features")] = 2,
    share: Annotated[float, typer.Option(help="part of the published number of clips")] = 1.0,
    last: Annotated[str, typer.Option(help="the last step")] = "plan",
) -> None:
    folder.mkdir(exist_ok=True)
    if not (folder / "tree").exists():
        beside = folder / "tree.partial"
        beside.mkdir()
        SETS[which][2](beside, share)
        beside.rename(folder / "tree")
    print(
        f"{'step':<16} {'count':>9} {'s':>8} {'processor s':>12} {'per processor s':>16} {'MiB':>7}"
    )
    for step in STEPS:
        count, seconds, processor, memory = timing.in_a_process(
            measured, step, which, folder, workers
        )
        assert isinstance(count, int)
        print(
            f"{step.__name__:<16} {count:>9,} {seconds:>8.1f} {processor:>12.1f} "
            f"{count / processor:>16.1f} {memory:>7.0f}",
            flush=True,
        )
        if step.__name__ == last:
            return
    hours, _, _, memory = timing.in_a_process(measured, plan, which, folder, workers)
    assert isinstance(hours, dict)
    told = ", ".join(f"{step} {value:.1f}" for step, value in hours.items())
    print(f"\nhours of one core for the whole config: {told}; all {sum(hours.values()):.1f}")
    print(f"memory while that was measured on all clips: {memory:.0f} MiB")


if __name__ == "__main__":
    timing.run(main)
