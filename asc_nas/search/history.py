"""What the search evaluated, generation by generation, in one Parquet file."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from asc_nas.core.files import as_written
from asc_nas.data.parquet import read_parquet, write_parquet
from asc_nas.search.objectives import Evaluation
from asc_nas.space.genotype import Genotype

FORMAT = "asc-nas/history/1"


def write_history(
    path: Path, generations: Sequence[Sequence[Evaluation]], belongs_to: dict[str, str]
) -> None:
    """Write one row per generation and genotype, atomically.

    Parameters
    ----------
    belongs_to : what the scores depend on (supernet hash, split), checked on reading
    """
    rows = [
        {"generation": number, **evaluation.row()}
        for number, evaluations in enumerate(generations, start=1)
        for evaluation in evaluations
    ]
    table = pa.Table.from_pylist(rows)
    write_parquet(path, table, {"format": FORMAT, **belongs_to})


def read_history(path: Path, belongs_to: dict[str, str]) -> list[Evaluation]:
    """Return the evaluations of an earlier search with the same weights and split; else none.

    Raises
    ------
    AscNasError
        If the file is not a search history.
    """
    if not path.exists():
        return []
    rows, meta = _read(path)
    if meta != {"format": FORMAT, **belongs_to}:
        return []
    return [evaluation for _, evaluation in rows]


def read_generations(path: Path) -> list[list[Evaluation]]:
    """Return the evaluations of each generation, whatever weights and split they belong to.

    Raises
    ------
    AscNasError
        If the file is not a search history.
    """
    generations: dict[int, list[Evaluation]] = {}
    for number, evaluation in _read(path)[0]:
        generations.setdefault(number, []).append(evaluation)
    return [generations[number] for number in sorted(generations)]


def _read(path: Path) -> tuple[list[tuple[int, Evaluation]], dict[str, str]]:
    """Return (generation, evaluation) of every row, and what the scores depend on."""
    stored, meta = read_parquet(path, "not a list of what was judged; delete it to judge anew.")
    rows = []
    with as_written(path, "delete it to judge anew"):
        for row in stored:
            number, genotype = row.pop("generation"), Genotype.parse(row["genotype"])
            rows.append((number, Evaluation(**row | {"genotype": genotype})))
    return rows, meta
