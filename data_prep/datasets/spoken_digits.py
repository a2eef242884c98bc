"""Free Spoken Digit Dataset, or any of its speakers: ``{digit}_{speaker}_{index}.wav``.

Z. Jackson et al., "Free Spoken Digit Dataset", github.com/Jakobovski/free-spoken-digit-dataset. The
files lie in one folder, in the repository ``recordings``.
"""

import re
from pathlib import Path

from asc_nas.core.errors import AscNasError
from asc_nas.data.manifest import Clip, Manifest
from data_prep.datasets.reader import READERS, DatasetInfo, Reader

FILE_NAME = re.compile(r"(?P<digit>\d)_(?P<speaker>[^\W_]+)_\d+\.wav")
LAYOUT = "'{digit}_{speaker}_{index}.wav'"
INFO = DatasetInfo(
    "Free Spoken Digit Dataset: ten spoken digits, 8 kHz, about 0.4 s", "CC BY-SA 4.0", 10, 6, 3000
)


def read(folder: Path) -> Manifest:
    """Read the recordings in `folder`, or in its folder ``recordings`` if there is one.

    The label is the digit. Fold and group are the speaker: to leave one fold out is to leave one
    speaker out. (The repository's own test set, the first five recordings of everybody, has the
    same speakers on both sides.)

    Raises
    ------
    AscNasError
        If there are no WAV files, or one does not follow the layout.
    """
    place = folder / "recordings" if (folder / "recordings").is_dir() else folder
    files = sorted(place.glob("*.wav"))
    if not files:
        raise AscNasError(f"{place}: holds no WAV files; the layout is {LAYOUT}.")
    clips = tuple(_clip(path, folder) for path in files)
    labels = tuple(sorted({clip.label for clip in clips}))
    return Manifest("spoken_digits", folder.resolve(), labels, clips, INFO.licence)


def _clip(path: Path, folder: Path) -> Clip:
    match = FILE_NAME.fullmatch(path.name)
    if match is None:
        raise AscNasError(
            f"{path}: not a file name of the Free Spoken Digit Dataset; the layout is {LAYOUT}."
        )
    speaker = match["speaker"]
    return Clip(
        path.relative_to(folder).as_posix(), match["digit"], fold=speaker, group=speaker, channels=1
    )


READERS.register("spoken_digits")(Reader(read, INFO))
