"""Whether one network of a cross-validation is better than others: by clip, with an interval.

python studies/paired.py CROSSVAL[:NETWORK] CROSSVAL[:NETWORK] ...

CROSSVAL is a directory of `asc-nas crossval`; NETWORK is one of those that its crossval.json names,
without it what each search found. Several with commas between them count as one, as where each fold
has a network of its own. The first is held against each of the others, on the folds and
seeds that both have: the difference of accuracy, every test clip against itself and the mean over
seeds, with a 95 % interval for which groups of clips are drawn (as in the results of a run); and
the MACs of both. Nothing is trained. Within one cross-validation `asc-nas crossval` says the same.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from statistics import mean

from together import folder_of, runs_of

from asc_nas.run.crossval_summary import SEARCHED, Crossval, Difference, Row
from asc_nas.run.paired import FoldTraining, difference, groups_of, hits_of

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
    runs = runs_of(place, fold)
    known = hits_of([FoldTraining(rows[fold, s], folder_of(runs, rows[fold, s])) for s in seeds])
    return {key: mean(own[key] for own in known.values()) for key in known[fold, seeds[0]]}


def places_of(text: str) -> dict[tuple[str, int], tuple[Path, Row]]:
    """Return the trainings of the network that is meant, which may lie in several directories."""
    parts = map(rows_of, text.split(","))
    return {key: (place, row) for place, rows in parts for key, row in rows.items()}


def line_of(found: Difference, accuracy: Sequence[float], macs: Sequence[float]) -> str:
    """Return what is printed of two networks, with the mean accuracy and MACs of both."""
    low, high = found.interval or (-1.0, 1.0)
    return (
        f"{found.network} - {found.against}: {100 * found.accuracy:+.1f} points ({100 * low:+.1f} "
        f"to {100 * high:+.1f}), {accuracy[0]:.3f} and {accuracy[1]:.3f}; {macs[0] / 1e6:.2f} and "
        f"{macs[1] / 1e6:.2f} M MACs; {found.trainings} trainings each, {found.clips} clips of "
        f"{found.groups} groups"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="+", metavar="CROSSVAL[:NETWORK]")
    names = parser.parse_args().networks
    first, *others = map(places_of, names)
    for name, other in zip(names[1:], others, strict=True):
        common = sorted(first.keys() & other.keys())
        if not common:
            raise SystemExit(f"{name}: no fold and seed in common with {names[0]}.")
        own, second = (
            [FoldTraining(row, folder_of(runs_of(place, row.fold), row)) for place, row in found]
            for found in ([of[key] for key in common] for of in (first, other))
        )
        pair = names[0], name
        found = difference(
            pair, hits_of(own), hits_of(second), groups_of(one.folder.run for one in own)
        )
        accuracy, macs = (
            [mean(getattr(one.row, figure) for one in both) for both in (own, second)]
            for figure in ("accuracy", "macs")
        )
        print(line_of(found, accuracy, macs))


if __name__ == "__main__":
    main()
