"""Segments in the formats of other programs: Audacity's label track, Raven's selection table."""

from collections.abc import Iterable

from asc_nas.core.plain_text import visible
from asc_nas.runtime.segments import Segment

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


def audacity_labels(segments: Iterable[Segment]) -> str:
    """Return a label track (File > Import > Labels): start, end, label; tabs between, no header."""
    rows = ((f"{s.start:.6f}", f"{s.end:.6f}", _one_line(s.label)) for s in segments)
    return _table(rows)


def raven_selections(segments: Iterable[Segment], highest: float) -> str:
    """Return a selection table: a header, then one selection per segment over all frequencies.

    Parameters
    ----------
    highest : float
        Upper edge of the selections in hertz.
    """
    rows = (
        (
            *(str(number), "Spectrogram 1", "1"),
            *(f"{s.start:.6f}", f"{s.end:.6f}", "0.0", f"{highest:.1f}"),
            *(_one_line(s.label), f"{s.probability:.4f}"),
        )
        for number, s in enumerate(segments, start=1)
    )
    return _table([_RAVEN_COLUMNS, *rows])


def _table(rows: Iterable[tuple[str, ...]]) -> str:
    return "".join("\t".join(row) + "\n" for row in rows)


def _one_line(label: str) -> str:
    """Return a label without the tabs and line ends that would be taken for separators."""
    return visible(" ".join(label.split()))
