"""ESC-10 as published: ``NNN - Class name/<fold>-<freesound id>-<take>.ogg``.

K. J. Piczak, "ESC: Dataset for Environmental Sound Classification", ACM Multimedia 2015.
"""

import re
from pathlib import Path

from asc_nas.audio.io import AUDIO_SUFFIXES
from asc_nas.core.errors import AscNasError
from asc_nas.data.manifest import Clip, Manifest
from data_prep.datasets.class_folders import channels_or_one
from data_prep.datasets.reader import READERS, DatasetInfo, Reader

CLASS_FOLDER = re.compile(r"(?P<number>\d{3}) - (?P<name>.+)")
FILE_NAME = re.compile(r"(?P<fold>\d)-(?P<source>\d+)-(?P<take>[A-Z]+\d*)")
LAYOUT = "'NNN - Class name/<fold>-<freesound id>-<take>.ogg'"


def read_esc10(folder: Path) -> Manifest:
    """Read ESC-10, or any part of it.

    A label is the class name in lower case with underscores (``dog_bark``), in the order of the
    folders' numbers. The fold is the official one; the group is the Freesound recording, because
    clips of one recording are correlated.

    Raises
    ------
    AscNasError
        If the folder is empty or a file does not follow the layout.
    """
    classes = sorted(
        (match["number"], match["name"], path)
        for path in (folder.iterdir() if folder.is_dir() else ())
        if path.is_dir() and (match := CLASS_FOLDER.fullmatch(path.name))
    )
    if not classes:
        raise AscNasError(f"{folder}: no ESC-10 here; the layout is {LAYOUT}.")
    clips: list[Clip] = []
    for _, name, class_folder in classes:
        label = re.sub(r"\W+", "_", name.lower())
        files = [p for p in sorted(class_folder.iterdir()) if p.suffix.lower() in AUDIO_SUFFIXES]
        if not files:
            raise AscNasError(f"{class_folder}: holds no audio; the layout is {LAYOUT}.")
        clips += [_clip(path, folder, label) for path in files]
    labels = tuple(dict.fromkeys(clip.label for clip in clips))
    return Manifest("esc10", folder.resolve(), labels, tuple(clips), "CC BY 3.0")


def _clip(path: Path, folder: Path, label: str) -> Clip:
    match = FILE_NAME.fullmatch(path.stem)
    if match is None:
        raise AscNasError(f"{path}: not a file name of ESC-10; the layout is {LAYOUT}.")
    return Clip(
        path=path.relative_to(folder).as_posix(),
        label=label,
        fold=match["fold"],
        group=match["source"],
        channels=channels_or_one(path),
    )


READERS.register("esc10")(
    Reader(
        read_esc10,
        DatasetInfo(
            "ESC-10 as first published: ten environmental sounds, 5 s", "CC BY 3.0", 10, 5, 400
        ),
    )
)
