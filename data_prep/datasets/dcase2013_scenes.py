"""DCASE 2013 scenes: ``{scene}{NN}.wav``, a hundred binaural recordings.

D. Stowell et al., "Detection and classification of acoustic scenes and events", IEEE Transactions
on Multimedia 17(10), 2015.
"""

import re
from pathlib import Path

from asc_nas.core.errors import AscNasError
from asc_nas.data.manifest import Clip, Manifest
from data_prep.datasets.dcase_lists import cross_validation
from data_prep.datasets.reader import READERS, DatasetInfo, Reader

INFO = DatasetInfo(
    "DCASE 2013 scenes, development: stereo, 44.1 kHz, 30 s",
    "see the publisher's page",
    10,
    5,
    100,
    packages="dcase2013_scenes",
)
FOLDS = ("1", "2", "3", "4", "5")
FOLDERS = ("scenes_stereo", "audio", ".")
"""Where the recordings may lie; the published archive unpacks to the first."""
_NAME = re.compile(r"(?P<label>[a-z_]+?)\d\d\.wav")


def read(folder: Path) -> Manifest:
    """Read the recordings; each one is a group of its own (``bus01``).

    Folds are read from ``evaluation_setup/fold{1..5}_evaluate.txt``. The archive of the recordings
    does not hold these lists: without the folder ``evaluation_setup`` every fold is empty, and none
    is made up. Lists that draw each test set anew, so that a recording is tested in two folds, are
    refused.

    Raises
    ------
    AscNasError
        If there are no recordings, a name does not follow the layout, or a list is wrong.
    """
    place = next((folder / name for name in FOLDERS if any((folder / name).glob("*.wav"))), None)
    if place is None:
        raise AscNasError(
            f"{folder}: no WAV files, so this is not the layout of {INFO.title}; give the folder "
            "that holds scenes_stereo/ with recordings such as bus01.wav."
        )
    clips = [_clip(path, folder) for path in sorted(place.glob("*.wav"))]
    setup = folder / "evaluation_setup"
    if setup.is_dir():
        labels_of = {clip.path: clip.label for clip in clips}
        tested = cross_validation(setup, ".txt", FOLDS, labels_of, "the folder of recordings")
        clips = [Clip(c.path, c.label, tested[c.path], c.group, channels=c.channels) for c in clips]
    labels = tuple(sorted({clip.label for clip in clips}))
    name = "dcase2013-scenes"
    return Manifest(name, folder.resolve(), labels, tuple(clips), INFO.licence)


def _clip(path: Path, folder: Path) -> Clip:
    match = _NAME.fullmatch(path.name)
    if match is None:
        raise AscNasError(
            f"{path}: not a file name of DCASE 2013; it should be a scene and two digits, such as "
            "bus01.wav, so remove the file or unpack the dataset again."
        )
    return Clip(path.relative_to(folder).as_posix(), match["label"], "", path.stem, channels=2)


READERS.register("dcase2013_scenes")(Reader(read, INFO))
