"""What networks knew of their test folds, in one small table.

python studies/kept_tests.py keep NAME=CROSSVAL[:NETWORK] ... --to TABLE.csv
python studies/kept_tests.py keep FRONT=RUN ... --to TABLE.csv
python studies/kept_tests.py compare TABLE.csv [NAME ...]
python studies/kept_tests.py fronts TABLE.csv [FRONT ...]

So that folds can be measured one after another and compared together, with no network trained or
kept for it. CROSSVAL and NETWORK are as in `paired.py`; NAME is what the network is called in the
table, where each fold may have another one under one name. `keep` adds a row per training: its
scores and, of each group of test clips, in the order of the groups' names, how many clips it knew
of how many. Of a RUN, such as a fold of a crossval, the trained members of its Pareto set are kept,
as FRONT/1 and so on. A training that the table has already is replaced.

`compare` says what every network (or those named) has in each fold, and how much more accurate the
first is than each other: as `paired.py`, on the folds and seeds that both have, with a 95 %
interval for which groups are drawn.

`fronts` takes the networks FRONT/1, FRONT/2 and so on of a fold for those that one search chose,
and says what hypervolume they dominate as trained and tested: a score against MACs, in a box from
the best to the worst (accuracy and macro-F1 1 to 0, log loss 0 to the most here) and from no MACs
to the most here, the same for all fronts of the fold. Then the mean over folds and seeds, and how
much more the first has than each other, in accuracy against MACs, with a 95 % interval for which
groups are drawn. Nothing is trained.
"""

import argparse
import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import mean

import numpy as np
from paired import line_of, places_of
from together import folder_of, runs_of

from asc_nas.core.files import atomic_path
from asc_nas.core.randomness import stream
from asc_nas.run.crossval_summary import Row
from asc_nas.run.folder import RunFolder
from asc_nas.run.networks import find_network, read_pareto
from asc_nas.run.paired import FoldTraining, Hits, difference, groups_of, hits_of
from asc_nas.search.objectives import Evaluation, Objective
from asc_nas.search.pareto import hypervolume
from asc_nas.space.genotype import Genotype

TRAINING = ("fold", "seed", "network")
SCORES = ("macs", "params", "ram_bytes", "accuracy", "macro_f1", "log_loss")
COLUMNS = (*TRAINING, *SCORES, "known", "genotype")
DRAWS = 2000
BEST = {"accuracy": 1.0, "macro_f1": 1.0, "log_loss": 0.0}
TOLD = ("genotype", "seed", "accuracy", "macro_f1", "log_loss", "macs", "params", "test_clips")
Kept = dict[str, str]


def kept_of(name: str, text: str) -> Iterator[Kept]:
    """Yield the rows of a network's trainings."""
    if (Path(text) / "config.yaml").exists() and not (Path(text) / "crossval.json").exists():
        yield from front_of(name, Path(text))
        return
    for (fold, _), (place, row) in sorted(places_of(text).items()):
        yield kept_row(name, FoldTraining(row, folder_of(runs_of(place, fold), row)))


def front_of(name: str, folder: Path) -> Iterator[Kept]:
    """Yield the rows of those of a run's Pareto set that were trained, as NAME/1 and so on."""
    run = RunFolder.open(folder)
    members = range(len(read_pareto(run)))
    trained = [find_network(run, str(i)).folder(run, run.config.seed) for i in members]
    front = [(own, result) for own in trained if (result := own.result()) is not None]
    for number, (own, result) in enumerate(front, start=1):
        told = {key: getattr(result, key) for key in TOLD}
        fold = " ".join(map(str, run.config.data.test_folds or ()))
        row = Row(
            network=f"{name}/{number}",
            fold=fold,
            ram_bytes=run.cost(own.genotype).ram_bytes,
            **told,
        )
        yield kept_row(row.network, FoldTraining(row, own))


