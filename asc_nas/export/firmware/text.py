"""Arrays and strings as C source."""

import textwrap
from collections.abc import Iterable

import numpy as np

_WIDTH = 100


def array(declaration: str, values: Iterable[int] | np.ndarray, suffix: str = "") -> str:
    """Return ``DECLARATION = {1, 2, 3};`` with lines of at most 100 characters."""
    numbers = ", ".join(f"{int(value)}{suffix}" for value in np.asarray(values).ravel())
    body = textwrap.fill(
        numbers, _WIDTH, initial_indent="    ", subsequent_indent="    ", break_long_words=False
    )
    return f"{declaration} = {{\n{body}}};\n"


def string(text: str) -> str:
    """Return text as a C string, UTF-8, with everything but plain ASCII in octal."""
    plain = set(range(0x20, 0x7F)) - set(b'"\\?')
    return '"' + "".join(chr(b) if b in plain else f"\\{b:03o}" for b in text.encode()) + '"'
