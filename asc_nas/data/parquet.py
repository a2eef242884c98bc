"""Parquet files with a header of ours in their metadata; both have checksums.

pyarrow gets and gives bytes, as it takes no path that is not UTF-8, and it reads them on one
thread: its own threads may still hold an object of Python's when the process exits, which then
aborts (seen in one of nine processes on a busy machine).
"""

import json
from pathlib import Path
from typing import Any

from asc_nas.core.errors import AscNasError
from asc_nas.core.files import check_sum, json_text, with_checksum, write_bytes


def write_parquet(path: Path, table: Any, header: dict[str, Any]) -> None:
    """Write a table of pyarrow with a header (plain data), atomically."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    stamped = with_checksum(header | {"columns": _columns(table), "rows": table.num_rows})
    table = table.replace_schema_metadata({"asc_nas": json_text(stamped)})
    made = pa.BufferOutputStream()
    pq.write_table(table, made, write_page_checksum=True)
    write_bytes(path, made.getvalue())


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
        content = path.read_bytes()
    except OSError as error:
        raise AscNasError(f"{path}: not readable ({error.strerror}).") from error
    try:
        file = pq.ParquetFile(pa.BufferReader(content), page_checksum_verification=True)
        table = file.read(use_threads=False)
        header = json.loads((table.schema.metadata or {})[b"asc_nas"])
        columns = _columns(table)
        whole = (
            check_sum(header)
            and header.pop("rows", table.num_rows) == table.num_rows
            and columns.items() <= header.pop("columns", columns).items()
        )
        rows: list[dict[str, Any]] = table.to_pylist()
    except (
        pa.ArrowException,
        AttributeError,
        LookupError,
        TypeError,
        ValueError,
        OSError,
    ) as error:
        raise AscNasError(f"{path}: {problem}") from error
    if not whole:
        raise AscNasError(f"{path}: {problem}")
    return rows, header


def _columns(table: Any) -> dict[str, str]:
    """Return the type of each column: the pages' checksums cover neither that nor rows."""
    return {field.name: str(field.type) for field in table.schema}
