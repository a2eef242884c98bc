"""Whether what a call did is fine: an answer, or one sentence."""

import re
import signal

from asc_nas.core.plain_text import is_plain

OK, TRACEBACK, HANG, MEMORY, CRASH, SENTENCE = (
    *("ok", "traceback", "hang", "memory", "crash", "sentence"),
)
BAD = (TRACEBACK, HANG, MEMORY, CRASH, SENTENCE)
"""What is not fine: `sentence` is an error that is not told in one plain, short line."""
LONGEST = 3000
"""Characters of a sentence; paths of the workspace are a part of it."""
LONGEST_OUTPUT = 1 << 20

_INTERNAL = re.compile(r"Traceback \(most recent|unexpected \w+ \(|Fatal Python error|report this")
_NO_MEMORY = re.compile(r"MemoryError|more memory than there is|std::bad_alloc")


def judge(code: int, output: str, grown: float, megabytes: int) -> tuple[str, str]:
    """Return the verdict, and what shows it.

    Parameters
    ----------
    code : exit code, or the negative number of the signal that ended the process
    grown : MiB that the process took
    megabytes : MiB that it may take
    """
    if code in (-signal.SIGXCPU, -signal.SIGALRM, -signal.SIGKILL):
        return HANG, signal.Signals(-code).name
    if _NO_MEMORY.search(output):
        return MEMORY, _last(output)
    if _INTERNAL.search(output):
        return TRACEBACK, _last(output)
    if grown > megabytes:
        return MEMORY, f"{grown:.0f} MiB"
    if code not in (0, 1, 2):
        return CRASH, f"exit code {code}: {_last(output)}"
    if len(output) > LONGEST_OUTPUT:
        return SENTENCE, f"{len(output)} characters are printed"
    lines = output.rstrip("\n").split("\n")
    if steering := [line for line in lines if not is_plain(line.replace("\t", " "))]:
        return SENTENCE, f"not plain: {steering[0][:200]!r}"
    told = [line for line in lines if re.match(r"(\w+ )?(error|failed|left out)\b", line)]
    if code and not told and "Usage:" not in output:
        return SENTENCE, f"no error is told: {output[:200]!r}"
    if too_long := [line for line in told if len(line) > LONGEST]:
        return SENTENCE, f"{len(too_long[0])} characters: {too_long[0][:200]!r}"
    return OK, ""


def _last(output: str) -> str:
    lines = [line for line in output.splitlines() if line.strip()]
    return lines[-1][:300] if lines else ""
