"""Reader of the synthetic set, which it makes first where it is missing."""

from dataclasses import replace
from pathlib import Path

from asc_nas.data.manifest import Manifest
from data_prep.datasets import READERS, Reader, dcase2018_task5
from data_prep.synthetic.generate import COMPLETED, generate


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
    return replace(manifest, name="synthetic-task5", licence="synthetic; CC0-1.0")


READERS.register("synthetic")(
    Reader(
        read,
        "built-in synthetic set in the layout of DCASE 2018 Task 5; made where missing",
        generates=True,
    )
)
