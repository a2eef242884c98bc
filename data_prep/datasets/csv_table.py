"""Own recordings listed in a CSV or TSV file."""

import math
from io import StringIO
from pathlib import Path

from asc_nas.core.errors import AscNasError, closest
from asc_nas.core.plain_text import as_path, as_text
from asc_nas.data.manifest import Clip, Manifest
from asc_nas.runtime.labels_out import WRITTEN_COLUMNS, is_answers
from data_prep.datasets.class_folders import channels_or_one
from data_prep.datasets.reader import READERS, DatasetInfo, Reader
from data_prep.datasets.tables import rows_of

REQUIRED = ("path", "label")
TIMES = ("start", "duration", "end")
ROUNDING = 0.01
"""Seconds that an end may lie beside start plus duration."""
OPTIONAL = ("fold", "group", "device", "start", "end", "duration")


def read_csv_table(table: Path) -> Manifest:
    """Read a table with the columns path and label, and any of the optional ones.

    Columns: ``path`` (relative to the table), ``label``, ``fold``, ``group`` (the path if absent or
    empty), ``device``, and in seconds ``start`` with ``duration`` or ``end``. Others are ignored.
    Fields are separated by tabs in a ``.tsv`` file, otherwise by commas (or by semicolons if the
    header has no comma). Labels are sorted.

    Raises
    ------
    AscNasError
        With line and column, if a column or a value is missing, or a value is wrong.
    """
    if not table.is_file():
        raise AscNasError(f"{table}: not a file; give the CSV or TSV file that lists the clips.")
    try:
        text = table.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise AscNasError(f"{table}: not readable ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise AscNasError(f"{table}, line {line}: not UTF-8 text; save it as UTF-8.") from error
    if not text.strip():
        raise AscNasError(f"{table}: the file is empty; give it a header with path and label.")
    delimiter = _delimiter(table, text.partition("\n")[0])
    rows = rows_of(table, StringIO(text, newline=""), delimiter, skipinitialspace=True)
    _, columns = next(rows)
    _check_columns(table, columns)
    clips = [_clip(table, line, columns, cells) for line, cells in rows]
    if not clips:
        raise AscNasError(f"{table}: lists no clips below its header.")
    labels = tuple(sorted({clip.label for clip in clips}))
    return Manifest(as_text(Path(table.stem)), table.resolve().parent, labels, tuple(clips))


def _delimiter(table: Path, header: str) -> str:
    if table.suffix.lower() in (".tsv", ".tab"):
        return "\t"
    return next((mark for mark in ",;\t" if mark in header), ",")


def _check_columns(table: Path, columns: list[str]) -> None:
    if is_answers(columns):
        raise AscNasError(
            f"{table}: holds answers of 'asc-nas classify', not labels; if they are corrected and "
            "to be taken for labels, remove the column 'error'."
        )
    known = (*REQUIRED, *OPTIONAL)
    guessed = [name for name in known if name != "end"]  # so short that half of all words are near
    meant = {*known, *WRITTEN_COLUMNS}  # of a list that `classify` wrote and somebody corrected
    missing = [name for name in known if name not in columns]
    for name in columns:
        likely = closest(name, guessed) if name not in meant else ""
        if any(f"'{right}'" in likely for right in missing):
            raise AscNasError(f"{table}, line 1: unknown column '{name}'.{likely}")
    for name in REQUIRED:
        if name in missing:
            raise AscNasError(
                f"{table}, line 1: the column '{name}' is missing. Columns: {', '.join(columns)}."
            )


def _clip(table: Path, line: int, columns: list[str], cells: list[str]) -> Clip:
    row = dict(zip(columns, cells, strict=False))
    values = {name: row.get(name, "").strip() for name in (*REQUIRED, *OPTIONAL)}
    if len(cells) > len(columns):
        raise AscNasError(f"{table}, line {line}: more fields than the header has columns.")
    for name in REQUIRED:
        if not values[name]:
            raise AscNasError(f"{table}, line {line}, column '{name}': the value is missing.")
    # As a manifest names a file whose name is no text, or as the file is called.
    named = (as_path(values["path"]), Path(values["path"]))
    found = next((name for name in named if (table.resolve().parent / name).is_file()), None)
    if found is None:
        raise AscNasError(f"{table}, line {line}, column 'path': no such file {values['path']}.")
    times = {name: _seconds(table, line, name, values[name]) for name in TIMES}
    start, duration = times["start"], times["duration"]
    if values["end"]:
        lasts = times["end"] - start
        if lasts <= 0:
            raise AscNasError(
                f"{table}, line {line}, column 'end': {values['end']} s is not behind the start."
            )
        if duration and abs(duration - lasts) > ROUNDING:
            raise AscNasError(
                f"{table}, line {line}, column 'end': {values['end']} s is not the start plus the "
                f"duration, {start + duration:g} s; keep the one that is right."
            )
        duration = duration or lasts
    return Clip(
        path=as_text(found),
        label=values["label"],
        fold=values["fold"],
        group=values["group"] or values["path"],
        device=values["device"],
        channels=channels_or_one(table.resolve().parent / found),
        start=start,
        duration=duration,
    )


def _seconds(table: Path, line: int, column: str, text: str) -> float:
    try:
        seconds = float(text or 0)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise AscNasError(
            f"{table}, line {line}, column '{column}': '{text}' is not a number of seconds."
        )
    return seconds


READERS.register("csv")(
    Reader(
        read_csv_table,
        DatasetInfo(
            f"own recordings in a CSV or TSV file with the columns {' and '.join(REQUIRED)}",
            "yours",
        ),
    )
)
