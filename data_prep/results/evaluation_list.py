"""The list of an evaluation set, whose labels nobody but the organisers knows."""

from dataclasses import dataclass
from pathlib import Path

from asc_nas.core.errors import AscNasError
from data_prep.results.ground_truth import DEVICE, PATH, check_new, read_table

LISTS = ("evaluation_setup/fold1_test.csv", "meta.csv")
"""Where the list may stand in the folder of the set."""
DEVICES = ("device_id", DEVICE)
"""Columns that name the recording device, if there is one."""


@dataclass(frozen=True)
class EvaluationList:
    """The clips to answer for.

    Attributes
    ----------
    folder : Path
        Paths start from it.
    paths : tuple of str
        As the list names them, and the result file has to.
    devices : tuple of str, or None
        One per clip; None where the list names none.
    """

    folder: Path
    paths: tuple[str, ...]
    devices: tuple[str, ...] | None


def read_evaluation(folder: Path) -> EvaluationList:
    """Read the list of the evaluation set in `folder`.

    Raises
    ------
    AscNasError
        If there is no list, it is malformed, names a clip twice, or one that is not there.
    """
    table = next((folder / name for name in LISTS if (folder / name).is_file()), None)
    if table is None:
        raise AscNasError(
            f"{folder}: has no {' and no '.join(LISTS)}; give the folder of the evaluation set."
        )
    header, rows = read_table(table)
    columns = header or [PATH]
    column = next((columns.index(name) for name in DEVICES if name in columns), None)
    seen: dict[str, int] = {}
    for number, cells in rows:
        if len(cells) != len(columns):
            raise AscNasError(
                f"{table}, line {number}: expected {', '.join(columns)}, separated by tabs, found "
                f"{len(cells)} values."
            )
        check_new(table, number, cells[0], seen)
        if not (folder / cells[0]).is_file():
            raise AscNasError(
                f"{table}, line {number}: {folder / cells[0]} is missing; unpack the audio of the "
                "evaluation set there."
            )
    devices = None if column is None else tuple(cells[column] for _, cells in rows)
    return EvaluationList(folder, tuple(cells[0] for _, cells in rows), devices)
