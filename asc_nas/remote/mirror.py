"""The working copy of a folder at a URL: fetched when it is opened, uploaded as it is changed.

Whatever works in the folder sees plain files, and waits for no network. Files are uploaded in the
order in which they were last written, and what was deleted is deleted after them; so what lies at
the URL is what a process that was killed some seconds ago would have left.
"""

import os
import shutil
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Self

from asc_nas.core.documents import Count, Document, Part
from asc_nas.core.errors import AscNasError
from asc_nas.core.files import fingerprint
from asc_nas.core.progress import SILENT, Listener, Progress, unheard
from asc_nas.remote.bucket import Bucket, Stored, UnreachableError, is_url
from asc_nas.remote.lease import Leased

VARIABLE = "ASC_NAS_WORK"
"""Names the folder of all working copies; by default one in the cache of the user."""
RECORD = ".mirror.json"
PUSH_SECONDS = 2.0
"""Between two looks for what is new."""
PAUSES = (1.0, 5.0, 20.0)
"""Seconds before each further try, where the network fails as nothing else is to be done."""


class Known(Part):
    """A file as it was when both sides were the same: size and time here, version there.

    Attributes
    ----------
    version : str
        Empty while it is not known: one more fetching does no harm.
    """

    size: Count
    time: int
    version: str = ""

    def with_version(self, version: str) -> Self:
        """Return the same file with the version that lies at the URL."""
        return self.model_copy(update={"version": version})


class Record(Document):
    """``.mirror.json`` of a working copy: what it is called, and its files that are uploaded."""

    format_name: ClassVar[str] = "asc-nas/mirror/1"
    remedy: ClassVar[str] = "delete its folder, and the run is fetched again"

    name: str
    files: dict[str, Known]


