"""Text on a terminal."""

import sys
from pathlib import Path


def shown(text: str | Path) -> str:
    """Return text that can be printed, whatever bytes a file name holds."""
    encoding = sys.stdout.encoding or "utf-8"
    return str(text).encode(encoding, "backslashreplace").decode(encoding)


def clock(seconds: float) -> str:
    """Return a time in a recording, as ``1:02:03.4``."""
    tenths = round(seconds * 10)
    return f"{tenths // 36000}:{tenths // 600 % 60:02d}:{tenths // 10 % 60:02d}.{tenths % 10}"
