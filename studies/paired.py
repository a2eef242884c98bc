"""Whether one network of a cross-validation is better than others: by clip, with an interval.

python studies/paired.py CROSSVAL[:NETWORK] CROSSVAL[:NETWORK] ...

CROSSVAL is a directory of `asc-nas crossval`; NETWORK is one of those that its crossval.json names,
without it what each search found. The first is held against each of the others, on the folds and
seeds that both have: the difference of accuracy, every test clip against itself and the mean over
seeds, with a 95 % interval for which groups of clips are drawn (as in the results of a run); and
the MACs of both. Nothing is trained.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from statistics import mean

import numpy as np
from together import runs_of, trained

from asc_nas.core.randomness import stream
from asc_nas.run.crossval_summary import SEARCHED, Crossval, Row
from asc_nas.run.folder import RunFolder
from asc_nas.space.genotype import Genotype
from asc_nas.training.trainer import posteriors

DRAWS = 2000
Rows = dict[tuple[str, int], Row]


def rows_of(text: str) -> tuple[Path, Rows]:
    """Return the directory, and by fold and seed the trainings of the network that is meant."""
    place, _, network = text.partition(":")
    found = {
        (row.fold, row.seed): row
        for row in Crossval.read(Path(place) / "crossval.json").results
        if row.network == (network or SEARCHED)
    }
    if not found:
        raise SystemExit(f"{place}: no trainings of '{network or SEARCHED}'.")
    return Path(place), found


def hits(place: Path, rows: Rows, fold: str, seeds: list[int]) -> dict[str, float]:
    """Return of every test clip of a fold the share of seeds whose network knows it."""
    runs: list[RunFolder] = runs_of(place, fold)
    known: dict[str, list[float]] = {}
    for seed in seeds:
        row = rows[fold, seed]
        network, genotype = trained(runs, row), Genotype.parse(row.genotype)
        test = runs[0].examples("test", frontend=runs[0].frontend(genotype))
        decided = test.clip_posteriors(posteriors(network, test).numpy()).argmax(1)
        for key, own, target in zip(test.clip_keys, decided, test.clip_targets, strict=True):
            known.setdefault(key, []).append(float(own == target))
    return {key: mean(values) for key, values in known.items()}


def interval(groups: Sequence[str], differences: Sequence[float]) -> tuple[float, float]:
    """Return the 95 % interval of the mean of clips' differences, groups of clips being drawn."""
    values: dict[str, list[float]] = {}
    for group, difference in zip(groups, differences, strict=True):
        values.setdefault(group, []).append(difference)
    sums = np.array([[sum(own), len(own)] for own in values.values()])
    rng = stream(0, "paired")
    drawn = sums[rng.integers(0, len(sums), (DRAWS, len(sums)))].sum(1)
    low, high = np.percentile(drawn[:, 0] / drawn[:, 1], (2.5, 97.5))
    return float(low), float(high)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="+", metavar="CROSSVAL[:NETWORK]")
    names = parser.parse_args().networks
    (place, rows), *others = map(rows_of, names)
    for name, (other_place, other) in zip(names[1:], others, strict=True):
        common = sorted(rows.keys() & other.keys())
        if not common:
            raise SystemExit(f"{name}: no fold and seed in common with {names[0]}.")
        differences: list[float] = []
        groups: list[str] = []
        for fold in dict.fromkeys(fold for fold, _ in common):
            seeds = [seed for own, seed in common if own == fold]
            group = {clip.key: clip.group for clip in runs_of(place, fold)[0].manifest.clips}
            first, second = hits(place, rows, fold, seeds), hits(other_place, other, fold, seeds)
            differences += [value - second[key] for key, value in first.items()]
            groups += [group[key] for key in first]
        low, high = interval(groups, differences)
        macs = [mean(found[key].macs for key in common) / 1e6 for found in (rows, other)]
        accuracy = [mean(found[key].accuracy for key in common) for found in (rows, other)]
        print(
            f"{names[0]} - {name}: {100 * mean(differences):+.1f} points ({100 * low:+.1f} to "
            f"{100 * high:+.1f}), {accuracy[0]:.3f} and {accuracy[1]:.3f}; {macs[0]:.2f} and "
            f"{macs[1]:.2f} M MACs; {len(common)} trainings each, {len(differences)} clips "
            f"of {len(set(groups))} groups"
        )


if __name__ == "__main__":
    main()