class Mirror:
    """A folder at a URL with its working copy.

    Parameters
    ----------
    bucket : Bucket
        The folder at the URL.
    folder : Path
        The working copy.
    marks : tuple of str
        Files of which one is there if it is a folder of this kind, for a URL that holds others.
    is_unfinished : callable
        Tells of a folder of the working copy whether it is left here as yet, because files in it
        are written bit by bit.
    """

    def __init__(
        self,
        bucket: Bucket,
        folder: Path,
        marks: tuple[str, ...] = (),
        is_unfinished: Callable[[Path], bool] = lambda folder: False,
        listener: Listener = SILENT,
    ) -> None:
        self.url, self.folder = bucket.url, folder
        self._bucket = bucket
        self._marks, self._is_unfinished, self._listener = marks, is_unfinished, listener
        self._copy, self._files = self._read_record()
        self._lease = Leased(bucket, self._copy, listener.note)
        self._is_kept = False

    @classmethod
    def of(cls, place: object, *arguments: Any, **options: Any) -> Self | None:
        """Return the mirror of a place that is a URL, and None of a path."""
        if not isinstance(place, str) or not is_url(place):
            return None
        return cls(Bucket(place), working_copy(place), *arguments, **options)

    def pull(self) -> None:
        """Fetch what is missing here or is newer at the URL.

        Raises
        ------
        AscNasError
            If the URL cannot be read, or holds something else. What was fetched is kept.
        """
        self._pull(_retrying(self._lease.read).writer)

    def _pull(self, writer: str) -> None:
        there = _retrying(self._bucket.list)
        if there and self._marks and not there.keys() & set(self._marks):
            raise AscNasError(
                f"{self.url}: holds other files (such as {min(there)}), and no "
                f"{' or '.join(self._marks)}; give a place below it."
            )
        here, is_older = self._scan(), writer != self._copy
        wanted = {
            name: stored
            for name, stored in there.items()
            if name not in here or (is_older and not self._is_same(name, here[name], stored))
        }
        self._files = {name: known for name, known in self._files.items() if name in there}
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            self._fetch(wanted)
            if is_older and writer:  # and not of a place that was emptied
                for name in here.keys() - there.keys():
                    (self.folder / name).unlink()
        finally:
            self._write_record()

    def _fetch(self, wanted: Mapping[str, Stored]) -> None:
        needed, free = sum(s.size for s in wanted.values()), shutil.disk_usage(self.folder).free
        if needed > free:
            raise AscNasError(
                f"{self.folder}: {self.url} needs {needed / 1e9:.1f} GB, the disk has "
                f"{free / 1e9:.1f} GB free; name a folder on another disk with {VARIABLE}."
            )
        with self._listener.stage("Fetching") as progress:
            for done, (name, stored) in enumerate(wanted.items(), 1):
                target = self.folder / name
                _retrying(partial(self._bucket.get, name, target, stored.size))
                self._files[name] = _stamp(target).with_version(stored.version)
                progress(done, len(wanted), name)

    def _is_same(self, name: str, here: Known, there: Stored) -> bool:
        return self._files.get(name) == here.with_version(there.version)

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Upload what is changed here, while something is done and at its end.

        Raises
        ------
        AscNasError
            If another machine works at the URL, or, at the end, if something could not be uploaded:
            it stays here.
        """
        if self._is_kept:
            yield
            return
        with self._lease.held() as writer:
            if writer != self._copy:
                self._pull(writer)
            self._lease.is_newest()
            self._is_kept, stop = True, threading.Event()
            thread = threading.Thread(target=self._push_until, args=(stop,), daemon=True)
            thread.start()
            try:
                yield
            finally:
                stop.set()
                thread.join()
                self._is_kept = False
                self._finish()

    def _push_until(self, stop: threading.Event) -> None:
        failed = False
        while not stop.wait(PUSH_SECONDS):
            try:
                self._push()
                failed = False
            except AscNasError as error:
                if not failed:
                    self._listener.note(f"note: not uploaded yet, and tried again: {error}")
                failed = True

    def _push(self, progress: Progress = unheard) -> None:
        """Upload what is new, and remove what is gone."""
        here = self._scan()
        new = [name for name in here if self._stamp_of(name) != here[name]]
        gone = [name for name in self._files if name not in here]
        try:
            for done, name in enumerate(sorted(new, key=lambda name: here[name].time), 1):
                try:
                    self._bucket.put(self.folder / name, name)
                except AscNasError:
                    if (self.folder / name).exists():
                        raise
                    continue  # it was deleted in the meantime
                self._files[name] = here[name]
                progress(done, len(new), name)
            for name in gone:
                self._bucket.remove(name)
                del self._files[name]
        finally:
            if new or gone:
                self._write_record()

    def _finish(self) -> None:
        try:
            _retrying(self._finish_once)
        except UnreachableError as error:
            raise AscNasError(
                f"{error} What is not there yet lies in {self.folder}; give the command again to "
                "upload it and go on."
            ) from error

    def _finish_once(self) -> None:
        self._lease.renew()  # or it is another's by now
        with self._listener.stage("Uploading") as progress:
            self._push(progress)
        there = self._bucket.list()
        for name, known in self._files.items():
            if name in there:
                self._files[name] = known.with_version(there[name].version)
        self._write_record()
        self._lease.release()

    def _scan(self) -> dict[str, Known]:
        """Return the finished files of the working copy that are no links."""
        found = {}
        for place, folders, files in os.walk(self.folder):
            here = Path(place)
            if self._is_unfinished(here):
                folders.clear()
                continue
            folders[:] = [name for name in folders if not name.startswith(".")]
            for file in (here / name for name in files if not name.startswith(".")):
                try:
                    if not file.is_symlink():
                        found[file.relative_to(self.folder).as_posix()] = _stamp(file)
                except FileNotFoundError:  # deleted in the meantime
                    continue
        return found

    def _stamp_of(self, name: str) -> Known | None:
        known = self._files.get(name)
        return None if known is None else known.with_version("")

    def _read_record(self) -> tuple[str, dict[str, Known]]:
        """Return the name of the working copy and what is known of it; a new one has a new name."""
        file = self.folder / RECORD
        if not file.is_file():
            return uuid.uuid4().hex, {}
        record = Record.read(file)
        return record.name, dict(record.files)

    def _write_record(self) -> None:
        Record(name=self._copy, files=self._files).write(self.folder / RECORD)


@contextmanager
def working_in(place: Path | str, *arguments: Any, **options: Any) -> Iterator[Path]:
    """Give the folder that a path names; of a URL its working copy, of which changes are uploaded.

    The other arguments are those of `Mirror.of`; it raises as `Mirror.pull` and `Mirror.kept` do.
    """
    mirror = Mirror.of(place, *arguments, **options)
    if mirror is None:
        yield Path(place)
        return
    mirror.pull()
    with mirror.kept():
        yield mirror.folder


def working_copy(url: str) -> Path:
    """Return the folder of this machine that follows a URL."""
    from platformdirs import user_cache_path

    named = os.environ.get(VARIABLE)
    work = Path(named).expanduser() if named else user_cache_path("asc-nas") / "work"
    url = url.rstrip("/")
    return work.absolute() / f"{url.rpartition('/')[2] or 'root'}-{fingerprint(url)[:8]}"


def _stamp(file: Path) -> Known:
    state = file.stat()
    return Known(size=state.st_size, time=state.st_mtime_ns)


def _retrying(action: Callable[[], Any]) -> Any:
    """Return what `action` returns; try again where the URL cannot be reached."""
    for pause in PAUSES:
        try:
            return action()
        except UnreachableError:
            time.sleep(pause)
    return action()
