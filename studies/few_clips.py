"""What weights of another network give where there are few clips of a class.

python studies/few_clips.py START LIST --out DIR --test FOLD [--clips 5 10 20 50] [--draws 0 1 2]
    [--frozen SHARE] [--set KEY=VALUE ...]

START is what `retrain.start_from` takes; LIST has path, label, fold and group. Of every class that
many clips of the other folds are drawn, from as many groups as there are, and the fold FOLD is
tested, all of it. Four classifiers learn from the same clips: the network of START, begun with its
weights (as `asc-nas init --start-from` writes it); the same network from random weights; and two
linear ones (logistic regression, scaled), on the mean log-mel and on START's last features. START
must not have heard the clips of the fold. `--set` changes the settings of both networks, `--frozen`
the share of the training in which the started one learns its last layer alone.
"""

import argparse
import csv
from collections import defaultdict
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import torch
import yaml
from numpy.typing import NDArray
from progress import say
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from asc_nas.core.randomness import stream
from asc_nas.data.examples import Examples
from asc_nas.nn.subnet import SubNet
from asc_nas.run.run import Run
from asc_nas.run.start import Start
from asc_nas.space.hearing import spec_of
from data_prep import own_data

Row = dict[str, str]
METHODS = ("started", "scratch", "linear on features", "linear on mean log-mel")


def drawn(rows: list[Row], clips: int, draw: int) -> list[Row]:
    """Return so many rows of each class, the groups of a class in turns."""
    rng = stream(draw, "few clips", clips)
    classes: dict[str, dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        classes[row["label"]][row["group"]].append(row)
    chosen = []
    for label in sorted(classes):
        groups = [classes[label][name] for name in sorted(classes[label])]
        order = [groups[i] for i in rng.permutation(len(groups))]
        shuffled = [[group[i] for i in rng.permutation(len(group))] for group in order]
        turns = [row for turn in range(max(map(len, shuffled)))
                 for group in shuffled for row in group[turn : turn + 1]]  # fmt: skip
        chosen += turns[:clips]
    return chosen


def written(folder: Path, table: Path, rows: list[Row]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "clips.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ("path", "label", "fold", "group"), extrasaction="ignore")
        writer.writeheader()
        for row in rows:
            writer.writerow(row | {"path": (table.parent / row["path"]).resolve()})
    return path


def config_of(start: Start, name: str, clips: Path, examples: int, test: str) -> dict[str, Any]:
    """Return the config that `asc-nas init --start-from` writes for so many examples."""
    heard = start.frontend
    settings = own_data.choose_settings(examples, {heard.sample_rate: 1}, heard.seconds)
    text = own_data.started_config(
        "few",
        {"dataset": "csv", "folder": str(clips), "test_folds": [test], "search_val_fraction": 0.25},
        settings,
        start_from=name,
        network=str(start.genotype),
        skeleton=start.skeleton.model_dump(mode="json"),
        frontend=heard.model_dump(mode="json"),
        limits={},
    )
    config: dict[str, Any] = yaml.safe_load(text)
    return config


def features(start: Start, examples: Examples) -> NDArray[np.float32]:
    """Return what the last layer of START gets of each example, averaged over the picture."""
    spec = spec_of(start.genotype, start.skeleton, start.frontend, len(start.labels))
    network = SubNet(spec)
    network.load_state_dict(start.weights)
    network.eval()
    found: list[NDArray[np.float32]] = []
    network.head.register_forward_pre_hook(lambda _, x: found.append(x[0].mean((2, 3)).numpy()))
    with torch.inference_mode():
        for positions in examples.batches(64):
            network(examples.batch(positions)[0])
    return np.concatenate(found)


def mean_log_mel(examples: Examples) -> NDArray[np.float32]:
    """Return mean and deviation of each band of each example."""
    mels = np.asarray(examples.stored(np.arange(len(examples))), np.float32)
    return np.concatenate([mels.mean(2), mels.std(2)], 1)


def linear(train: NDArray, labels: NDArray, test: NDArray, truth: NDArray) -> float:
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=5000))
    return float(model.fit(train, labels).score(test, truth))


def measured(run: Run, start: Start, changes: list[str]) -> dict[str, float]:
    """Return the accuracy of each method on the run's test."""
    scores = {"started": run.train(own_data.STARTED)[0].accuracy}
    train, test = run.examples("train", "search_val"), run.examples("test")
    for name, of in (
        ("linear on features", lambda e: features(start, e)),
        ("linear on mean log-mel", mean_log_mel),
    ):
        scores[name] = linear(of(train), train.targets, of(test), test.targets)
    settings = run.config.model_dump(mode="json")
    settings["retrain"] |= {"start_from": None, "frozen_share": 0.0, "learning_rate": 3e-3}
    scratch = Run.open(settings, settings=changes, out=run.paths.root.with_name("scratch"))
    scores["scratch"] = scratch.train(own_data.STARTED)[0].accuracy
    return scores


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("start")
    parser.add_argument("list", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--test", required=True)
    parser.add_argument("--clips", nargs="+", type=int, default=[5, 10, 20, 50])
    parser.add_argument("--draws", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--frozen", type=float)
    parser.add_argument("--set", nargs="+", default=[], dest="changes")
    arguments = parser.parse_args()
    start = Start.read(arguments.start)
    frozen = arguments.frozen
    called = "started" if frozen is None else f"started-{frozen:g}"
    own = [] if frozen is None else [f"retrain.frozen_share={frozen}"]
    with arguments.list.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    test = [row for row in rows if row["fold"] == arguments.test]
    rest = [row for row in rows if row["fold"] != arguments.test]
    done, lines = 0, [f"| clips of a class | {' | '.join(METHODS)} |"]
    for clips in arguments.clips:
        found: dict[str, list[float]] = defaultdict(list)
        for draw in arguments.draws:
            done += 1
            say(done, len(arguments.clips) * len(arguments.draws), f"{clips} clips, draw {draw}")
            folder = arguments.out / f"{clips}-{draw}"
            some = drawn(rest, clips, draw)
            table = written(folder, arguments.list, some + test)
            config = config_of(start, arguments.start, table, len(some), arguments.test)
            run = Run.open(config, settings=[*arguments.changes, *own], out=folder / called)
            for name, score in measured(run, start, arguments.changes).items():
                found[name].append(score)
        cells = [f"{mean(found[name]):.3f} ({', '.join(f'{s:.3f}' for s in found[name])})"
                 for name in METHODS]  # fmt: skip
        lines.append(f"| {clips} | {' | '.join(cells)} |")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
