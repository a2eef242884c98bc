"""What searches by trainings judged, kept in one small table, and what could have steered them.

python studies/kept_trainings.py keep RUN [RUN ...] --to TABLE.csv
python studies/kept_trainings.py taus CONFIG TABLE.csv [TABLE.csv ...] [--strategy surrogate]
python studies/kept_trainings.py chance CONFIG TABLE.csv [--draws 24]

`keep` writes the networks that finished searches judged by trainings of each alone, in the order of
their rounds, with costs and scores: one row per network, of fold, seed and strategy of the search.
A search that the table has already is replaced. `taus` says how well the surrogate orders pairs of
networks that it has not seen, by log loss, and how well counting does, over all costs and at equal
cost: of every search, and of all together, where pairs are of one search. Its space is that of
CONFIG. `chance` gives the networks of the table's first round scores that are chance alone, or size
and chance, and says what the surrogate then seems to know at equal cost. Nothing is trained.
"""

import argparse
import csv
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from steering import HEADING, row_of

from asc_nas.core.files import atomic_path
from asc_nas.core.randomness import stream
from asc_nas.run.opening import read_settings
from asc_nas.run.run import Run
from asc_nas.search.history import read_generations
from asc_nas.search.objectives import Evaluation, Objective
from asc_nas.search.ranking import agreement_of_pairs
from asc_nas.search.verdict import WORTH, Pairs, Predicted, Predictor, expected, pairs_of
from asc_nas.space.genotype import Genotype
from asc_nas.space.search_space import SearchSpace

LOG_LOSS = Objective(name="log_loss", sense="min")
SEARCH = ("fold", "seed", "strategy")
COLUMNS = (*SEARCH, "round", "macs", "params", "log_loss", "macro_f1", "accuracy", "genotype")
Search = tuple[str, ...]
Rows = list[dict[str, Any]]


def rows_of(folder: Path) -> Rows:
    """Return what the search of a run judged, every network once."""
    run = Run.open(folder)
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


def steered_by(space: SearchSpace, judged: Sequence[Evaluation]) -> dict[str, tuple[Pairs, Pairs]]:
    """Return what each opinion and the trainings say of all pairs, and of those at equal cost."""
    truth, macs = [-e.log_loss for e in judged], [e.macs for e in judged]
    opinions = {
        "surrogate, left out": expected(space, judged, LOG_LOSS),
        "MACs": Predicted.of(macs),
        "parameters": Predicted.of([e.params for e in judged]),
    }
    return {name: pairs_of(opinion, truth, macs) for name, opinion in opinions.items()}


def together(pairs: Sequence[Pairs]) -> Pairs:
    """Return the pairs of several searches as one, none being of two."""
    from scipy.linalg import block_diag

    predicted, true = (block_diag(*side) for side in zip(*pairs, strict=True))
    return predicted, true


def taus(config: Path, tables: Sequence[Path], strategy: str) -> None:
    """Print how well the surrogate, and counting, order the networks of every search."""
    space = read_settings(config).search_space()
    searches = {
        search: [evaluation_of(row) for row in rows]
        for table in tables
        for search, rows in read(table).items()
        if search[-1] == strategy
    }
    if not searches:
        raise SystemExit(f"{', '.join(map(str, tables))}: no search by '{strategy}'.")
    said = {search: steered_by(space, judged) for search, judged in searches.items()}
    for search, of_search in said.items():
        judged = searches[search]
        best = min(judged, key=lambda e: e.log_loss)
        print(
            f"fold {search[0]}, seed {search[1]}: {len(judged)} networks, the best {best.genotype}"
        )
        show({name: [of_search[name]] for name in of_search})
    if len(said) > 1:
        print(f"all {len(said)} searches: {sum(map(len, searches.values()))} networks")
        show({name: [of_search[name] for of_search in said.values()] for name in of_search})


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
    command = commands.add_parser("chance")
    command.add_argument("config", type=Path, metavar="CONFIG")
    command.add_argument("table", type=Path, metavar="TABLE.csv")
    command.add_argument("--draws", type=int, default=24)
    asked = parser.parse_args()
    if asked.command == "keep":
        keep(asked.runs, asked.to)
    elif asked.command == "chance":
        chance(asked.config, asked.table, asked.draws)
    else:
        taus(asked.config, asked.tables, asked.strategy)


if __name__ == "__main__":
    main()
