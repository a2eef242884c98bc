"""DCASE 2018 Task 5, development: domestic activities heard by four-microphone sensor nodes."""

import re
from collections.abc import Iterator
from pathlib import Path

from asc_nas.data.manifest import Clip, Manifest
from asc_nas.errors import AscNasError
from data_prep.datasets import READERS, Reader

FOLDS = ("1", "2", "3", "4")
CHANNELS = 4
_AUDIO = re.compile(r"audio/(?P<device>DevNode\d+)_(?P<session>ex\d+)_\d+\.(wav|flac)")


def read(folder: Path) -> Manifest:
    """Read the published development layout: ``meta.txt``, ``evaluation_setup/``, ``audio/``.

    A clip's fold is the one whose ``fold{n}_evaluate.txt`` lists it, its group is the session.

    Raises
    ------
    AscNasError
        If a file is missing, a line is malformed, or a clip is in no fold or in two.
    """
    meta = folder / "meta.txt"
    if not meta.is_file():
        raise AscNasError(
            f"{folder}: no meta.txt, so this is not the DCASE 2018 Task 5 development layout; give "
            "the folder that holds meta.txt, evaluation_setup/ and audio/."
        )
    folds = _folds(folder / "evaluation_setup")
    clips = []
    for path, label, session, device in _rows(meta):
        if path not in folds:
            raise AscNasError(
                f"{folder}: {path} is in meta.txt but in no fold; list it in one "
                "evaluation_setup/fold{n}_evaluate.txt or unpack the dataset again."
            )
        clips.append(Clip(path, label, folds[path], session, device, CHANNELS))
    if not clips:
        raise AscNasError(f"{meta}: the file lists no clips; unpack the dataset again.")
    labels = tuple(sorted({clip.label for clip in clips}))
    licence = "see the licence published with DCASE 2018 Task 5"
    return Manifest("dcase2018-task5", folder, labels, tuple(clips), licence)


READERS.register("dcase2018_task5")(
    Reader(read, "DCASE 2018 Task 5, development: 9 domestic activities, 4 channels, 16 kHz, 10 s")
)


def _folds(setup: Path) -> dict[str, str]:
    """Return path -> fold, from the four lists of test clips."""
    folds: dict[str, str] = {}
    for fold in FOLDS:
        table = setup / f"fold{fold}_evaluate.txt"
        if not table.is_file():
            raise AscNasError(f"{table}: no such file; unpack the whole dataset again.")
        for path, *_ in _rows(table):
            if folds.setdefault(path, fold) != fold:
                raise AscNasError(
                    f"{table}: {path} is in the folds {folds[path]} and {fold}; keep it in one."
                )
    return folds


def _rows(table: Path) -> Iterator[tuple[str, str, str, str]]:
    """Yield path, label, session and device of each line that is not blank."""
    try:
        lines = table.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise AscNasError(f"{table}: not readable as text ({error}).") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        cells = [cell.strip() for cell in line.split("\t")]
        name = _AUDIO.fullmatch(cells[0])
        if len(cells) != 3 or not cells[1] or name is None or name["session"] != cells[2]:
            raise AscNasError(
                f"{table}, line {number}: expected 'audio/DevNode1_ex1_1.wav', a label and the "
                f"session 'ex1', separated by tabs, found {line!r}."
            )
        yield cells[0], cells[1], cells[2], name["device"]
