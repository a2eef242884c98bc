"""Published splits of a training list: how much of it a challenge allows to be trained on.

DCASE Task 1 of 2024 and 2025 (F. Schmid et al., arXiv 2405.10018 and arXiv 2505.01747): 5, 10, 25,
50 or 100 % of the train list of TAU Urban 2022 Mobile, the smaller ones inside the larger ones. The
test list is the same for all.
"""

from pathlib import Path

from asc_nas.core.errors import AscNasError, UsageError
from asc_nas.data.manifest import Manifest
from data_prep.datasets.dcase_lists import ROLE_OF_LIST
from data_prep.datasets.reader import DatasetInfo
from data_prep.datasets.tables import malformed, tab_rows

SOURCE = "https://github.com/CPJKU/dcase2024_task1_baseline/releases/download/files/"
"""Where the organisers publish the lists, ``split5.csv`` to ``split100.csv``."""


def list_of(folder: Path, split: str) -> Path:
    """Return where the list of a split lies in the folder of the recordings."""
    return folder / "evaluation_setup" / f"split{split}.csv"


def take_split(manifest: Manifest, folder: Path, split: str, info: DatasetInfo) -> Manifest:
    """Return the manifest without the training clips that are not in a published split.

    Parameters
    ----------
    manifest : Manifest
        With the folds ``"train"`` and ``"test"``; other clips are in neither list and left out.
    folder : Path
        Holds ``evaluation_setup/split{split}.csv``: a header, then a path per line, and perhaps
        its label, separated by tabs.
    split : str
        One of `DatasetInfo.splits`.

    Raises
    ------
    UsageError
        If the dataset has no such split.
    AscNasError
        If the list is missing or malformed, or names a clip that is not in the train list.
    """
    if split not in info.splits:
        known = f"it has {', '.join(info.splits)}" if info.splits else "it has none: leave it out"
        raise UsageError(f"data.split: {manifest.name} has no split '{split}'; {known}.")
    table = list_of(folder, split)
    if not table.is_file():
        raise AscNasError(f"{table}: no such file; get it from {SOURCE}{table.name}.")
    train, test = ROLE_OF_LIST["train"], ROLE_OF_LIST["evaluate"]
    labels_of = {clip.path: clip.label for clip in manifest.clips if clip.fold == train}
    chosen = set()
    for line, cells in tab_rows(table):
        label = labels_of.get(cells[0])
        if label is None:
            raise AscNasError(
                f"{table}, line {line}: {cells[0]} is not in the train list of {manifest.name}; "
                f"get the file again from {SOURCE}{table.name}."
            )
        if cells[1:2] not in ([], [label]):
            expected = f"{cells[0]} and its label '{label}', separated by a tab"
            raise malformed(table, line, expected, cells)
        chosen.add(cells[0])
    if not chosen:
        raise AscNasError(f"{table}: lists no clips; get it again from {SOURCE}{table.name}.")
    return manifest.with_clips(
        [clip for clip in manifest.clips if clip.path in chosen or clip.fold == test]
    )
