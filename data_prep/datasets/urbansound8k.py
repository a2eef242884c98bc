"""UrbanSound8K: ``audio/fold{1..10}/{fsID}-{classID}-{occurrence}-{slice}.wav``.

J. Salamon, C. Jacoby, J. P. Bello, "A dataset and taxonomy for urban sound research", ACM
Multimedia 2014. ``metadata/UrbanSound8K.csv`` lists the files.
"""

from pathlib import Path

from asc_nas.core.errors import AscNasError
from asc_nas.data.manifest import Clip, Manifest
from data_prep.datasets.class_folders import channels_or_one
from data_prep.datasets.reader import READERS, DatasetInfo, Reader
from data_prep.datasets.tables import csv_rows, whole_number

COLUMNS = ("slice_file_name", "fsID", "fold", "classID", "class")
FOLDS = tuple(str(number) for number in range(1, 11))
INFO = DatasetInfo(
    "UrbanSound8K: urban sounds of up to 4 s, various formats", "CC BY-NC 3.0", 10, 10, 8732
)


def read(folder: Path) -> Manifest:
    """Read the set; labels are in the order of their class numbers.

    The group is the Freesound recording (``fsID``). The number of channels differs from file to
    file and is read from each header; a file that cannot be read counts as one channel.

    Raises
    ------
    AscNasError
        If the table is missing, a row is malformed or a name disagrees with its row.
    """
    table = folder / "metadata" / "UrbanSound8K.csv"
    if not table.is_file():
        raise AscNasError(
            f"{folder}: no metadata/UrbanSound8K.csv, so this is not the layout of UrbanSound8K; "
            "give the folder that holds metadata/ and audio/."
        )
    names: dict[int, str] = {}
    clips = []
    for line, row in csv_rows(table, COLUMNS):
        number = whole_number(table, line, "classID", row["classID"])
        parts = row["slice_file_name"].removesuffix(".wav").split("-")
        if len(parts) != 4 or parts[:2] != [row["fsID"], row["classID"]]:
            raise AscNasError(
                f"{table}, line {line}: expected a file name "
                f"'{row['fsID']}-{row['classID']}-0-0.wav' of recording and class, found "
                f"'{row['slice_file_name']}'; unpack the dataset again."
            )
        if row["fold"] not in FOLDS:
            raise AscNasError(
                f"{table}, line {line}, column 'fold': '{row['fold']}' is not one of "
                f"{', '.join(FOLDS)}; unpack the dataset again."
            )
        if names.setdefault(number, row["class"]) != row["class"]:
            raise AscNasError(
                f"{table}, line {line}: the class {number} is '{row['class']}' here and "
                f"'{names[number]}' above; unpack the dataset again."
            )
        path = f"audio/fold{row['fold']}/{row['slice_file_name']}"
        channels = channels_or_one(folder / path)
        clips.append(Clip(path, row["class"], row["fold"], row["fsID"], channels=channels))
    if not clips:
        raise AscNasError(f"{table}: the file lists no clips; unpack the dataset again.")
    labels = tuple(names[number] for number in sorted(names))
    return Manifest("urbansound8k", folder.resolve(), labels, tuple(clips), INFO.licence)


READERS.register("urbansound8k")(Reader(read, INFO))
