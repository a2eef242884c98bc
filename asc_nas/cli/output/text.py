"""Text on a terminal."""

import codecs
import io
import sys
from pathlib import Path
from typing import Any

from asc_nas.core.files import naming
from asc_nas.core.plain_text import visible

OUTPUT = Path("standard output")
WRITTEN_OUT = "asc-nas-written-out"
"""Name of what a codec does with characters that its encoding lacks."""


def _write_out(error: UnicodeError) -> tuple[str, int]:
    r"""Write characters as JSON escapes them, so that JSON stays JSON: ``\u96e8``."""
    assert isinstance(error, UnicodeEncodeError)
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2)), error.end


codecs.register_error(WRITTEN_OUT, _write_out)


def print_whatever_comes() -> None:
    """Let both streams write out what the terminal's encoding lacks, wherever text is printed."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=WRITTEN_OUT)


class _Output(io.TextIOWrapper):
    """Standard output, whose errors say that it is."""

    def write(self, text: str) -> int:
        with naming(OUTPUT):
            return super().write(text)

    def flush(self) -> None:
        with naming(OUTPUT):
            super().flush()


def name_output() -> None:
    """Let errors of standard output say that they are about it."""
    stream = sys.stdout
    if type(stream) is io.TextIOWrapper:
        settings: dict[str, Any] = {
            name: getattr(stream, name)
            for name in ("encoding", "errors", "line_buffering", "write_through")
        }
        sys.stdout = _Output(stream.detach(), **settings)


def shown(text: str | Path) -> str:
    """Return a line that can be printed, whatever bytes a file name or an error holds."""
    return encodable(visible(str(text)))


def encodable(text: str) -> str:
    """Return text that the terminal's encoding has."""
    encoding = sys.stdout.encoding or "utf-8"
    return text.encode(encoding, WRITTEN_OUT).decode(encoding)


def clock(seconds: float) -> str:
    """Return a time in a recording, as ``1:02:03.4``."""
    tenths = round(seconds * 10)
    return f"{tenths // 36000}:{tenths // 600 % 60:02d}:{tenths // 10 % 60:02d}.{tenths % 10}"
