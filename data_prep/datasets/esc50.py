"""ESC-50, and the ESC-10 part of it, as the repository lays them out.

K. J. Piczak, "ESC: Dataset for Environmental Sound Classification", ACM Multimedia 2015. Files are
``audio/{fold}-{source}-{take}-{target}.wav``; ``meta/esc50.csv`` has their folds and labels.
"""

from pathlib import Path

from asc_nas.core.errors import AscNasError
from asc_nas.data.manifest import Clip, Manifest
from data_prep.datasets.reader import READERS, DatasetInfo, Reader
from data_prep.datasets.tables import csv_rows, whole_number

COLUMNS = ("filename", "fold", "target", "category", "esc10", "src_file", "take")
ESC50 = DatasetInfo(
    "ESC-50: fifty environmental sounds, 44.1 kHz, 5 s", "CC BY-NC 3.0", 50, 5, 2000
)
ESC10 = DatasetInfo("ESC-10 in the folder of ESC-50: ten sounds", "CC BY 3.0", 10, 5, 400)


def read_esc50(folder: Path) -> Manifest:
    """Read all fifty classes, in the order of their targets.

    The fold is the official one; the group is the source recording.

    Raises
    ------
    AscNasError
        If ``meta/esc50.csv`` is missing, a row is malformed or a name disagrees with its row.
    """
    return _read(folder, "esc50", ESC50, only_esc10=False)


def read_esc10_of_esc50(folder: Path) -> Manifest:
    """Read the rows that are marked as ESC-10; otherwise as `read_esc50`."""
    return _read(folder, "esc50-esc10", ESC10, only_esc10=True)


def _read(folder: Path, name: str, info: DatasetInfo, only_esc10: bool) -> Manifest:
    table = folder / "meta" / "esc50.csv"
    if not table.is_file():
        raise AscNasError(
            f"{folder}: no meta/esc50.csv, so this is not the layout of ESC-50; give the folder "
            "that holds meta/ and audio/."
        )
    categories: dict[int, str] = {}
    clips = []
    for line, row in csv_rows(table, COLUMNS):
        target = whole_number(table, line, "target", row["target"])
        expected = "-".join([row["fold"], row["src_file"], row["take"], row["target"]]) + ".wav"
        if row["filename"] != expected:
            raise AscNasError(
                f"{table}, line {line}: the file is named {row['filename']}, but the row says "
                f"{expected}; unpack the dataset again."
            )
        if row["esc10"] not in ("True", "False"):
            raise AscNasError(
                f"{table}, line {line}, column 'esc10': '{row['esc10']}' is neither True nor "
                "False; unpack the dataset again."
            )
        if only_esc10 and row["esc10"] == "False":
            continue
        if categories.setdefault(target, row["category"]) != row["category"]:
            raise AscNasError(
                f"{table}, line {line}: the target {target} is '{row['category']}' here and "
                f"'{categories[target]}' above; unpack the dataset again."
            )
        path = f"audio/{row['filename']}"
        clips.append(Clip(path, row["category"], row["fold"], row["src_file"], channels=1))
    if not clips:
        raise AscNasError(f"{table}: the file lists no clips of {info.title}.")
    labels = tuple(categories[target] for target in sorted(categories))
    return Manifest(name, folder.resolve(), labels, tuple(clips), info.licence)


READERS.register("esc50")(Reader(read_esc50, ESC50))
READERS.register("esc50_esc10")(Reader(read_esc10_of_esc50, ESC10))
