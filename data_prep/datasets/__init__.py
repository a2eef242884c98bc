"""Readers: one module per dataset family, each from a folder to a manifest.

A family whose lists follow the DCASE layout is a `DcaseLayout` (``dcase_lists``); the other modules
share the table readers in ``tables``. What can be downloaded stands in ``catalogue``.
"""

from dataclasses import replace
from pathlib import Path

from asc_nas.core.errors import AscNasError
from asc_nas.data.manifest import Manifest

# Each of them enters its readers in READERS; the order is that of the list.
# isort: off
from data_prep.datasets import class_folders, csv_table, dcase2018_task5
from data_prep.datasets import tau_urban, tut_scenes, dcase2013_scenes
from data_prep.datasets import esc10, esc50, spoken_digits, urbansound8k, synthetic
from data_prep.datasets.reader import READERS, DatasetInfo, Reader

# isort: on

__all__ = [
    "READERS",
    "DatasetInfo",
    "Reader",
    "class_folders",
    "csv_table",
    "dcase2013_scenes",
    "dcase2018_task5",
    "esc10",
    "esc50",
    "read_dataset",
    "spoken_digits",
    "synthetic",
    "tau_urban",
    "tut_scenes",
    "urbansound8k",
]


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
    return replace(reader.read(folder), published_folds=reader.info.folds > 0)
