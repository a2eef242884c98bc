"""The packages that the datasets are published in: addresses, sizes and checksums.

The facts stand in ``packages.json`` beside this module, by dataset name. They are those that the
publishers' Zenodo records and the ``dcase_util`` package list.
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from asc_nas.core.errors import UsageError, closest

CONTENTS = ("documentation", "meta", "audio")
"""What a package can hold; an archive that holds everything counts as audio."""


@dataclass(frozen=True)
class Package:
    """One archive of a dataset.

    Attributes
    ----------
    content : str
        One of `CONTENTS`.
    url : str
        Where it is published.
    bytes : int
        Its size as listed, which is rounded for some sets (2,000,000,000): good enough for a
        progress bar and for disk space, but only the checksum tells whether a file is complete.
    md5 : str
        Checksum of the file, 32 hexadecimal digits.
    filename : str
        Its name, which ends with ``.zip``.
    """

    content: str
    url: str
    bytes: int
    md5: str
    filename: str


def packages(name: str) -> tuple[Package, ...]:
    """Return the packages of the dataset `name`, in the order in which they are listed.

    Raises
    ------
    UsageError
        If the dataset is not one that can be downloaded.
    """
    table = _table()
    if name not in table:
        raise UsageError(
            f"the dataset '{name}' cannot be downloaded.{closest(name, table)} "
            f"These can: {', '.join(table)}."
        )
    return table[name]


def total_bytes(name: str) -> int:
    """Return the size of all packages of a dataset, 0 if it cannot be downloaded."""
    return sum(package.bytes for package in _table().get(name, ()))


@cache
def _table() -> dict[str, tuple[Package, ...]]:
    text = files("data_prep.datasets").joinpath("packages.json").read_text(encoding="utf-8")
    listed: dict[str, list[dict[str, str | int]]] = json.loads(text)
    return {name: tuple(Package(**row) for row in rows) for name, rows in listed.items()}  # type: ignore[arg-type]
