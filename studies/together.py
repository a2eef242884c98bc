"""What the networks of several seeds do together, in every fold of a cross-validation.

python studies/together.py CROSSVAL [NETWORK] [--folds 1 2 3 4] [--seeds 0 1 2]

CROSSVAL is the directory of `asc-nas crossval` with several seeds. NETWORK is one of those that its
crossval.json names; without it, what each seed's own search found, another genotype in every fold
and seed. Nothing is trained: the posteriors of the networks that were tested in a fold are averaged
on its test clips. A line is one set of seeds, first each alone, last all: accuracy of each fold,
the means over folds, and the cost of the set, least and most.
"""

import argparse
from itertools import combinations
from pathlib import Path
from statistics import mean

import torch

from asc_nas.evaluation.result import Result
from asc_nas.nn.committee import Committee
from asc_nas.run.crossval_summary import SEARCHED, Crossval, Row
from asc_nas.run.folder import RunFolder
from asc_nas.run.network_folder import NetworkFolder
from asc_nas.space.genotype import Genotype
from asc_nas.training.network_trainer import score_network

SAME = ("genotype", "seed", "accuracy")


def folder_of(runs: list[RunFolder], row: Row) -> NetworkFolder:
    """Return the folder of the training that `row` tells of."""
    for run in runs:
        for file in run.paths.root.glob("retrain/*/result.json"):
            result = Result.read(file)
            if all(getattr(result, key) == getattr(row, key) for key in SAME):
                genotype = Genotype.parse(row.genotype)
                return NetworkFolder(run, file.parent, genotype, row.seed)
    raise SystemExit(f"fold {row.fold}, seed {row.seed}: its folder is missing.")


def trained(runs: list[RunFolder], row: Row) -> torch.nn.Module:
    """Return the network whose training `row` tells of."""
    return folder_of(runs, row).load()


def runs_of(crossval: Path, fold: str) -> list[RunFolder]:
    """Return the runs of a cross-validation that test on a fold."""
    runs = [RunFolder.open(p.parent) for p in sorted(crossval.glob("fold-*/config.yaml"))]
    return [run for run in runs if run.config.data.test_folds == (fold,)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("crossval", type=Path)
    parser.add_argument("network", nargs="?", default=SEARCHED)
    parser.add_argument("--folds", nargs="+")
    parser.add_argument("--seeds", nargs="+", type=int)
    arguments = parser.parse_args()

    rows: dict[tuple[str, int], Row] = {}
    for row in Crossval.read(arguments.crossval / "crossval.json").results:
        wanted_fold = not arguments.folds or row.fold in arguments.folds
        wanted_seed = not arguments.seeds or row.seed in arguments.seeds
        if row.network == arguments.network and wanted_fold and wanted_seed:
            rows[row.fold, row.seed] = row
    if not rows:
        raise SystemExit(f"{arguments.crossval}: no trainings of '{arguments.network}'.")
    folds = sorted({fold for fold, _ in rows})
    seeds = sorted({seed for _, seed in rows})
    runs = {fold: runs_of(arguments.crossval, fold) for fold in folds}
    networks = {key: trained(runs[key[0]], row) for key, row in rows.items()}
    tests = {fold: runs[fold][0].examples("test") for fold in folds}

    print(f"{'seeds':<10}" + "".join(f"{'fold ' + fold:>9}" for fold in folds), end="")
    print(f"{'accuracy':>10}{'macro-F1':>10}{'log loss':>10}{'M MACs':>16}{'parameters':>20}")
    for size in range(1, len(seeds) + 1):
        for chosen in combinations(seeds, size):
            scores = [
                score_network(Committee([networks[fold, s] for s in chosen]).eval(), tests[fold])
                for fold in folds
            ]
            costs = {
                key: [sum(getattr(rows[fold, s], key) for s in chosen) for fold in folds]
                for key in ("macs", "params")
            }
            macs = " to ".join(f"{m(costs['macs']) / 1e6:.2f}" for m in (min, max))
            params = " to ".join(f"{m(costs['params']):,d}" for m in (min, max))
            print(f"{' '.join(map(str, chosen)):<10}", end="")
            print("".join(f"{s.accuracy:>9.4f}" for s in scores), end="")
            print(
                f"{mean(s.accuracy for s in scores):>10.4f}"
                f"{mean(s.macro_f1 for s in scores):>10.4f}"
                f"{mean(s.log_loss for s in scores):>10.3f}{macs:>16}{params:>20}"
            )


if __name__ == "__main__":
    main()
