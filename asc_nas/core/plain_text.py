"""Text that comes from others: it must not steer the terminal or the program that shows it."""

import os
import re
from pathlib import Path, PurePath

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


def as_text(path: PurePath) -> str:
    r"""Return a file name of any bytes as plain text, which `as_path` turns back.

    A byte that is no UTF-8, and those of characters that are not plain, are written as ``\xe9``.
    """
    text = re.sub(r"\\(?=x[0-9a-f]{2})", r"\\x5c", path.as_posix())
    return _STEERING.sub(lambda found: escaped_bytes(found[0]), text)


def escaped_bytes(text: str) -> str:
    r"""Return the bytes that a file name has for `text`, as ``\xe9``."""
    of_no_file = re.search("[\ud800-\udc7f\udd00-\udfff]", text)
    content = text.encode("utf-8", "surrogatepass" if of_no_file else "surrogateescape")
    return "".join(f"\\x{byte:02x}" for byte in content)


def as_path(text: str) -> Path:
    """Return the file that `as_text` has named."""
    if os.name == "nt":  # a backslash stands between folders there, and names are text
        return Path(text)
    return Path(
        re.sub(
            r"(?:\\x[0-9a-f]{2})+",
            lambda found: bytes.fromhex(found[0].replace("\\x", "")).decode(
                "utf-8", "surrogateescape"
            ),
            text,
        )
    )
