"""What searches by trainings judged, kept in one small table, and what could have steered them.

python studies/kept_trainings.py keep RUN [RUN ...] --to TABLE.csv
python studies/kept_trainings.py taus CONFIG TABLE.csv [TABLE.csv ...] [--rounds 0]
python studies/kept_trainings.py unseen CONFIG TABLE.csv --of OTHER.csv [--rounds 0]
python studies/kept_trainings.py chance CONFIG TABLE.csv [--draws 24]
python studies/kept_trainings.py found TABLE.csv [TABLE.csv ...]

`keep` writes the networks that finished searches judged by trainings of each alone, in the order of
their rounds, with costs and scores: one row per network, of fold, seed and strategy of the search.
A search that the table has already is replaced.

`taus` says how well the surrogate orders pairs of networks that it has not seen, by log loss, and
how well counting does, over all costs and at equal cost: of every search, and of all together,
where pairs are of one search. Its space is that of CONFIG. Where the log loss on each part of the
clips is kept, it says how well the first half of the parts orders as the second does: what is not
in both is noise to a surrogate. With `--rounds 1` it is of the first round alone: the stop sign.
Searches are by `surrogate`, or by the `--strategy` that is named.

`unseen` says how well a surrogate of all that each search judged (or in its first rounds), and
counting, order the networks that searches of another table judged in the same fold and with the
same seed, and it did not: what steers a search against trainings that it did not ask for.

`chance` gives the networks of the table's first round scores that are chance alone, or size and
chance, and says what the surrogate then seems to know at equal cost.

`found` says how far each search had come after so many networks: the least log loss, and the
hypervolume against MACs, in a box from 0 to the most that any search of the fold met. What `random`
drew counts in any order: the mean over shuffles.

Nothing is trained.
"""

import argparse
import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate, chain
from pathlib import Path
from typing import Any

import numpy as np
from steering import HEADING, row_of

from asc_nas.core.files import atomic_path
from asc_nas.core.randomness import stream
from asc_nas.run.folder import RunFolder
from asc_nas.run.opening import read_settings
from asc_nas.run.standalone import Standalone, standalone_trainings
from asc_nas.search.history import read_generations
from asc_nas.search.objectives import Evaluation, Objective
from asc_nas.search.pareto import hypervolume
from asc_nas.search.ranking import agreement_of_pairs
from asc_nas.search.surrogate import Surrogate
from asc_nas.search.verdict import WORTH, Pairs, Predicted, Predictor, expected, pairs_of
from asc_nas.space.genotype import Genotype
from asc_nas.space.search_space import SearchSpace

LOG_LOSS = Objective(name="log_loss", sense="min")
TRADED = (LOG_LOSS, Objective(name="macs", sense="min"))
IDEAL = {"log_loss": 0.0, "macs": 0.0}
SHUFFLES = 200
SEARCH = ("fold", "seed", "strategy")
SCORED = ("round", "macs", "params", "log_loss", "log_loss_by_part", "macro_f1", "accuracy")
COLUMNS = (*SEARCH, *SCORED, "genotype")
HALVES = "one half, the other"
Search = tuple[str, ...]
Rows = list[dict[str, Any]]


def rows_of(folder: Path) -> Rows:
    """Return what the search of a run judged, every network once."""
    run = RunFolder.open(folder)
    config = run.config
    search = {
        "fold": " ".join(map(str, config.data.test_folds or ())),
        "seed": config.seed,
        "strategy": config.search.strategy.name,
    }
    rows: dict[Genotype, dict[str, Any]] = {}
    for number, generation in enumerate(read_generations(run.paths.history), start=1):
        for evaluation in generation:
            rows.setdefault(evaluation.genotype, search | {"round": number} | evaluation.row())
    trainings = standalone_trainings(run, list(rows), run.standalone, 1, config.search.folds)
    for row, training in zip(rows.values(), trainings, strict=True):
        by_part = Standalone.read(training.file).log_loss_by_part
        row["log_loss_by_part"] = " ".join(map(str, by_part))
    return [{name: row[name] for name in COLUMNS} for row in rows.values()]


def read(path: Path) -> dict[Search, Rows]:
    """Return the rows of every search in a table; none if there is no table yet."""
    searches: dict[Search, Rows] = {}
    if path.exists():
        with path.open(newline="") as file:
            for row in csv.DictReader(file):
                searches.setdefault(tuple(row[name] for name in SEARCH), []).append(row)
    return searches


def keep(folders: Sequence[Path], to: Path) -> None:
    """Add what the searches of runs judged to a table."""
    searches = read(to)
    for folder in folders:
        rows = rows_of(folder)
        searches[tuple(str(rows[0][name]) for name in SEARCH)] = rows
    with atomic_path(to) as part, part.open("w", newline="") as file:
        table = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        table.writeheader()
        for search in sorted(searches):
            table.writerows(searches[search])
    print(f"{to}: {sum(map(len, searches.values()))} networks of {len(searches)} searches.")


