"""DCASE 2018 Task 5: domestic activities heard by four-microphone sensor nodes.

The clips are a part of the SINS database (G. Dekkers et al., DCASE Workshop 2017). Four nodes heard
the same sessions at the same time, so the session is the group.
"""

import re
from pathlib import Path

from asc_nas.core.errors import AscNasError
from asc_nas.data.manifest import Clip, Manifest
from data_prep.datasets.dcase_lists import DcaseLayout
from data_prep.datasets.reader import READERS, DatasetInfo, Reader
from data_prep.datasets.tables import malformed, tab_rows

CHANNELS = 4
KNOWN_NODES = ("DevNode1", "DevNode2", "DevNode3", "DevNode4")
"""The nodes of the development set; the evaluation set has three more, the unknown ones."""
_LICENCE = "free non-commercial"

DEVELOPMENT = DcaseLayout(
    name="dcase2018-task5",
    info=DatasetInfo(
        "DCASE 2018 Task 5, development: domestic activities, 4 channels",
        _LICENCE,
        classes=9,
        folds=4,
        clips=72_984,
        packages="dcase2018_task5",
    ),
    columns=("path", "label", "group"),
    file_name=re.compile(r"audio/(?P<device>DevNode\d+)_(?P<group>ex\d+)_\d+\.(?:wav|flac)"),
    example="'audio/DevNode1_ex1_1.wav', a label and the session 'ex1', separated by tabs",
    folds=("1", "2", "3", "4"),
    channels=CHANNELS,
)
EVALUATION = DatasetInfo(
    "DCASE 2018 Task 5, evaluation: with 3 more sensor nodes",
    _LICENCE,
    classes=9,
    clips=72_972,
    packages="dcase2018_task5_evaluation",
)
_SEGMENT = re.compile(r"audio/(?P<file>[^/]+\.(?:wav|flac))")
_MAPPED = re.compile(r"(?P<node>[A-Za-z]+\d+)_ex\d+_\d+\.\w+")

read = DEVELOPMENT.read


def read_evaluation(folder: Path) -> Manifest:
    """Read the published evaluation layout: ``meta.txt``, ``evaluation_setup/``, ``audio/``.

    Every clip is in the fold ``"test"``; its group is the session and its device the node that
    ``map.txt`` tells: one of `KNOWN_NODES`, or a node that the development set does not have. Where
    ``meta.txt`` is absent, labels are those of ``evaluation_setup/evaluation.txt``.

    Raises
    ------
    AscNasError
        If a file is missing, a line is malformed, or a clip is not in ``map.txt``.
    """
    setup = folder / "evaluation_setup"
    truth = next((t for t in (folder / "meta.txt", setup / "evaluation.txt") if t.is_file()), None)
    if truth is None or not (setup / "map.txt").is_file():
        missing = "evaluation_setup/map.txt" if truth else "meta.txt"
        raise AscNasError(
            f"{folder}: no {missing}, so this is not the layout of {EVALUATION.title}; give the "
            "folder that holds meta.txt, evaluation_setup/ and audio/."
        )
    nodes = _nodes(setup / "map.txt")
    clips = []
    for line, cells in tab_rows(truth):
        match = _SEGMENT.fullmatch(cells[0])
        if match is None or len(cells) != 3 or not all(cells):
            expected = "'audio/1.wav', a label and a session, separated by tabs"
            raise malformed(truth, line, expected, cells)
        if match["file"] not in nodes:
            raise AscNasError(
                f"{truth}, line {line}: {cells[0]} is not in evaluation_setup/map.txt, which tells "
                "its node; unpack the dataset again."
            )
        path, label, session = cells
        clips.append(Clip(path, label, "test", session, nodes[match["file"]], CHANNELS))
    if not clips:
        raise AscNasError(f"{truth}: the file lists no clips; unpack the dataset again.")
    labels = tuple(sorted({clip.label for clip in clips}))
    name = "dcase2018-task5-evaluation"
    return Manifest(name, folder.resolve(), labels, tuple(clips), _LICENCE)


def _nodes(table: Path) -> dict[str, str]:
    """Return file name -> node."""
    nodes = {}
    for line, cells in tab_rows(table):
        match = _MAPPED.fullmatch(cells[-1].removeprefix("audio/"))
        if match is None or len(cells) != 2:
            expected = "a file name and its development-style name 'DevNode1_ex1_1.wav'"
            raise malformed(table, line, expected, cells)
        nodes[cells[0].removeprefix("audio/")] = match["node"]
    return nodes


READERS.register("dcase2018_task5")(Reader(read, DEVELOPMENT.info))
READERS.register("dcase2018_task5_evaluation")(Reader(read_evaluation, EVALUATION))
