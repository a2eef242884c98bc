"""Parquet files with a header of ours in their metadata; both have checksums."""

import json
from pathlib import Path
from typing import Any

from asc_nas.core.errors import AscNasError
from asc_nas.core.files import atomic_path, check_sum, json_text, with_checksum


def write_parquet(path: Path, table: Any, header: dict[str, Any]) -> None:
    """Write a table of pyarrow with a header (plain data), atomically."""
    import pyarrow.parquet as pq

    stamped = with_checksum(header | {"columns": _columns(table), "rows": table.num_rows})
    table = table.replace_schema_metadata({"asc_nas": json_text(stamped)})
    # Through open files, as pyarrow takes no path that is not UTF-8.
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        pq.write_table(table, file, write_page_checksum=True)


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
        content = path.open("rb")
    except OSError as error:
        raise AscNasError(f"{path}: not readable ({error.strerror}).") from error
    try:
        with content as file:
            table = pq.read_table(file, page_checksum_verification=True)
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