def evaluation_of(row: dict[str, Any]) -> Evaluation:
    """Return a row of a table as what the search judged."""
    scores = {name: float(row[name]) for name in ("macro_f1", "accuracy", "log_loss")}
    costs = {name: int(row[name]) for name in ("macs", "params")}
    return Evaluation(Genotype.parse(row["genotype"]), **scores, **costs)


def halves_of(rows: Rows) -> dict[str, tuple[Pairs, Pairs]]:
    """Return what the first half of the parts and the second say of pairs, if that is kept."""
    by_part = [row.get("log_loss_by_part", "").split() for row in rows]
    if min(map(len, by_part)) < 2:
        return {}
    losses = np.array(by_part, dtype=float)
    first, second = (-part.mean(1) for part in np.array_split(losses, 2, axis=1))
    return {HALVES: pairs_of(Predicted.of(first), second, [int(row["macs"]) for row in rows])}


def counted(judged: Sequence[Evaluation]) -> dict[str, Predicted]:
    """Return what counting takes each network for."""
    return {
        "MACs": Predicted.of([e.macs for e in judged]),
        "parameters": Predicted.of([e.params for e in judged]),
    }


def ordered(
    opinions: dict[str, Predicted], judged: Sequence[Evaluation]
) -> dict[str, tuple[Pairs, Pairs]]:
    """Return what each opinion and the trainings say of all pairs, and of those at equal cost."""
    truth, macs = [-e.log_loss for e in judged], [e.macs for e in judged]
    return {name: pairs_of(opinion, truth, macs) for name, opinion in opinions.items()}


def steered_by(space: SearchSpace, judged: Sequence[Evaluation]) -> dict[str, tuple[Pairs, Pairs]]:
    """Return the same of a surrogate that has not seen the pairs, and of counting."""
    own = {"surrogate, left out": expected(space, judged, LOG_LOSS)}
    return ordered(own | counted(judged), judged)


def together(pairs: Sequence[Pairs]) -> Pairs:
    """Return the pairs of several searches as one, none being of two."""
    from scipy.linalg import block_diag

    predicted, true = (block_diag(*side) for side in zip(*pairs, strict=True))
    return predicted, true


def searches_by(strategy: str, tables: Sequence[Path]) -> dict[Search, Rows]:
    """Return the rows of every search by a strategy."""
    searches = {
        search: rows
        for table in tables
        for search, rows in read(table).items()
        if search[-1] == strategy
    }
    if not searches:
        raise SystemExit(f"{', '.join(map(str, tables))}: no search by '{strategy}'.")
    return searches


def first_of(rows: Rows, rounds: int) -> Rows:
    """Return what was judged in the first rounds; of 0 rounds all."""
    return [row for row in rows if not rounds or int(row["round"]) <= rounds]


def taus(config: Path, tables: Sequence[Path], strategy: str, rounds: int = 0) -> None:
    """Print how well the surrogate, and counting, order the networks of every search."""
    space, searches = read_settings(config).search_space(), searches_by(strategy, tables)
    searches = {search: first_of(rows, rounds) for search, rows in searches.items()}
    said = []
    for (fold, seed, _), rows in searches.items():
        judged = [evaluation_of(row) for row in rows]
        said.append(steered_by(space, judged) | halves_of(rows))
        best = min(judged, key=lambda e: e.log_loss)
        print(f"fold {fold}, seed {seed}: {len(judged)} networks, the best {best.genotype}")
        show({name: [pairs] for name, pairs in said[-1].items()})
    show_together(said, sum(map(len, searches.values())))


def unseen(config: Path, table: Path, of: Path, rounds: int = 0) -> None:
    """Print how well a surrogate of each search orders what others judged."""
    space, said, count = read_settings(config).search_space(), [], 0
    for (fold, seed, _), own in read(table).items():
        seen = first_of(own, rounds)
        known = {row["genotype"] for row in seen}
        others = (rows for search, rows in read(of).items() if search[:2] == (fold, seed))
        rows = [row for row in chain.from_iterable(others) if row["genotype"] not in known]
        if not rows:
            continue
        judged = [evaluation_of(row) for row in rows]
        surrogate = Surrogate(space, [evaluation_of(row) for row in seen], LOG_LOSS.name)
        opinions = {"surrogate": Predicted.of((-surrogate.predict(judged)[0]).tolist())}
        said.append(ordered(opinions | counted(judged), judged) | halves_of(rows))
        count += len(judged)
        print(f"fold {fold}, seed {seed}: {len(judged)} networks, by {len(seen)} others")
        show({name: [pairs] for name, pairs in said[-1].items()})
    if not said:
        raise SystemExit(f"{of}: no networks of a fold and seed of {table} that it has not.")
    show_together(said, count)


def show_together(said: Sequence[dict[str, tuple[Pairs, Pairs]]], networks: int) -> None:
    """Print the rows of several searches as of one, if there are several."""
    if len(said) > 1:
        print(f"all {len(said)} searches: {networks} networks")
        names = dict.fromkeys(name for of_search in said for name in of_search)
        show({name: [own[name] for own in said if name in own] for name in names})


