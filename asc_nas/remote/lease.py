"""Who works at a URL: object storage knows no locks, so a small file there tells it.

It is written anew every few seconds. Who finds it of another machine waits for such a sign: if one
comes, the other is at work; if none comes, that machine was lost, and the work goes on here. No two
clocks are compared.
"""

import json
import os
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from asc_nas.core.errors import AscNasError
from asc_nas.remote.bucket import Bucket, UnreachableError

LEASE = ".lease.json"
FORMAT = "asc-nas/lease/1"
RENEW_SECONDS = 10.0
"""Between two signs."""
LOST_SECONDS = 60.0
"""Without a sign, after which a machine is taken for lost."""
SETTLE_SECONDS = 1.0
"""After which of two that begin at the same time one has been overwritten."""


@dataclass(frozen=True)
class Lease:
    """What the file tells.

    Attributes
    ----------
    copy : str
        The working copy that is worked on, or was last.
    writer : str
        The working copy whose files are the newest: what lies at the URL is no newer.
    holder : str
        Process and machine.
    sign : int
        How often it was written.
    held : bool
        False at the end of the work.
    """

    copy: str = ""
    writer: str = ""
    holder: str = ""
    sign: int = 0
    held: bool = False


class Leased:
    """The lease of a working copy on a URL.

    Parameters
    ----------
    copy : str
        The working copy; several processes of one machine may work in it.
    say : callable
        Hears that another machine is waited for.
    """

    def __init__(self, bucket: Bucket, copy: str, say: Callable[[str], None]) -> None:
        self._bucket, self._copy, self._say = bucket, copy, say
        self._sign, self._writer = 0, ""
        self._writing, self._stop = threading.Lock(), threading.Event()
        self._thread: threading.Thread | None = None

    def read(self) -> Lease:
        """Return what is told now; nobody's where nothing is, or nothing that can be read."""
        content = self._bucket.read(LEASE)
        with suppress(ValueError, TypeError):
            values = json.loads(content or b"")
            if values.pop("format") == FORMAT:
                return Lease(**values)
        return Lease()

    @contextmanager
    def held(self) -> Iterator[str]:
        """Hold the lease and renew it; give the working copy whose files are the newest.

        Without `release` others take this machine for lost.

        Raises
        ------
        AscNasError
            If another machine works at the URL.
        """
        self._writer = self._take().writer
        self._stop.clear()
        self._thread = threading.Thread(target=self._renew_until_stopped, daemon=True)
        self._thread.start()
        try:
            yield self._writer
        finally:
            self._end_thread()

    def release(self) -> None:
        """Tell that the work is done."""
        self._end_thread()
        self.renew(held=False)

    def _end_thread(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def is_newest(self) -> None:
        """Tell that from now on the files of this working copy are the newest."""
        self._writer = self._copy
        self.renew()

    def renew(self, *, held: bool = True) -> None:
        """Give a sign, perhaps that the lease is not held any more.

        Raises
        ------
        AscNasError
            If another machine has taken this one for lost.
        """
        with self._writing:
            found = self.read()
            if found.copy not in ("", self._copy):
                raise AscNasError(
                    f"{self._bucket.url}: {found.holder} took this machine for lost, and goes on "
                    "there."
                )
            self._write(held)

    def _take(self) -> Lease:
        found = self.read()
        if found.held and found.copy != self._copy:
            self._require_lost(found)
        self._writer = found.writer
        self._write(True)
        time.sleep(SETTLE_SECONDS)
        now = self.read()
        if now.copy != self._copy:
            raise self._taken(now)
        return found

    def _require_lost(self, found: Lease) -> None:
        """Raise unless the other gives no sign for so long that its machine must be lost."""
        self._say(f"{self._bucket.url}: waiting whether {found.holder} still works there.")
        end = time.monotonic() + LOST_SECONDS
        while time.monotonic() < end:
            time.sleep(min(1.0, LOST_SECONDS))
            now = self.read()
            if not now.held:
                return
            if now != found:
                raise self._taken(now)

    def _taken(self, by: Lease) -> AscNasError:
        return AscNasError(
            f"{self._bucket.url}: another asc-nas works here ({by.holder}); wait for its end, or "
            "give another place with --out."
        )

    def _renew_until_stopped(self) -> None:
        while not self._stop.wait(RENEW_SECONDS):
            try:
                self.renew()
            except UnreachableError:  # the next may get through
                continue
            except AscNasError:  # said at the next push
                return

    def _write(self, held: bool) -> None:
        self._sign += 1
        holder = f"process {os.getpid()} on {socket.gethostname()}"
        lease = Lease(self._copy, self._writer, holder, self._sign, held)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / LEASE
            file.write_text(json.dumps({"format": FORMAT, **asdict(lease)}), encoding="utf-8")
            self._bucket.put(file, LEASE)
