"""The challenge's result files: written, read back, and compared with a ground truth.

Two formats, both separated by tabs, as the DCASE challenges ask for them:

- ``labels``: no header, ``filename  label`` (DCASE 2018 Task 5; Task 1 of 2016 to 2019).
- ``probabilities``: the header ``filename  scene_label`` and one column per class, then one line
  per clip (Task 1 since 2020). ``scene_label`` is the decision, whatever the probabilities say.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from asc_nas.core.errors import AscNasError, UsageError, closest
from asc_nas.core.files import write_text
from asc_nas.evaluation.scores import Decisions
from data_prep.results.ground_truth import LABEL, PATH, Truth, check_new, clip_key, read_table

FORMATS = ("labels", "probabilities")
SUM_TOLERANCE = 0.02
"""How far from 1 the probabilities of a clip may sum up, to leave room for rounded ones."""

_LABELS_ONLY = ("dcase2018-task5", "dcase2013", "tut-", "tau-urban-2019")


@dataclass(frozen=True)
class Results:
    """A result file: each clip's line, its decision and, if given, its probabilities.

    Attributes
    ----------
    source : Path
    lines : line number of each clip
    paths, decided : path and decided label of each clip
    labels : order of the classes of `probabilities`; empty without them
    probabilities : (clips, classes) float64, or None
        Rows sum to 1.
    """

    source: Path
    lines: tuple[int, ...]
    paths: tuple[str, ...]
    decided: tuple[str, ...]
    labels: tuple[str, ...]
    probabilities: NDArray[np.float64] | None


def result_format(dataset: str) -> str:
    """Return the format that the challenge of `dataset` (a manifest's name) asks for."""
    name = dataset.lower().replace("_", "-")
    return "labels" if name.startswith(_LABELS_ONLY) else "probabilities"


def write_results(
    target: Path,
    paths: Sequence[str],
    posteriors: NDArray[np.floating],
    labels: Sequence[str],
    form: str,
) -> None:
    """Write `results_text` to a file, atomically.

    Raises
    ------
    UsageError
        If there is no such format.
    """
    write_text(target, results_text(paths, posteriors, labels, form))


def results_text(
    paths: Sequence[str], posteriors: NDArray[np.floating], labels: Sequence[str], form: str
) -> str:
    """Return the decisions of `posteriors` (clips, classes) in the format `form`.

    Raises
    ------
    UsageError
        If there is no such format.
    """
    if form not in FORMATS:
        raise UsageError(f"no result format '{form}'; the formats are {', '.join(FORMATS)}.")
    decided = [labels[index] for index in posteriors.argmax(1)]
    if form == "labels":
        rows = [[path, label] for path, label in zip(paths, decided, strict=True)]
    else:
        rows = [[PATH, LABEL, *labels]]
        for path, label, row in zip(paths, decided, posteriors, strict=True):
            rows.append([path, label, *map(_decimal, row)])
    return "".join("\t".join(row) + "\n" for row in rows)


def read_results(source: Path) -> Results:
    """Read a result file of either format.

    Raises
    ------
    AscNasError
        If a line is malformed, a clip is listed twice, or probabilities are none.
    """
    header, rows = read_table(source)
    columns = header or [PATH, LABEL]
    if columns[:2] != [PATH, LABEL] or len(set(columns)) < len(columns):
        raise AscNasError(
            f"{source}, line 1: expected the columns '{PATH}', '{LABEL}' and one per class, each "
            f"once, found {', '.join(columns)}."
        )
    seen: dict[str, int] = {}
    values = []
    for number, cells in rows:
        if len(cells) != len(columns):
            raise AscNasError(
                f"{source}, line {number}: expected {len(columns)} values separated by tabs, found "
                f"{len(cells)}."
            )
        check_new(source, number, cells[0], seen)
        if len(columns) > 2:
            values.append(_probabilities(source, number, cells[2:]))
    return Results(
        source,
        tuple(number for number, _ in rows),
        tuple(cells[0] for _, cells in rows),
        tuple(cells[1] for _, cells in rows),
        tuple(columns[2:]),
        np.array(values) if values else None,
    )


def compare(results: Results, truth: Truth) -> Decisions:
    """Return the decisions of `results` about the clips of `truth`, in its order.

    Paths are compared without a leading ``audio/``, which some challenges leave out.

    Raises
    ------
    AscNasError
        If the files do not list the same clips, or one has a label that the other does not know.
    """
    labels = truth.labels or results.labels or tuple(sorted(set(truth.targets)))
    if results.labels:
        _check_columns(results, truth, labels)
    position = {label: index for index, label in enumerate(labels)}
    for place, label in zip(truth.places, truth.targets, strict=True):
        if label not in position:
            raise AscNasError(
                f"{place}: the label '{label}' is no column of {results.source}."
                f"{closest(label, labels)}"
            )
    row_of = {clip_key(path): row for row, path in enumerate(results.paths)}
    _check_clips(results, truth, row_of)
    for number, label in zip(results.lines, results.decided, strict=True):
        if label not in position:
            raise AscNasError(
                f"{results.source}, line {number}: the label '{label}' is none of {truth.source}."
                f"{closest(label, labels)} Labels: {', '.join(labels)}."
            )
    order = [row_of[clip_key(path)] for path in truth.paths]
    decided = np.array([position[results.decided[row]] for row in order], dtype=np.int64)
    targets = np.array([position[label] for label in truth.targets], dtype=np.int64)
    if results.probabilities is None:
        return Decisions(decided, targets, None, labels)
    columns = [results.labels.index(label) for label in labels]
    posteriors = results.probabilities[order][:, columns]
    return Decisions.of_posteriors(posteriors, targets, labels, decided)


def _probabilities(source: Path, number: int, cells: list[str]) -> list[float]:
    """Return the probabilities of one line, scaled to sum to 1."""
    try:
        values = [float(cell) for cell in cells]
    except ValueError as error:
        raise AscNasError(f"{source}, line {number}: not a probability ({error}).") from error
    for value in values:
        if not (math.isfinite(value) and value >= 0):
            raise AscNasError(
                f"{source}, line {number}: {value} is no probability; expected 0 to 1."
            )
    total = math.fsum(values)
    if abs(total - 1) > SUM_TOLERANCE:
        raise AscNasError(
            f"{source}, line {number}: the probabilities sum to {total:.4g}; they must sum to 1."
        )
    return [value / total for value in values]


def _check_columns(results: Results, truth: Truth, labels: tuple[str, ...]) -> None:
    for column in results.labels:
        if column not in labels:
            raise AscNasError(
                f"{results.source}, line 1: the column '{column}' is no label of {truth.source}."
                f"{closest(column, labels)}"
            )
    for label in labels:
        if label not in results.labels:
            raise AscNasError(f"{results.source}, line 1: there is no column for '{label}'.")


def _check_clips(results: Results, truth: Truth, row_of: dict[str, int]) -> None:
    wanted = {clip_key(path) for path in truth.paths}
    for number, path in zip(results.lines, results.paths, strict=True):
        if clip_key(path) not in wanted:
            raise AscNasError(
                f"{results.source}, line {number}: the clip '{path}' is not in {truth.source}."
            )
    missing = [place for place, path in enumerate(truth.paths) if clip_key(path) not in row_of]
    if missing:
        raise AscNasError(
            f"{results.source}: {len(missing)} of the {len(truth.paths)} clips are missing, the "
            f"first is '{truth.paths[missing[0]]}' ({truth.places[missing[0]]})."
        )


def _decimal(value: float) -> str:
    """Write a probability in full, without an exponent."""
    return np.format_float_positional(value, precision=9, fractional=False, trim="0")