def chance(config: Path, table: Path, draws: int) -> None:
    """Print the surrogate's tau at equal cost where nothing but size can be known."""
    space, (rows, *_) = read_settings(config).search_space(), read(table).values()
    judged = [evaluation_of(row) for row in rows if row["round"] == "1"]
    size = np.log([e.macs for e in judged])
    size = (size - size.mean()) / size.std()
    rng = np.random.default_rng(0)
    for name, share in (("chance", 0.0), ("size and chance", 1.0)):
        taus = []
        for _ in range(draws):
            losses = rng.normal(size=len(judged)) - share * size
            drawn = [replace(e, log_loss=float(v)) for e, v in zip(judged, losses, strict=True)]
            _, pairs = steered_by(space, drawn)["surrogate, left out"]
            taus.append(agreement_of_pairs(*pairs, rng, draws=0).tau)
        over = sum(tau >= WORTH for tau in taus)
        print(
            f"{name}: {len(judged)} networks, mean {np.mean(taus):.2f}, deviation "
            f"{np.std(taus):.2f}, {over} of {draws} at {WORTH} or more"
        )


def found(tables: Sequence[Path]) -> None:
    """Print how far every search had come after so many networks."""
    by_fold: dict[str, dict[Search, Rows]] = {}
    for table in tables:
        for (fold, seed, strategy), rows in read(table).items():
            by_fold.setdefault(fold, {})[table.stem, strategy, seed] = rows
    for fold, searches in sorted(by_fold.items()):
        every = [evaluation_of(row) for rows in searches.values() for row in rows]
        nadir = {cost: max(getattr(e, cost) for e in every) for cost in ("log_loss", "macs")}
        counts = sorted({end for rows in searches.values() for end in ends_of_rounds(rows)})
        for (table_name, strategy, seed), rows in searches.items():
            search = f"fold {fold}, {table_name}, {strategy}, seed {seed}"
            print(f"{search}: networks, log loss, hypervolume")
            judged = [evaluation_of(row) for row in rows]
            for count in (count for count in counts if count <= len(judged)):
                orders = shuffles_of(judged) if strategy == "random" else [judged]
                firsts = [order[:count] for order in orders]
                best = np.mean([min(e.log_loss for e in first) for first in firsts])
                volume = np.mean([hypervolume(one, TRADED, IDEAL, nadir) for one in firsts])
                print(f"{count:4d}  {best:.3f}  {volume:.4f}")


def ends_of_rounds(rows: Rows) -> list[int]:
    """Return how many networks there were after each round."""
    return list(accumulate(Counter(row["round"] for row in rows).values()))


def shuffles_of(judged: Sequence[Evaluation]) -> list[list[Evaluation]]:
    """Return what was judged in orders of chance."""
    rng = np.random.default_rng(0)
    return [[judged[i] for i in rng.permutation(len(judged))] for _ in range(SHUFFLES)]


def show(opinions: dict[str, list[tuple[Pairs, Pairs]]]) -> None:
    """Print a row per opinion."""
    print(HEADING)
    for name, of_searches in opinions.items():
        overall, in_bands = (
            agreement_of_pairs(*together(pairs), stream(0, "kept trainings", name))
            for pairs in zip(*of_searches, strict=True)
        )
        print(row_of(name, LOG_LOSS, Predictor(overall=overall, in_bands=in_bands)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("keep")
    command.add_argument("runs", type=Path, nargs="+", metavar="RUN")
    command.add_argument("--to", type=Path, required=True, metavar="TABLE.csv")
    command = commands.add_parser("taus")
    command.add_argument("config", type=Path, metavar="CONFIG")
    command.add_argument("tables", type=Path, nargs="+", metavar="TABLE.csv")
    command.add_argument("--strategy", default="surrogate")
    command.add_argument("--rounds", type=int, default=0)
    command = commands.add_parser("unseen")
    command.add_argument("config", type=Path, metavar="CONFIG")
    command.add_argument("table", type=Path, metavar="TABLE.csv")
    command.add_argument("--of", type=Path, required=True, metavar="OTHER.csv")
    command.add_argument("--rounds", type=int, default=0)
    command = commands.add_parser("chance")
    command.add_argument("config", type=Path, metavar="CONFIG")
    command.add_argument("table", type=Path, metavar="TABLE.csv")
    command.add_argument("--draws", type=int, default=24)
    command = commands.add_parser("found")
    command.add_argument("tables", type=Path, nargs="+", metavar="TABLE.csv")
    asked = parser.parse_args()
    if asked.command == "keep":
        keep(asked.runs, asked.to)
    elif asked.command == "unseen":
        unseen(asked.config, asked.table, asked.of, asked.rounds)
    elif asked.command == "chance":
        chance(asked.config, asked.table, asked.draws)
    elif asked.command == "found":
        found(asked.tables)
    else:
        taus(asked.config, asked.tables, asked.strategy, asked.rounds)


if __name__ == "__main__":
    main()
