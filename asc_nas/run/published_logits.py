"""Logits of teachers as others publish them: a tensor with a row for every row of a list of clips.

So are those of the PaSST and CP-ResNet ensembles for DCASE Task 1 (F. Schmid et al., "CP-JKU
submission to DCASE23", and their releases): ``ensemble_logits.pt``, a row for each of ``meta.csv``
and a column for each scene in the order of the names. A ``.pt`` file is read without unpickling it.
"""

import pickletools
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from asc_nas.core.errors import AscNasError, shortened
from asc_nas.data.logits import ClipScores
from data_prep.datasets.tables import tab_rows

SUFFIXES = (".pt", ".npy")
_NUMBERS: Final = {b"HalfStorage": "<f2", b"FloatStorage": "<f4", b"DoubleStorage": "<f8"}
_DESCRIBED: Final = 10_000
"""Bytes that describe a tensor, at most; there are some 150."""
_WHOLE = ("BININT", "BININT1", "BININT2", "LONG1")


def read_published(file: Path, table: Path, labels: Sequence[str]) -> ClipScores:
    """Return the logits in a tensor whose rows are the clips of a published list.

    Parameters
    ----------
    file : ``.npy``, or ``.pt`` as `torch.save` writes a tensor (clips, labels) of floats
    table : the list, with the path of a clip at the beginning of every row
    labels : of the clips, in any order; the columns are in the order of their names

    Raises
    ------
    AscNasError
        If a file is missing or damaged, or rows, columns or labels do not match.
    """
    keys = tuple(cells[0] for _, cells in tab_rows(table))
    shape = len(keys), len(labels)
    try:
        logits = _array(file) if file.suffix == ".npy" else _tensor(file, shape)
    except FileNotFoundError as error:
        raise AscNasError(f"{file}: no such file of logits.") from error
    except Exception as error:  # zipfile and zlib have errors of their own
        raise AscNasError(
            f"{file}: not readable as a tensor of logits ({shortened(str(error))}); a .npy file of "
            "NumPy will do, too."
        ) from error
    if logits.shape != shape:
        raise AscNasError(
            f"{file}: logits of the shape {logits.shape}, but {table} has {shape[0]} rows and the "
            f"set {shape[1]} labels; take the list that belongs to the logits."
        )
    with np.errstate(over="ignore"):  # `require_sound` tells of what is too large
        found = ClipScores(keys, tuple(sorted(labels)), logits.astype(np.float32))
    found.require_sound(file)
    return found


def _array(file: Path) -> NDArray[np.floating]:
    """Return the numbers in a file of NumPy."""
    with file.open("rb") as stored:
        array = np.lib.format.read_array(stored, allow_pickle=False)
    if array.dtype.kind != "f":
        raise ValueError("its numbers are not floating point")
    return array


def _tensor(file: Path, shape: tuple[int, int]) -> NDArray[np.floating]:
    """Return the numbers of the one tensor of this shape in an archive of `torch.save`.

    What describes the tensor is a pickle, which is looked through and not carried out: its only
    whole numbers are the size of the storage, the place of the first number, shape and strides.
    """
    with zipfile.ZipFile(file) as archive:
        names = {name.partition("/")[2]: name for name in archive.namelist()}
        if archive.getinfo(names["data.pkl"]).file_size > _DESCRIBED:
            raise ValueError("what describes the tensor is too long")
        described = archive.read(names["data.pkl"])
        numbers = next((code for name, code in _NUMBERS.items() if name in described), None)
        if numbers is None or b"BFloat16Storage" in described:
            raise ValueError("its numbers are not float16, float32 or float64")
        order = archive.read(names["byteorder"]) if "byteorder" in names else b"little"
        if order != b"little":
            raise ValueError("its numbers begin with their highest byte")
        size = shape[0] * shape[1]
        found = [
            argument for code, argument, _ in pickletools.genops(described) if code.name in _WHOLE
        ]
        if found != [size, 0, *shape, shape[1], 1]:
            raise ValueError(f"not one tensor of the shape {shape} alone")
        if archive.getinfo(names["data/0"]).file_size != size * np.dtype(numbers).itemsize:
            raise ValueError("its data have another length")
        return np.frombuffer(archive.read(names["data/0"]), numbers).reshape(shape)
