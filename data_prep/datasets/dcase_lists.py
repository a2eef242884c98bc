"""The layout that the DCASE sets share: a meta file, ``evaluation_setup/`` and ``audio/``.

What differs from set to set is data, a `DcaseLayout`: the columns, the form of a file's name, which
tells the group and the device, the folds and the number of channels.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from asc_nas.core.errors import AscNasError
from asc_nas.data.manifest import Clip, Manifest
from data_prep.datasets.reader import DatasetInfo
from data_prep.datasets.tables import malformed, tab_rows

PUBLISHED_SPLIT = ("1",)
"""Folds of a set with one train and one test list: its clips get the folds of `ROLE_OF_LIST`."""
ROLE_OF_LIST = {"train": "train", "evaluate": "test"}


@dataclass(frozen=True)
class DcaseLayout:
    """How one set is laid out.

    Attributes
    ----------
    name : str
        Of the manifest.
    info : DatasetInfo
        Its licence goes into the manifest, its title into errors.
    columns : tuple of str
        What the meta file's columns hold: ``path`` and ``label``, then any of ``group`` and
        ``device``, which have to agree with the file's name.
    file_name : re.Pattern
        Form of a path, with the group ``group`` and perhaps ``device`` and ``label``.
    example : str
        A row of the meta file in words, for errors.
    folds : tuple of str
        Numbers of the published folds; `PUBLISHED_SPLIT` where there is one only.
    channels : int
        Of every recording.
    meta : tuple of str
        Names that the meta file may have, the published one first.
    suffix : str
        Ending of the lists in ``evaluation_setup/``.
    """

    name: str
    info: DatasetInfo
    columns: tuple[str, ...]
    file_name: re.Pattern[str]
    example: str
    folds: tuple[str, ...]
    channels: int
    meta: tuple[str, ...] = ("meta.txt",)
    suffix: str = ".txt"

    def read(self, folder: Path) -> Manifest:
        """Read the set that lies in `folder`; the audio itself is not looked at.

        A clip's fold is the one whose ``fold{n}_evaluate`` list holds it. With one fold only, it is
        ``"train"`` or ``"test"`` after the list that holds the clip, and empty for clips in
        neither, which the published split does not use.

        Raises
        ------
        AscNasError
            If a file is missing, a row is malformed, a list names a clip that the meta file lacks
            or with another label, a clip is in both lists of one fold or tested in two, or, with
            several folds, tested in none.
        """
        meta = self._meta_file(folder)
        rows = list(self._rows(meta))
        if not rows:
            raise AscNasError(f"{meta}: the file lists no clips; unpack the dataset again.")
        labels_of = {path: label for path, label, *_ in rows}
        setup = folder / "evaluation_setup"
        if self.folds == PUBLISHED_SPLIT:
            folds = published_split(setup, self.suffix, labels_of, meta.name)
        else:
            folds = cross_validation(setup, self.suffix, self.folds, labels_of, meta.name)
        clips = tuple(
            Clip(path, label, folds.get(path, ""), group, device, self.channels)
            for path, label, group, device in rows
        )
        labels = tuple(sorted(set(labels_of.values())))
        return Manifest(self.name, folder.resolve(), labels, clips, self.info.licence)

    def _meta_file(self, folder: Path) -> Path:
        for name in self.meta:
            if (folder / name).is_file():
                return folder / name
        raise AscNasError(
            f"{folder}: no {self.meta[0]}, so this is not the layout of {self.info.title}; give "
            f"the folder that holds {self.meta[0]}, evaluation_setup/ and audio/."
        )

    def _rows(self, meta: Path) -> Iterator[tuple[str, str, str, str]]:
        """Yield path, label, group and device of each row of the meta file."""
        for line, cells in tab_rows(meta):
            match = self.file_name.fullmatch(cells[0])
            if match is None or len(cells) != len(self.columns) or not cells[1]:
                raise malformed(meta, line, self.example, cells)
            named = match.groupdict()
            for column, cell in zip(self.columns[1:], cells[1:], strict=True):
                if named.get(column, cell) != cell:
                    raise malformed(meta, line, self.example, cells)
            yield cells[0], cells[1], named["group"], named.get("device", "")


def cross_validation(
    setup: Path, suffix: str, folds: tuple[str, ...], labels_of: dict[str, str], meta: str
) -> dict[str, str]:
    """Return path -> the fold that tests it, from ``fold{n}_evaluate`` (and ``fold{n}_train``).

    Parameters
    ----------
    labels_of : dict of str to str
        Path -> label of every clip of the set.
    meta : str
        Where these clips are listed, for errors.

    Raises
    ------
    AscNasError
        If a test list is missing or malformed, names another label, or if the folds do not test
        every clip once; also if a train list, where there is one, holds a clip of its own test
        list.
    """
    tested: dict[str, str] = {}
    for fold in folds:
        table = setup / f"fold{fold}_evaluate{suffix}"
        for path in _listed(table, labels_of, meta):
            if tested.setdefault(path, fold) != fold:
                raise AscNasError(
                    f"{table}: {path} is in the folds {tested[path]} and {fold}; keep it in one."
                )
    for path in labels_of:
        if path not in tested:
            raise AscNasError(
                f"{setup.parent}: {path} is in {meta} but in no fold; list it in one "
                f"evaluation_setup/fold{{n}}_evaluate{suffix} or unpack the dataset again."
            )
    for fold in folds:
        table = setup / f"fold{fold}_train{suffix}"
        for path in _listed(table, labels_of, meta) if table.exists() else ():
            if tested[path] == fold:
                raise _on_both_sides(table, path, fold)
    return tested


def published_split(
    setup: Path, suffix: str, labels_of: dict[str, str], meta: str
) -> dict[str, str]:
    """Return path -> ``"train"`` or ``"test"``, from the lists of fold 1.

    Raises
    ------
    AscNasError
        If a list is missing or malformed, names an unknown clip or another label, or if a clip is
        in both lists.
    """
    sides: dict[str, str] = {}
    for part, side in ROLE_OF_LIST.items():
        table = setup / f"fold1_{part}{suffix}"
        for path in _listed(table, labels_of, meta):
            if sides.setdefault(path, side) != side:
                raise _on_both_sides(table, path, "1")
    return sides


def _listed(table: Path, labels_of: dict[str, str], meta: str) -> list[str]:
    """Return the paths of a list whose rows start with path and label."""
    paths = []
    for line, cells in tab_rows(table):
        label = labels_of.get(cells[0])
        if label is None:
            raise AscNasError(
                f"{table}, line {line}: {cells[0]} is not in {meta}; unpack the dataset again."
            )
        if len(cells) < 2 or cells[1] != label:
            expected = f"{cells[0]} and its label '{label}', separated by a tab"
            raise malformed(table, line, expected, cells)
        paths.append(cells[0])
    return paths


def _on_both_sides(table: Path, path: str, fold: str) -> AscNasError:
    return AscNasError(
        f"{table}: {path} is in the train list and in the test list of fold {fold}; unpack the "
        "dataset again."
    )