def kept_row(name: str, training: FoldTraining) -> Kept:
    """Return the row of a training."""
    row, known = training.row, hits_of([training])[training.place]
    return {
        "fold": row.fold,
        "seed": str(row.seed),
        "network": name,
        **{score: str(getattr(row, score)) for score in SCORES},
        "known": known_by_group(known, groups_of([training.folder.run])),
        "genotype": str(row.genotype),
    }


def known_by_group(known: Mapping[str, bool], groups: Mapping[str, str]) -> str:
    """Return how many clips of each group are known, of how many, in the order of the groups."""
    clips = Counter(groups[key] for key in known)
    hits = Counter(groups[key] for key, hit in known.items() if hit)
    return " ".join(f"{hits[group]}/{clips[group]}" for group in sorted(clips))


def read(table: Path) -> list[Kept]:
    """Return the rows of a table; none if there is none."""
    if not table.exists():
        return []
    with table.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def keep(named: Sequence[str], table: Path) -> None:
    """Add what networks knew to a table."""
    trainings = {training_of(row): row for row in read(table)}
    for text in named:
        name, _, networks = text.partition("=")
        if not networks:
            raise SystemExit(f"'{text}': is not NAME=CROSSVAL or NAME=CROSSVAL:NETWORK.")
        trainings |= {training_of(row): row for row in kept_of(name, networks)}
    with atomic_path(table) as new, new.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(trainings.values())
    print(f"{table}: {len(trainings)} trainings")


def training_of(row: Kept) -> tuple[str, ...]:
    """Return what tells a training from others."""
    return tuple(row[name] for name in TRAINING)


def hits_in(rows: Iterable[Kept]) -> tuple[Hits, dict[str, str]]:
    """Return what the trainings of one network know, and the group of every clip.

    A clip has the name of its fold, of its group's place and of its own place in the group. Which
    clip of a group was known is not kept; the mean and its interval do not depend on it.
    """
    hits: dict[tuple[str, int], dict[str, bool]] = {}
    groups = {}
    for row in rows:
        own = hits[row["fold"], int(row["seed"])] = {}
        for number, share in enumerate(row["known"].split()):
            known, clips = map(int, share.split("/"))
            group = f"{row['fold']} {number:04d}"
            for clip in range(clips):
                own[f"{group} {clip}"] = clip < known
                groups[f"{group} {clip}"] = group
    return hits, groups


def compare(table: Path, names: Sequence[str]) -> None:
    """Print what networks have in each fold, and how much better the first is than the others."""
    rows = read(table)
    if not rows:
        raise SystemExit(f"{table}: no trainings; 'kept_tests.py keep' adds some.")
    names = names or list(dict.fromkeys(row["network"] for row in rows))
    networks = {
        name: {training_of(row)[:2]: row for row in rows if row["network"] == name}
        for name in names
    }
    for name, own in networks.items():
        if not own:
            raise SystemExit(f"{table}: no trainings of '{name}'.")
        for row in own.values():
            print(
                f"fold {row['fold']}, seed {row['seed']}, {name}: accuracy "
                f"{float(row['accuracy']):.3f}, macro-F1 {float(row['macro_f1']):.3f}, log loss "
                f"{float(row['log_loss']):.3f}; {int(row['macs']) / 1e6:.2f} M MACs, "
                f"{int(row['params']):,} parameters"
            )
    first = networks[names[0]]
    hits, groups = hits_in(first.values())
    for name in names[1:]:
        other = networks[name]
        found = difference((names[0], name), hits, hits_in(other.values())[0], groups)
        if found is None:
            raise SystemExit(f"{table}: no fold and seed in common of '{names[0]}' and '{name}'.")
        common = first.keys() & other.keys()
        accuracy, macs = (
            [mean(float(own[key][figure]) for key in common) for own in (first, other)]
            for figure in ("accuracy", "macs")
        )
        print(line_of(found, accuracy, macs))


def shares_of(row: Kept) -> np.ndarray:
    """Return the clips known of each group, and the clips of each, (2, groups)."""
    return np.array([share.split("/") for share in row["known"].split()], dtype=int).T


