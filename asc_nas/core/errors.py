"""What a user can cause: one sentence that says what is wrong, where, and what to do."""

import difflib
import re
import shlex
from collections.abc import Iterable

from asc_nas.core.plain_text import escaped_bytes, is_plain

LONGEST = 2000
"""Characters of an error; it may quote what a file holds, of any length."""
NO_TEXT = "holds half a character (a lone surrogate), which no text has; correct it."


def shortened(text: str) -> str:
    """Return text without its middle where it is longer than anybody reads."""
    part = LONGEST // 2
    return text if len(text) <= LONGEST else f"{text[:part]} [...] {text[-part:]}"


class AscNasError(Exception):
    """The job failed for a reason the user can act on; the command line exits with code 1."""

    exit_code = 1

    def __str__(self) -> str:
        """Return the sentence, shortened."""
        return shortened(super().__str__())


class UsageError(AscNasError):
    """The call itself is wrong (a misspelt key, an unknown name); exit code 2."""

    exit_code = 2


def told(error: OSError) -> str:
    """Return the sentence of an error of the system: the file if it is known, why, what to do."""
    where = f"{shortened(str(error.filename))}: " if error.filename else ""
    return f"{where}{error.strerror or error}; free space or check permissions, then retry."


def closest(name: str, choices: Iterable[str]) -> str:
    """Return ``" Did you mean 'x'?"`` for the choice nearest to `name`, or an empty string."""
    near = difflib.get_close_matches(name, list(choices), n=1, cutoff=0.5)
    return f" Did you mean '{near[0]}'?" if near else ""


def command(*parts: object) -> str:
    """Return a call of ``asc-nas`` to be copied into a shell; what needs it is quoted."""
    return " ".join(map(quoted, ("asc-nas", *parts)))


def quoted(part: object) -> str:
    """Return one argument as a shell takes it: in double quotes, as it may stand within others."""
    text = str(part)
    if re.search("[\ud800-\udfff]", text):  # bytes of a file name that are no text
        return "$'" + "".join(map(_ansi_quoted, text)) + "'"
    if re.search(r'["$`!\\\n]', text):
        return shlex.quote(text)
    return text if shlex.quote(text) == text else f'"{text}"'


def _ansi_quoted(character: str) -> str:
    if character in "\\'":
        return f"\\{character}"
    return character if is_plain(character) else escaped_bytes(character)
