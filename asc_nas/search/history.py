"""What the search evaluated, generation by generation, in one Parquet file."""

import json
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from asc_nas.core.errors import AscNasError
from asc_nas.core.files import atomic_path
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
    meta = json.dumps({"format": FORMAT, **belongs_to})
    with atomic_path(path) as temporary:
        pq.write_table(table.replace_schema_metadata({"asc_nas": meta}), temporary)


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
    try:
        table = pq.read_table(path)
        meta = json.loads((table.schema.metadata or {})[b"asc_nas"])
    except (pa.ArrowException, KeyError, ValueError, OSError) as error:
        raise AscNasError(f"{path}: not a search history; delete it to search anew.") from error
    rows = []
    for row in table.to_pylist():
        number, genotype = row.pop("generation"), Genotype.parse(row["genotype"])
        rows.append((number, Evaluation(**row | {"genotype": genotype})))
    return rows, meta
