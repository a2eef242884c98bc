"""Segments in the formats of other programs: Audacity's label track, Raven's selection table."""

from collections.abc import Collection, Iterable
from datetime import datetime
from math import floor, inf

from asc_nas.core.plain_text import visible
from asc_nas.runtime.recording_time import time_text
from asc_nas.runtime.segments import Segment

ANSWER_COLUMNS = ("path", "label", "probability", "error", "start_time")
SEGMENT_COLUMNS = ("path", "start", "end", "label", "probability", "error", "start_time")
CLIP_COLUMNS = (
    *("path", "label", "probability", "group"),
    *("source_start", "source_end", "start_time"),
)
"""Of the CSV files that ``asc-nas classify`` writes. The list of clips is one to learn from, too.
"""
WRITTEN_COLUMNS = frozenset({*ANSWER_COLUMNS, *SEGMENT_COLUMNS, *CLIP_COLUMNS})
_OF_ANSWERS = frozenset({"path", "label", "probability", "error"})
_RAVEN_COLUMNS = (
    "Selection",
    "View",
    "Channel",
    "Begin Time (s)",
    "End Time (s)",
    "Low Freq (Hz)",
    "High Freq (Hz)",
    "Scene",
    "Probability",
)


def is_answers(columns: Collection[str]) -> bool:
    """Return whether a table with these columns holds answers of ``asc-nas classify``."""
    return _OF_ANSWERS.issubset(columns)


def column_of(label: str) -> str:
    """Return the column of a label's probability; no label has the name of another column so."""
    return f"probability_{label}"


def audacity_labels(segments: Iterable[Segment], seconds: float = inf) -> str:
    """Return a label track (File > Import > Labels): start, end, label; tabs between, no header.

    Parameters
    ----------
    seconds : float
        Length of the recording: no label ends behind it.
    """
    return _table((*_times(s, seconds), _one_line(s.label)) for s in segments)


def raven_selections(
    segments: Iterable[Segment],
    highest: float,
    seconds: float = inf,
    start_time: datetime | None = None,
) -> str:
    """Return a selection table: a header, then one selection per segment over all frequencies.

    Parameters
    ----------
    highest : float
        Upper edge of the selections in hertz; at most half the recording's sample rate.
    seconds : float
        Length of the recording: no selection ends behind it.
    start_time : datetime, optional
        When the recording began; then the table has a column with the time of each selection.
    """
    time = () if start_time is None else ("Start Time",)
    rows = (
        (
            *(str(number), "Spectrogram 1", "1"),
            *(*_times(s, seconds), "0.0", f"{highest:.1f}"),
            *(_one_line(s.label), f"{s.probability:.4f}"),
            *(time_text(start_time, s.start) for _ in time),
        )
        for number, s in enumerate(segments, start=1)
    )
    return _table([(*_RAVEN_COLUMNS, *time), *rows])


def _times(segment: Segment, seconds: float) -> tuple[str, str]:
    """Return start and end to a microsecond; resampling may have made the end a little later."""
    end = segment.end if segment.end < seconds else floor(seconds * 1e6 + 1e-3) / 1e6
    return f"{segment.start:.6f}", f"{end:.6f}"


def _table(rows: Iterable[tuple[str, ...]]) -> str:
    return "".join("\t".join(row) + "\n" for row in rows)


def _one_line(label: str) -> str:
    """Return a label without the tabs and line ends that would be taken for separators."""
    return visible(" ".join(label.split()))
