"""A published dataset, from its packages on the internet to one folder that a reader takes."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from asc_nas.core.progress import Progress
from data_prep.datasets.catalogue import Package
from data_prep.download.archives import unpack, unpacked
from data_prep.download.disk import alone_in, human, require_room, size_of
from data_prep.download.files import VERIFIED, choose, download
from data_prep.download.transfer import Policy

ARCHIVES = "archives"
# Unpacked size over archive size. Task 5: 72,984 clips of 1.28 MB from 45.8 GB, for its microphones
# record little but quiet; the others' 24-bit recordings hardly shrink.
UNPACK_RATIOS = {"dcase2018_task5": 2.1, "dcase2018_task5_evaluation": 2.1}
UNPACK_RATIO = 1.2


def fetch_dataset(
    packages: Sequence[Package],
    folder: Path,
    *,
    only: Sequence[str] = (),
    keep_archives: bool = True,
    unpack_ratio: float = UNPACK_RATIO,
    progress: Progress | None = None,
    policy: Policy | None = None,
) -> Path:
    """Download packages into ``folder/archives`` and unpack them into `folder`, one by one.

    What was unpacked before is left alone, so that a second call does nothing, also if the archives
    are gone; an interrupted call goes on where it was.

    Parameters
    ----------
    only : sequence of str
        The contents to fetch, such as ``meta``; all if empty.
    keep_archives : bool
        Whether an archive stays once it is unpacked.
    unpack_ratio : float
        How much larger the files are than their archives, to check the disk's space beforehand.
    progress, policy
        As for `download`.

    Returns
    -------
    Path
        The dataset's folder.

    Raises
    ------
    UsageError
        If a content is unknown.
    AscNasError
        If a package cannot be had or unpacked, or does not fit on the disk.
    """
    chosen = choose(packages, only)
    folder.mkdir(parents=True, exist_ok=True)
    with alone_in(folder):
        _complete(chosen, folder, keep_archives, unpack_ratio, progress, policy)
    return folder


def _complete(
    chosen: Sequence[Package],
    folder: Path,
    keep_archives: bool,
    unpack_ratio: float,
    progress: Progress | None,
    policy: Policy | None,
) -> None:
    """Download and unpack what is missing of some packages."""
    archives = folder / ARCHIVES
    missing = [p for p in chosen if unpacked(p.filename, folder, p.md5) is None]
    if missing:
        _check_room(missing, folder, keep_archives, unpack_ratio)
    meter = _Meter(sum(package.bytes for package in missing), progress)
    for package in missing:
        meter.package = package
        [archive] = download([package], archives, progress=meter.downloading, policy=policy)
        unpack(archive, folder, checksum=package.md5, progress=meter.unpacking)
        meter.before += package.bytes
        if not keep_archives:
            archive.unlink()
    if not keep_archives:
        _delete(chosen, archives)


def _delete(packages: Sequence[Package], archives: Path) -> None:
    """Delete archives, also those that an earlier call kept, and their folder if it is empty."""
    for package in packages:
        (archives / package.filename).unlink(missing_ok=True)
    if archives.is_dir() and {path.name for path in archives.iterdir()} <= {VERIFIED}:
        shutil.rmtree(archives)


def _check_room(
    missing: Sequence[Package], folder: Path, keep_archives: bool, unpack_ratio: float
) -> None:
    """Check that the archives that are not here yet, and all files in them, fit on the disk."""
    archives = folder / ARCHIVES
    absent = [
        max(0, p.bytes - size_of(archives / p.filename) - size_of(archives / f"{p.filename}.part"))
        for p in missing
    ]
    files = int(unpack_ratio * sum(package.bytes for package in missing))
    # Archives that are deleted one by one take the room of the largest.
    room = sum(absent) if keep_archives else max(absent)
    way_out = "" if not keep_archives else ", or less with --delete-archives"
    purpose = f"the dataset (archives {human(room)}, files about {human(files)}{way_out})"
    require_room(folder, room + files, purpose)


class _Meter:
    """Turns the progress within one package into that within all of them."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self._total = total
        self._progress = progress
        self.before = 0
        self.package: Package | None = None

    def downloading(self, done: float, total: float, text: str) -> None:
        """Take bytes done of one package."""
        if self._progress:
            done += self.before
            self._progress(done, max(self._total, done), text)

    def unpacking(self, done: int, total: int) -> None:
        """Take files done of one archive."""
        if self._progress and self.package:
            here = self.before + self.package.bytes
            text = f"{self.package.filename} unpacking file {done} of {total}"
            self._progress(here, self._total, text)
