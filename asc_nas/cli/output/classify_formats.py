"""The formats of ``asc-nas classify`` for programs."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asc_nas.cli.output.classify_work import Outcome


class Format(StrEnum):
    """How the answers are given."""

    table = "table"
    json = "json"
    csv = "csv"
    segments = "segments"
    audacity = "audacity"
    raven = "raven"


ENDINGS = {
    Format.json: ".json",
    Format.csv: ".csv",
    Format.segments: ".segments.csv",
    Format.audacity: ".labels.txt",
    Format.raven: ".selections.txt",
}
"""Endings of result files; the table is for people, and is not written to files."""
ONE_RECORDING = {Format.audacity, Format.raven}
"""Formats that have no place for a recording's name."""


def text_of(output: Format, outcomes: "Sequence[Outcome]") -> str:
    """Return what is printed for all recordings together."""
    if output is Format.json:
        return json_text([entry(outcome) for outcome in outcomes])
    return _TEXTS[output](outcomes)


def text_of_one(output: Format, outcome: "Outcome") -> str:
    """Return the content of one recording's result file: of JSON, its object without the array."""
    return json_text(entry(outcome)) if output is Format.json else _TEXTS[output]([outcome])


def entry(outcome: "Outcome") -> dict[str, Any]:
    """Return one recording's object of the JSON output."""
    if outcome.answer is None:
        return {"path": str(outcome.recording.path), "error": outcome.error}
    return outcome.answer.to_json()


def json_text(value: Any) -> str:
    """Return JSON in ASCII: a file name may hold what the terminal, or UTF-8, cannot."""
    return json.dumps(value, indent=2) + "\n"


def _csv(outcomes: "Sequence[Outcome]") -> str:
    rows = [entry(outcome) for outcome in outcomes]
    return _rows(["path", "label", "probability", "error"], rows)


def _segments(outcomes: "Sequence[Outcome]") -> str:
    rows: list[dict[str, Any]] = []
    for found in map(entry, outcomes):
        path = {"path": found["path"]}
        rows += [path | segment for segment in found.get("segments", [path | found])]
    return _rows(["path", "start", "end", "label", "probability", "error"], rows)


def _rows(columns: list[str], rows: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    table = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    return text.getvalue()


def _audacity(outcomes: "Sequence[Outcome]") -> str:
    from asc_nas.runtime.labels_out import audacity_labels

    return "".join(audacity_labels(o.answer.segments) for o in outcomes if o.answer)


def _raven(outcomes: "Sequence[Outcome]") -> str:
    from asc_nas.runtime.labels_out import raven_selections

    return "".join(
        raven_selections(o.answer.segments, o.frontend.highest)
        for o in outcomes
        if o.answer and o.frontend
    )


_TEXTS: "dict[Format, Callable[[Sequence[Outcome]], str]]" = {
    Format.csv: _csv,
    Format.segments: _segments,
    Format.audacity: _audacity,
    Format.raven: _raven,
}
