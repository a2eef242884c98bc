"""Readers: one module per dataset family, each from a folder to a manifest.

A family whose lists follow the DCASE layout is a `DcaseLayout` (``dcase_lists``); the other modules
share the table readers in ``tables``. What can be downloaded stands in ``catalogue``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from asc_nas.core.errors import AscNasError
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
    """

    title: str
    licence: str
    classes: int = 0
    folds: int = 0
    clips: int = 0
    packages: str = ""

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


def read_dataset(name: str, folder: Path) -> Manifest:
    """Read the dataset `name` (a key of `READERS`) that lies in `folder`.

    Raises
    ------
    UsageError
        If no reader has that name.
    AscNasError
        If the folder is missing or does not follow the dataset's layout.
    """
    reader = READERS[name]
    if not reader.generates and not folder.exists():
        raise AscNasError(f"{folder}: no such folder; give the folder that holds the recordings.")
    return reader.read(folder)


# At the bottom, because each of them enters its readers in READERS; the order is that of the list.
from data_prep.datasets import class_folders, csv_table, dcase2018_task5  # noqa: E402, F401, I001
from data_prep.datasets import tau_urban, tut_scenes, dcase2013_scenes  # noqa: E402, F401
from data_prep.datasets import esc10, esc50, spoken_digits, urbansound8k  # noqa: E402, F401
from data_prep.synthetic import reader as synthetic  # noqa: E402, F401
