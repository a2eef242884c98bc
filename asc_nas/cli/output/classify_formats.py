"""The formats of ``asc-nas classify`` for programs."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from asc_nas.core.plain_text import as_text, visible

if TYPE_CHECKING:
    from asc_nas.runtime.card import ModelCard
    from asc_nas.runtime.recordings import Answer


class Format(StrEnum):
    """How the answers are given."""

    table = "table"
    json = "json"
    csv = "csv"
    segments = "segments"
    dcase = "dcase"
    audacity = "audacity"
    raven = "raven"


ENDINGS = {
    Format.json: ".json",
    Format.csv: ".csv",
    Format.segments: ".segments.csv",
    Format.audacity: ".labels.txt",
    Format.raven: ".selections.txt",
}
"""Endings of result files. The table is for people, and is not written to files; a result file of
a challenge is one for all recordings."""
ONE_RECORDING = {Format.audacity, Format.raven}
"""Formats that have no place for a recording's name."""


def text_of(output: Format, answers: "Sequence[Answer]") -> str:
    """Return what is printed for all recordings together; see also `dcase_text`."""
    if output is Format.json:
        return json_text([answer.to_json() for answer in answers])
    return _TEXTS[output](answers)


def text_of_one(output: Format, answer: "Answer") -> str:
    """Return the content of one recording's result file: of JSON, its object without the array."""
    return json_text(answer.to_json()) if output is Format.json else _TEXTS[output]([answer])


def json_text(value: Any) -> str:
    """Return JSON in ASCII: a file name may hold what the terminal, or UTF-8, cannot."""
    return json.dumps(value, indent=2, allow_nan=False) + "\n"


def csv_text(columns: Sequence[str], rows: list[dict[str, Any]]) -> str:
    """Return CSV with a header; what a row has besides the columns is left out."""
    text = io.StringIO()
    table = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n")
    table.writerow({column: visible(column) for column in columns})
    table.writerows({key: _cell(key, value) for key, value in row.items()} for row in rows)
    return text.getvalue()


def _csv(answers: "Sequence[Answer]") -> str:
    from asc_nas.runtime.labels_out import ANSWER_COLUMNS

    rows = [answer.row() for answer in answers]
    columns = dict.fromkeys((*ANSWER_COLUMNS, *(column for row in rows for column in row)))
    return csv_text([*columns], rows)


def _segments(answers: "Sequence[Answer]") -> str:
    from asc_nas.runtime.labels_out import SEGMENT_COLUMNS

    rows: list[dict[str, Any]] = []
    for found in (answer.to_json() for answer in answers):
        path = {"path": found["path"]}
        rows += [path | segment for segment in found.get("segments", [path | found])]
    return csv_text(SEGMENT_COLUMNS, rows)


def _cell(column: str, value: Any) -> Any:
    """Return what a spreadsheet takes for text, and not for a formula, and a terminal shows.

    A path is written as in a manifest, so that corrected answers can be read as a list of clips.
    """
    if not isinstance(value, str):
        return value
    text = as_text(PurePath(value)) if column == "path" else visible(value)
    if not text.startswith(("=", "+", "-", "@")):
        return text
    return f"./{text}" if column == "path" else f"'{text}"


def dcase_text(answers: "Sequence[Answer]", card: "ModelCard") -> str:
    """Return the result file that the challenge of the model's dataset asks for.

    The probabilities are those of the classes alone; of a recording that is silent all are equal.

    Parameters
    ----------
    card : of the model that gave the answers
    """
    import numpy as np

    from data_prep.results.dcase_results import result_format, results_text

    found = [(each.recording.name, each.classification) for each in answers if each.classification]
    posteriors = np.array(
        [[answer.scores[label] for label in card.labels] for _, answer in found]
    ).reshape(len(found), len(card.labels))
    posteriors += posteriors.sum(axis=1, keepdims=True) == 0
    posteriors /= posteriors.sum(axis=1, keepdims=True)
    names = [as_text(name) for name, _ in found]
    return results_text(names, posteriors, card.labels, result_format(card.data.name))


def _audacity(answers: "Sequence[Answer]") -> str:
    from asc_nas.runtime.labels_out import audacity_labels

    found = (answer.classification for answer in answers)
    return "".join(audacity_labels(each.segments, each.duration) for each in found if each)


def _raven(answers: "Sequence[Answer]") -> str:
    from asc_nas.runtime.labels_out import raven_selections

    return "".join(
        raven_selections(
            found.segments,
            min(a.frontend.highest, signal.highest),
            found.duration,
            found.start_time,
        )
        for a in answers
        if a.frontend and (found := a.classification) and (signal := found.signal)
    )


_TEXTS: "dict[Format, Callable[[Sequence[Answer]], str]]" = {
    Format.csv: _csv,
    Format.segments: _segments,
    Format.audacity: _audacity,
    Format.raven: _raven,
}
