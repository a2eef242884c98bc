"""Readers: one module per dataset family, each from a folder to a manifest."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from asc_nas.data.manifest import Manifest
from asc_nas.errors import AscNasError
from asc_nas.registry import Registry


@dataclass(frozen=True)
class Reader:
    """How to read one dataset family: `read` takes its folder (or file) and gives a manifest.

    One that `generates` makes its recordings where they are missing.
    """

    read: Callable[[Path], Manifest]
    summary: str
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


# At the bottom, because each of them enters its reader in READERS.
from data_prep.datasets import class_folders, csv_table, dcase2018_task5, esc10  # noqa: E402, F401
from data_prep.synthetic import reader as synthetic  # noqa: E402, F401
