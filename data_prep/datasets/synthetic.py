"""Reader of the synthetic set, which it makes first where it is missing."""

from dataclasses import replace
from pathlib import Path

from asc_nas.data.manifest import Manifest
from data_prep.datasets import dcase2018_task5
from data_prep.datasets.reader import READERS, DatasetInfo, Reader
from data_prep.synthetic.generate import COMPLETED, generate

LICENCE = "synthetic; CC0-1.0"


def read(folder: Path) -> Manifest:
    """Read the synthetic set in `folder`, whatever its seed; generate it if it is not complete.

    Raises
    ------
    AscNasError
        If the folder holds other data, or the set was damaged.
    """
    if not (folder / COMPLETED).exists():
        generate(folder)
    manifest = dcase2018_task5.read(folder)
    return replace(manifest, name="synthetic-task5", licence=LICENCE)


READERS.register("synthetic")(
    Reader(
        read,
        DatasetInfo(
            "built-in synthetic set, laid out as Task 5; made where missing",
            LICENCE,
            classes=9,
            folds=4,
            clips=172,
        ),
        generates=True,
    )
)
