"""Parquet files with a header of ours in their metadata; both have checksums."""

import json
from pathlib import Path
from typing import Any

from asc_nas.core.errors import AscNasError
from asc_nas.core.files import atomic_path, check_sum, with_checksum


def write_parquet(path: Path, table: Any, header: dict[str, Any]) -> None:
    """Write a table of pyarrow with a header (plain data), atomically."""
    import pyarrow.parquet as pq

    metadata = {"asc_nas": json.dumps(with_checksum(header))}
    with atomic_path(path) as temporary:
        pq.write_table(table.replace_schema_metadata(metadata), temporary, write_page_checksum=True)


def read_parquet(path: Path, problem: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the rows and the header.

    Parameters
    ----------
    problem : str
        The sentence behind the path if the file is damaged, or not ours.

    Raises
    ------
    AscNasError
        If it is. Files that were written without checksums are taken as they are.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path, page_checksum_verification=True)
        header = json.loads((table.schema.metadata or {})[b"asc_nas"])
        rows: list[dict[str, Any]] = table.to_pylist()
    except (pa.ArrowException, LookupError, TypeError, ValueError, OSError) as error:
        raise AscNasError(f"{path}: {problem}") from error
    if not isinstance(header, dict) or not check_sum(header):
        raise AscNasError(f"{path}: {problem}")
    return rows, header
