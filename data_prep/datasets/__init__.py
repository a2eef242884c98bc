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
from data_prep.datasets.train_splits import take_split

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


def read_dataset(name: str, folder: Path, split: str | None = None) -> Manifest:
    """Read the dataset `name` (a key of `READERS`) that lies in `folder`.

    Parameters
    ----------
    split : str, optional
        A published split of its training list, see `train_splits.take_split`; None is all of it.

    Raises
    ------
    UsageError
        If no reader has that name, or the dataset no such split.
    AscNasError
        If the folder is missing, does not follow the dataset's layout, or holds one class only.
    """
    reader = READERS[name]
    if not reader.generates and not folder.exists():
        raise AscNasError(f"{folder}: no such folder; give the folder that holds the recordings.")
    manifest = reader.read(folder)
    if len(manifest.labels) < 2:
        raise AscNasError(
            f"{folder}: only the class '{manifest.labels[0]}' is there{_deeper(manifest)}; a "
            "classifier needs two or more, so add recordings of something else (a class 'other', "
            "say)."
        )
    manifest = replace(manifest, published_folds=reader.info.folds > 0)
    return manifest if split is None else take_split(manifest, folder, split, reader.info)


def _deeper(manifest: Manifest) -> str:
    """Return a hint where the folders below the only class look like classes."""
    parts = [Path(clip.path).parts for clip in manifest.clips]
    below = sorted({part[1] for part in parts if len(part) > 2})
    if len(below) < 2 or any(len(part) < 3 or part[0] != manifest.labels[0] for part in parts):
        return ""
    return f" (or give {manifest.root / parts[0][0]}, if {', '.join(below[:3])} are the classes)"
