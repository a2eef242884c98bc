"""Text that comes from others: it must not steer the terminal or the program that shows it."""

import re

LONGEST_LABEL = 200
"""Characters of a scene's name."""

_STEERING = re.compile(
    "[\0-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""Control characters (escape sequences begin with one), line ends, changes of the direction of
writing, and lone surrogates, which no encoding has."""


def is_plain(text: str) -> bool:
    """Return whether text is of one line, and shows itself and nothing else."""
    return not _STEERING.search(text)


def visible(text: str) -> str:
    r"""Return text in which characters that are not plain are written out, as in ``\x1b``."""
    return _STEERING.sub(lambda found: ascii(found[0])[1:-1], text)
