"""Packages of a dataset: fetched, checked against their MD5, and only then given their names."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from asc_nas.core.errors import AscNasError, UsageError, closest
from asc_nas.core.files import read_json, write_json
from asc_nas.core.progress import Progress
from data_prep.datasets.catalogue import Package
from data_prep.download.disk import alone_in, require_room, size_of
from data_prep.download.transfer import Policy, transfer

FORMAT = "asc-nas/downloads/1"
VERIFIED = ".verified.json"
"""Called with the bytes done, the bytes in all, and what is going on."""


def choose(packages: Sequence[Package], only: Sequence[str]) -> list[Package]:
    """Return the packages whose content is one of `only` (a beginning is enough), or all.

    Raises
    ------
    UsageError
        If no package has such a content.
    """
    contents = list(dict.fromkeys(package.content for package in packages))
    wanted = set()
    for name in only:
        found = [content for content in contents if name and content.startswith(name)]
        if not found:
            raise UsageError(
                f"no package holds '{name}'.{closest(name, contents)} "
                f"There are: {', '.join(contents)}."
            )
        wanted.update(found)
    return [package for package in packages if not only or package.content in wanted]


def download(
    packages: Sequence[Package],
    target: Path,
    *,
    only: Sequence[str] = (),
    progress: Progress | None = None,
    policy: Policy | None = None,
) -> list[Path]:
    """Fetch packages into the folder `target`; what is there and right is left alone.

    A file comes as ``NAME.part``, which a later call goes on with, and gets its name once its MD5
    is right. A file that has the name but another MD5 is taken for such a part. Checked files are
    remembered by size and modification time in ``.verified.json``, so that they are not read again.

    Parameters
    ----------
    packages : sequence of Package
        What to fetch, in this order.
    only : sequence of str
        The contents to fetch, such as ``meta``; all if empty.
    progress : callable, optional
        Gets bytes done, bytes in all and what is going on, over all files that were missing.
    policy : Policy, optional
        Retries and timeouts.

    Returns
    -------
    list of Path
        The files, in the order of `packages`.

    Raises
    ------
    UsageError
        If a content is unknown.
    AscNasError
        If a file cannot be had, is wrong also after a fresh second try, or does not fit.
    """
    chosen = choose(packages, only)
    for package in chosen:
        if Path(package.filename).name != package.filename:
            raise AscNasError(f"'{package.filename}' is not a plain file name.")
    target.mkdir(parents=True, exist_ok=True)
    with alone_in(target):
        _complete(chosen, target, progress, policy or Policy())
    return [target / package.filename for package in chosen]


def _complete(
    chosen: Sequence[Package], target: Path, progress: Progress | None, policy: Policy
) -> None:
    """Fetch what is missing of some packages."""
    verified = _Verified(target)
    missing = [package for package in chosen if not verified.holds(package)]
    absent = sum(max(0, p.bytes - size_of(_part(target, p))) for p in missing)
    if missing:
        require_room(target, absent, "the download")
    meter = _Meter(missing, target, progress)
    for package in missing:
        _fetch(package, target, policy, meter)
        verified.enter(package)


def _fetch(package: Package, target: Path, policy: Policy, meter: "_Meter") -> None:
    """Fetch one package; after a wrong checksum once more, from its first byte."""
    part = _part(target, package)
    found = ""
    for _ in range(2):
        transfer(
            package.url,
            part,
            expected=package.bytes,
            is_whole=lambda: md5(part) == package.md5,
            policy=policy,
            report=lambda done, total, text: meter.report(package, done, total, text),
        )
        meter.report(package, size_of(part), None, "checking")
        found = md5(part)
        if found == package.md5:
            with part.open("rb+") as handle:
                os.fsync(handle.fileno())
            part.replace(target / package.filename)
            return
        part.unlink()
    raise AscNasError(
        f"{package.filename}: wrong checksum, also when fetched again from the start (MD5 {found}, "
        f"published {package.md5}); the file at {package.url} was changed, or something between "
        "here and there changes it; try from another network."
    )


def md5(path: Path) -> str:
    """Return the hexadecimal MD5 of a file's bytes."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "md5").hexdigest()


def _part(target: Path, package: Package) -> Path:
    return target / f"{package.filename}.part"


class _Verified:
    """The files of a folder whose checksum was right, by size and modification time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            self._files = dict(read_json(folder / VERIFIED, FORMAT)["files"])
        except (AscNasError, KeyError, TypeError, ValueError):
            self._files = {}  # none yet, or damaged: the files are read again

    def holds(self, package: Package) -> bool:
        """Tell whether the package is there and right; a wrong file becomes its ``.part``."""
        path = self.folder / package.filename
        if not path.is_file():
            return False
        if self._files.get(package.filename) == self._fingerprint(path, package.md5):
            return True
        if md5(path) == package.md5:
            self.enter(package)
            return True
        path.replace(_part(self.folder, package))
        return False

    def enter(self, package: Package) -> None:
        """Remember that a package is right."""
        path = self.folder / package.filename
        self._files[package.filename] = self._fingerprint(path, package.md5)
        write_json(self.folder / VERIFIED, {"format": FORMAT, "files": self._files})

    @staticmethod
    def _fingerprint(path: Path, checksum: str) -> dict[str, int | str]:
        stat = path.stat()
        return {"bytes": stat.st_size, "modified_ns": stat.st_mtime_ns, "md5": checksum}


class _Meter:
    """Adds up the bytes of several files for one progress display."""

    def __init__(
        self, packages: Sequence[Package], target: Path, progress: Progress | None
    ) -> None:
        self._progress = progress
        self._sizes = {package.filename: package.bytes for package in packages}
        self._done = {package.filename: size_of(_part(target, package)) for package in packages}

    def report(self, package: Package, done: int, total: int | None, text: str) -> None:
        """Take one file's state; a size that the server tells replaces the listed one."""
        name = package.filename
        self._done[name] = done
        if total is not None:
            self._sizes[name] = total
        if self._progress:
            in_all = max(sum(self._sizes.values()), sum(self._done.values()))
            self._progress(sum(self._done.values()), in_all, f"{name} {text}".rstrip())
