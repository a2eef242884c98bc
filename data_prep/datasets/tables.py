"""Tables that datasets are published with: rows with their line numbers, or one clear error."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from asc_nas.core.errors import AscNasError

HEADER = "filename"
"""First cell of the header that some of the DCASE lists have and others lack."""


def read_lines(table: Path) -> list[str]:
    """Return the lines of a text file.

    Raises
    ------
    AscNasError
        If the file is missing or is not UTF-8 text.
    """
    if not table.is_file():
        raise AscNasError(f"{table}: no such file; unpack the whole dataset again.")
    try:
        return table.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise AscNasError(f"{table}: not readable as text ({error}).") from error


def tab_rows(table: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield line number (from 1) and cells of a table separated by tabs.

    Blank lines and a header, which is a first row that starts with `HEADER`, are left out.

    Raises
    ------
    AscNasError
        If the file is missing or is not UTF-8 text.
    """
    for number, line in enumerate(read_lines(table), start=1):
        if not line.strip() or (number == 1 and line.startswith(HEADER)):
            continue
        yield number, [cell.strip() for cell in line.split("\t")]


def rows_of(
    table: Path, lines: Iterable[str], delimiter: str = ",", **options: Any
) -> Iterator[tuple[int, list[str]]]:
    """Yield the line that a row begins in (from 1), and its cells; blank lines are left out.

    Parameters
    ----------
    table : named in an error
    options : see `csv.reader`

    Raises
    ------
    AscNasError
        With the line, if a row is no CSV: a quotation mark is not closed, or a cell is too long.
    """
    rows = csv.reader(lines, delimiter=delimiter, strict=True, **options)
    begins = 1
    try:
        for cells in rows:
            if cells:
                yield begins, cells
            begins = rows.line_num + 1
    except csv.Error as error:
        raise AscNasError(
            f"{table}, line {begins}: not readable as CSV ({error}); close or double the quotation "
            "marks of the row that begins there."
        ) from error


def csv_rows(table: Path, columns: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield line number and the named columns of a table separated by commas, with a header.

    Raises
    ------
    AscNasError
        If the file is missing, is not UTF-8 text or no CSV, or if a column or a value is missing.
    """
    rows = rows_of(table, [f"{line}\n" for line in read_lines(table)])
    _, found = next(rows, (1, []))
    for name in columns:
        if name not in found:
            raise AscNasError(
                f"{table}, line 1: the column '{name}' is missing; the file should have the "
                f"columns {', '.join(columns)}, so unpack the dataset again."
            )
    for line, cells in rows:
        row = dict(zip(found, cells, strict=False))
        values = {name: row.get(name, "").strip() for name in columns}
        if empty := [name for name in columns if not values[name]]:
            raise AscNasError(
                f"{table}, line {line}, column '{empty[0]}': the value is missing; "
                "unpack the dataset again."
            )
        yield line, values


def malformed(table: Path, line: int, expected: str, found: Iterable[str]) -> AscNasError:
    """Return the error of a row that does not follow the layout."""
    row = "\t".join(found)
    return AscNasError(
        f"{table}, line {line}: expected {expected}, found {row!r}; unpack the dataset again."
    )


def whole_number(table: Path, line: int, column: str, text: str) -> int:
    """Return a cell as a number.

    Raises
    ------
    AscNasError
        If it is not a whole number.
    """
    if not (text.isascii() and text.isdigit()):
        raise AscNasError(
            f"{table}, line {line}, column '{column}': '{text}' is not a whole number; unpack the "
            "dataset again."
        )
    return int(text)
