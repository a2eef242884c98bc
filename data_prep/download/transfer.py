"""One file over HTTP, until it is whole: resumed where it broke off, retried with back-off."""

import random
import re
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from email.utils import parsedate_to_datetime
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from asc_nas import __version__
from asc_nas.core.errors import AscNasError
from data_prep.download.disk import FULL, human, require_room, size_of

CHUNK = 1 << 18
PASSING_STATUSES = (408, 425, 429)  # besides all of 500 and above: worth another try
Report = Callable[[int, int | None, str], None]
"""Called with the bytes of the file that are there, its size where known, and a remark."""


@dataclass(frozen=True)
class Policy:
    """How patient a download is; all times in seconds.

    Attributes
    ----------
    tries : int
        Failed connections in a row that add nothing to the file, until the download gives up.
    first_wait, longest_wait : float
        The wait doubles from the first to the longest; each is shortened by up to a half at
        random, so that many machines do not come back at once.
    timeout : float
        How long a connection may be silent.
    patience : float
        The longest wait that a server may ask for with ``Retry-After``.
    sleep : callable
        What waits.
    """

    tries: int = 6
    first_wait: float = 1.0
    longest_wait: float = 60.0
    timeout: float = 60.0
    patience: float = 300.0
    sleep: Callable[[float], None] = time.sleep

    def wait(self, failures: int, rng: random.Random) -> float:
        """Return how long to wait after so many failures in a row (1, 2, ...)."""
        doubled = self.first_wait * 2.0 ** (failures - 1)
        return min(self.longest_wait, doubled) * rng.uniform(0.5, 1.0)


