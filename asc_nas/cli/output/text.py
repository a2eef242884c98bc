"""Text on a terminal."""

import sys
from pathlib import Path

from asc_nas.core.plain_text import visible


def shown(text: str | Path) -> str:
    """Return a line that can be printed, whatever bytes a file name or an error holds."""
    return encodable(visible(str(text)))


def encodable(text: str) -> str:
    """Return text that the terminal's encoding has."""
    encoding = sys.stdout.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def clock(seconds: float) -> str:
    """Return a time in a recording, as ``1:02:03.4``."""
    tenths = round(seconds * 10)
    return f"{tenths // 36000}:{tenths // 600 % 60:02d}:{tenths // 10 % 60:02d}.{tenths % 10}"