def volume_of(front: Sequence[Kept], score: str, nadir: Mapping[str, float]) -> float:
    """Return the hypervolume of networks, of one score against MACs."""
    evaluations = [
        Evaluation(
            Genotype.parse(row["genotype"]),
            **{name: float(row[name]) for name in BEST},
            **{name: int(row[name]) for name in ("macs", "params")},
        )
        for row in front
    ]
    traded = (
        Objective(name=score, sense="max" if BEST[score] else "min"),
        Objective(name="macs", sense="min"),
    )
    return hypervolume(evaluations, traded, {score: BEST[score], "macs": 0.0}, dict(nadir))


def redrawn(front: Sequence[Kept], groups: np.ndarray) -> list[Kept]:
    """Return networks with the accuracy that they have on other groups, given by their places."""
    drawn = [shares_of(row)[:, groups].sum(1) for row in front]
    return [
        row | {"accuracy": str(known / clips)}
        for row, (known, clips) in zip(front, drawn, strict=True)
    ]


def fronts(table: Path, names: Sequence[str]) -> None:
    """Print what the networks that each search chose dominate on test."""
    found: dict[tuple[str, str], dict[str, list[Kept]]] = {}
    for row in read(table):
        name, _, number = row["network"].partition("/")
        if number and (name in names or not names):
            found.setdefault((row["fold"], row["seed"]), {}).setdefault(name, []).append(row)
    names = names or list(dict.fromkeys(name for of_fold in found.values() for name in of_fold))
    lacking = [name for name in names if not any(name in of_fold for of_fold in found.values())]
    if lacking or not found:
        raise SystemExit(f"{table}: no networks '{(*lacking, 'FRONT')[0]}/1' and so on.")
    found = {place: of_fold for place, of_fold in found.items() if len(of_fold) == len(names)}
    volumes: dict[str, list[float]] = {name: [] for name in names}
    drawn: dict[str, list[list[float]]] = {name: [] for name in names}
    for (fold, seed), of_fold in sorted(found.items()):
        every = [row for front in of_fold.values() for row in front]
        most = {name: max(float(row[name]) for row in every) for name in ("macs", "log_loss")}
        nadir = {"accuracy": 0.0, "macro_f1": 0.0} | most
        rng = stream(0, "kept tests", fold, seed)
        groups = shares_of(every[0]).shape[1]
        draws = [rng.integers(groups, size=groups) for _ in range(DRAWS)]
        for name in names:
            front = of_fold[name]
            own = {score: volume_of(front, score, nadir) for score in BEST}
            volumes[name].append(own["accuracy"])
            drawn[name].append(
                [volume_of(redrawn(front, draw), "accuracy", nadir) for draw in draws]
            )
            print(
                f"fold {fold}, seed {seed}, {name}: {len(front)} networks, hypervolume "
                + ", ".join(f"{score} {volume:.4f}" for score, volume in own.items())
            )
    for name in names:
        print(f"mean of {len(found)}, {name}: accuracy {mean(volumes[name]):.4f}")
    first, *others = names
    for name in others:
        apart = mean(volumes[first]) - mean(volumes[name])
        over = np.mean(drawn[first], axis=0) - np.mean(drawn[name], axis=0)
        low, high = np.quantile(over, (0.025, 0.975))
        print(f"{first} against {name}: {apart:+.4f} ({low:.4f} to {high:.4f})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("keep")
    command.add_argument("networks", nargs="+", metavar="NAME=CROSSVAL[:NETWORK]")
    command.add_argument("--to", type=Path, required=True, metavar="TABLE.csv")
    command = commands.add_parser("compare")
    command.add_argument("table", type=Path, metavar="TABLE.csv")
    command.add_argument("names", nargs="*", metavar="NAME")
    command = commands.add_parser("fronts")
    command.add_argument("table", type=Path, metavar="TABLE.csv")
    command.add_argument("names", nargs="*", metavar="FRONT")
    asked = parser.parse_args()
    if asked.command == "keep":
        keep(asked.networks, asked.to)
    elif asked.command == "fronts":
        fronts(asked.table, asked.names)
    else:
        compare(asked.table, asked.names)


if __name__ == "__main__":
    main()
