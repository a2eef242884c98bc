"""What a dataset's reader is, and the table of all readers."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from asc_nas.core.registry import Registry
from asc_nas.data.manifest import Manifest
from data_prep.datasets.catalogue import total_bytes


@dataclass(frozen=True)
class DatasetInfo:
    """What a dataset is, for people who choose one.

    Attributes
    ----------
    title : str
        One line.
    licence : str
        As its publisher names it.
    classes, folds, clips : int
        Numbers of the whole published set; 0 where they depend on the user's recordings, and 0
        folds also where none are published. One train and one test list count as one fold.
    packages : str
        Name under which ``catalogue.packages`` lists the archives; empty if they are not listed.
    splits : tuple of str
        Published splits of the training list, see ``train_splits``.
    """

    title: str
    licence: str
    classes: int = 0
    folds: int = 0
    clips: int = 0
    packages: str = ""
    splits: tuple[str, ...] = ()

    @property
    def download_bytes(self) -> int:
        """Size of all archives; 0 if the set cannot be downloaded."""
        return total_bytes(self.packages)


@dataclass(frozen=True)
class Reader:
    """How to read one dataset family: `read` takes its folder (or file) and gives a manifest.

    One that `generates` makes its recordings where they are missing.
    """

    read: Callable[[Path], Manifest]
    info: DatasetInfo
    generates: bool = False


READERS: Registry[Reader] = Registry("dataset")