class _BrokenOffError(Exception):
    """The transfer stopped for a reason that may pass; `wait` is what the server asks for."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


def transfer(
    url: str,
    part: Path,
    *,
    expected: int,
    is_whole: Callable[[], bool],
    policy: Policy,
    report: Report,
) -> None:
    """Bring the file at `url` to `part`, going on after the bytes that are already there.

    A `part` that is no beginning of the file (too long, or the server cannot go on from its end)
    is begun anew. Whether the bytes are right is for the caller to check.

    Parameters
    ----------
    expected : int
        Size in bytes, roughly; only used where the server does not tell the size.
    is_whole : callable
        Tells whether `part` is right; only asked where the server does not tell the size.

    Raises
    ------
    AscNasError
        If the server refuses, the connection fails again and again, or the disk is full. What
        came so far stays in `part`.
    """
    if not url.startswith(("http://", "https://")):
        raise AscNasError(f"{url}: not an http or https address.")
    rng = random.Random()
    furthest, failures = size_of(part), 0
    while True:
        try:
            _attempt(url, part, expected, is_whole, policy, report)
            return
        except _BrokenOffError as error:
            if size_of(part) > furthest:
                furthest, failures = size_of(part), 0
            failures += 1
            if failures >= policy.tries:
                raise AscNasError(
                    f"{url}: {failures} tries in a row brought nothing more; the last one: "
                    f"{error}. What came so far is kept: run the command again to go on."
                ) from error
            wait = policy.wait(failures, rng) if error.wait is None else error.wait
            report(size_of(part), None, f"{error}; next try in {wait:.0f} s")
            policy.sleep(wait)


def _attempt(
    url: str,
    part: Path,
    expected: int,
    is_whole: Callable[[], bool],
    policy: Policy,
    report: Report,
) -> None:
    """Connect once, and append what comes to `part`, or begin it anew."""
    offset = size_of(part)
    headers = {"User-Agent": f"asc-nas/{__version__}"}
    if offset:
        headers["Range"] = f"bytes={offset}-"
    try:
        response = urlopen(Request(url, headers=headers), timeout=policy.timeout)
    except HTTPError as error:
        with error:
            if error.code == 416 and offset:
                if _content_range(error.headers)[1] == offset or is_whole():
                    return  # nothing comes after our last byte
                part.unlink()
                raise _BrokenOffError("the file on the server ends before ours") from error
            raise _refusal(error, url, policy) from error
    except (OSError, HTTPException) as error:
        raise _connection_failure(error, url) from error
    with response:
        start, total = _where(response, offset, part)
        require_room(part.parent, (total or 0) - start, part.name.removesuffix(".part"))
        # Without a size, the stream ends somewhere: never let it fill the disk.
        end = total if total is not None else 2 * expected + (1 << 20)
        size = start
        report(size, total, "")
        try:
            with part.open("ab" if start else "wb") as handle:
                for chunk in _body(response, end - start):
                    handle.write(chunk)
                    size += len(chunk)
                    report(size, total, "")
        except OSError as error:
            what = "the disk is full" if error.errno in FULL else f"{error.strerror or error}"
            raise AscNasError(
                f"{part}: {what}, after {human(size)}; what came so far is kept: make room and "
                "run the command again to go on."
            ) from error
    if total is not None and size < total:
        raise _BrokenOffError(f"the connection closed after {human(size)} of {human(total)}")
    if total is None and size < expected and not is_whole():
        raise _BrokenOffError(f"the connection closed after {human(size)}")


def _body(response: HTTPResponse, count: int) -> Iterator[bytes]:
    """Yield what comes, at most `count` bytes of it; failures of the connection are told apart."""
    while count > 0:
        try:
            chunk = response.read1(min(CHUNK, count))
        except TimeoutError as error:
            raise _BrokenOffError("the connection stalled") from error
        except (OSError, HTTPException) as error:
            raise _BrokenOffError(f"the connection broke off ({type(error).__name__})") from error
        if not chunk:
            return
        count -= len(chunk)
        yield chunk


def _where(response: HTTPResponse, offset: int, part: Path) -> tuple[int, int | None]:
    """Return the position of the first byte of the answer, and the size of the whole file."""
    length = response.headers.get("Content-Length", "")
    if response.status != 206:  # the whole file: the server knows no ranges, or was not asked
        return 0, int(length) if length.isdecimal() else None
    start, total = _content_range(response.headers)
    if start != offset or (total is not None and total < offset):
        part.unlink(missing_ok=True)
        raise _BrokenOffError("the server sent another part of the file than asked for")
    if total is None and length.isdecimal():
        total = offset + int(length)
    return offset, total


def _content_range(headers: Message) -> tuple[int | None, int | None]:
    """Return the first position and the size from ``Content-Range: bytes 5-9/10``."""
    form = r"bytes\s+(?:(\d+)-\d+|\*)/(?:(\d+)|\*)"
    found = re.fullmatch(form, headers.get("Content-Range", "").strip())
    first, total = found.groups() if found else (None, None)
    return (int(first) if first else None), (int(total) if total else None)


def _refusal(error: HTTPError, url: str, policy: Policy) -> Exception:
    """Return what to raise for an answer that is an error."""
    answer = f"the server answers {error.code} {error.reason}".rstrip()
    if error.code not in PASSING_STATUSES and error.code < 500:
        return AscNasError(
            f"{url}: {answer}, so this file cannot be had there; see the dataset's page for its "
            "new address, and put the file into the folder yourself."
        )
    wait = _seconds(error.headers.get("Retry-After"))
    if wait is not None and wait > policy.patience:
        return AscNasError(f"{url}: {answer} and asks to come back in {wait:.0f} s; do that.")
    return _BrokenOffError(answer, wait)


def _seconds(retry_after: str | None) -> float | None:
    """Return the seconds that ``Retry-After`` asks for, as a number or as a date."""
    if retry_after is None:
        return None
    if retry_after.strip().isdecimal():
        return float(retry_after)
    try:
        date = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return max(0.0, (date - datetime.now(UTC)).total_seconds())


def _connection_failure(error: Exception, url: str) -> Exception:
    """Return what to raise where no answer came."""
    reason = error.reason if isinstance(error, URLError) else error
    if isinstance(reason, ssl.SSLCertVerificationError):
        return AscNasError(
            f"{url}: the server's certificate is not valid ({reason.verify_message}); check this "
            "machine's clock and certificates."
        )
    if isinstance(reason, TimeoutError):
        return _BrokenOffError("the server does not answer")
    return _BrokenOffError(f"no connection ({reason})")
