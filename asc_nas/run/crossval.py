"""The folds of a cross-validation, and what its results come to."""

from collections.abc import Sequence
from statistics import mean, stdev
from typing import Any

from asc_nas.core.errors import AscNasError, UsageError, closest
from asc_nas.data.manifest import Manifest

FORMAT = "asc-nas/crossval/1"
SCORES = ("accuracy", "macro_f1", "log_loss")
SEARCHED = "searched"
"""What the search found in each fold: another genotype in each, under one name."""

Row = dict[str, Any]


def official_folds(manifest: Manifest, wanted: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the published folds in their order, 2 before 10, or those of them that are wanted.

    Raises
    ------
    AscNasError
        If the set has no folds, or one published split only.
    UsageError
        If a wanted fold does not exist.
    """
    folds = sorted({clip.fold for clip in manifest.clips} - {""}, key=lambda f: (len(f), f))
    if len(folds) < 2 or set(folds) == {"train", "test"}:
        has = "one published split into train and test" if "test" in folds else "no folds"
        raise AscNasError(
            f"{manifest.name}: has {has}, and a cross-validation needs two folds or more; "
            "run 'asc-nas run' with several seeds instead."
        )
    for fold in wanted:
        if fold not in folds:
            raise UsageError(
                f"{manifest.name}: no fold '{fold}'.{closest(fold, folds)} "
                f"Folds: {', '.join(folds)}."
            )
    return tuple(fold for fold in folds if fold in wanted or not wanted)


def row_of(result: dict[str, Any], fold: str, network: str | None = None) -> Row:
    """Return what is kept of one training's result, with the fold it was tested on.

    Parameters
    ----------
    network : what the training counts as, if not as the network's own name
    """
    kept = ("genotype", "seed", *SCORES, "macs", "params", "test_clips")
    name = network or result["network"]
    return {"network": name, "fold": fold} | {key: result[key] for key in kept}


def crossval_document(data: str, rows: Sequence[Row]) -> dict[str, Any]:
    """Return ``crossval.json``: every single result, and their summary.

    Parameters
    ----------
    data : name of the dataset
    rows : as `row_of` gives them
    """
    return {"format": FORMAT, "data": data, "summary": summary(rows), "results": list(rows)}


def summary(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return the mean and the spread of each network's scores, over folds and seeds.

    Every fold counts the same, however many clips it has. `std` is the standard deviation of the
    single trainings (n - 1 in the denominator; None of one), and not an interval for the mean: the
    folds share most of their training clips.

    Returns
    -------
    One object per network, in the order of `rows`: ``network``, ``trainings``; ``mean`` and ``std``
    of accuracy, macro_f1 and log_loss; ``folds``, the means by fold; ``macs`` and ``params`` with
    ``min`` and ``max``, which differ where each fold has its own network.
    """
    found = []
    for network in dict.fromkeys(row["network"] for row in rows):
        own = [row for row in rows if row["network"] == network]
        by_fold: dict[str, list[Row]] = {}
        for row in own:
            by_fold.setdefault(row["fold"], []).append(row)
        costs = {key: [row[key] for row in own] for key in ("macs", "params")}
        entry = {"network": network, "trainings": len(own)}
        entry |= {score: _mean_and_std([row[score] for row in own]) for score in SCORES}
        entry["folds"] = {
            fold: {score: mean(row[score] for row in part) for score in SCORES}
            for fold, part in by_fold.items()
        }
        entry |= {key: {"min": min(values), "max": max(values)} for key, values in costs.items()}
        found.append(entry)
    return found


def _mean_and_std(values: Sequence[float]) -> dict[str, float | None]:
    return {"mean": mean(values), "std": stdev(values) if len(values) > 1 else None}
