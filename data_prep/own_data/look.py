"""What a folder (or a list) of recordings holds, from names and file headers."""

import re
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from asc_nas.audio.io import AUDIO_SUFFIXES, AudioError, AudioInfo, audio_info
from asc_nas.core.errors import AscNasError
from asc_nas.core.plain_text import as_path, as_text
from asc_nas.core.progress import Progress, unheard
from asc_nas.data.manifest import Clip, Manifest
from asc_nas.runtime.labels_out import is_answers
from data_prep.datasets import read_dataset
from data_prep.datasets.class_folders import channels_or_one
from data_prep.datasets.csv_table import REQUIRED
from data_prep.own_data.grouping import Grouping, guess_groups

TABLE_SUFFIXES = (".csv", ".tsv")
_LABEL_IN_NAME = re.compile(r"[^\W\d_]+(?:[-_. ]+[^\W\d_]+(?=[-_. ]))*")
"""The words before the first part of a name that has a digit: ``park`` of ``park_03``."""


@dataclass(frozen=True)
class Look:
    """What was found.

    Attributes
    ----------
    manifest : Manifest
        The recordings, with the guessed groups if there are any.
    layout : str
        ``folders`` (one per class), ``csv`` (a list), or ``names`` (labels begin file names).
    source : Path
        The folder, or the list.
    infos : dict of AudioInfo
        Rate, channels and length by path, of the files that can be opened.
    unreadable : dict of str
        Why a file cannot be opened, by path.
    grouping : Grouping or None
        The guess; None if groups are given or nothing tells them.
    answers : tuple of Path
        Tables in the folder that were passed over, as `asc-nas classify` wrote them.
    """

    manifest: Manifest
    layout: str
    source: Path
    infos: dict[str, AudioInfo]
    unreadable: dict[str, str]
    grouping: Grouping | None
    answers: tuple[Path, ...] = ()

    @property
    def grouped(self) -> bool:
        """Whether any two recordings are known to belong together."""
        groups = {clip.group for clip in self.manifest.clips}
        return len(groups) < len({clip.path for clip in self.manifest.clips})

    @property
    def rates(self) -> Counter[int]:
        """Number of files by sample rate in hertz."""
        return Counter(info.sample_rate for info in self.infos.values())

    @property
    def lengths(self) -> list[float]:
        """Seconds of every clip that can be opened, sorted."""
        found = []
        for clip in self.manifest.clips:
            if clip.path in self.infos:
                rest = max(0.0, self.infos[clip.path].seconds - clip.start)
                found.append(min(clip.duration, rest) if clip.duration else rest)
        return sorted(found)

    @property
    def median_length(self) -> float:
        """Seconds."""
        return median(self.lengths)


def look(source: Path, progress: Progress = unheard) -> Look:
    """Look at own recordings.

    Parameters
    ----------
    source : Path
        A folder of class folders, a folder with one list (CSV or TSV, columns path and label), such
        a list, or a folder of files that are named ``label_number``.
    progress : called with (files done, files)

    Raises
    ------
    AscNasError
        If it is none of these, has fewer than two classes, or no file can be opened.
    """
    if not source.exists():
        raise AscNasError(f"{source}: no such folder; give the folder that holds the recordings.")
    answers = () if source.is_file() else tuple(filter(_holds_answers, sorted(source.iterdir())))
    manifest, layout, source = _read(source)
    if len(manifest.labels) < 2:
        raise AscNasError(
            f"{source}: only the class '{manifest.labels[0]}' is there; a classifier needs two or "
            "more, so add recordings of something else (a class 'other', say)."
        )
    infos: dict[str, AudioInfo] = {}
    unreadable: dict[str, str] = {}
    paths = list(dict.fromkeys(clip.path for clip in manifest.clips))
    for done, path in enumerate(paths, start=1):
        try:
            infos[path] = audio_info(manifest.root / as_path(path))
        except AudioError as error:
            unreadable[path] = str(error)
        progress(done, len(paths), "files")
    if not infos:
        raise AscNasError(
            f"{source}: none of {len(paths)} files can be read: {unreadable[paths[0]]}"
        )
    grouping = None
    if layout != "csv":
        grouping = guess_groups(paths, [clip.label for clip in manifest.clips])
    if grouping is not None:
        clips = zip(manifest.clips, grouping.groups, strict=True)
        manifest = manifest.with_clips([replace(clip, group=group) for clip, group in clips])
    return Look(manifest, layout, source, infos, unreadable, grouping, answers)


def _read(source: Path) -> tuple[Manifest, str, Path]:
    """Return the manifest, the layout, and the folder or list that it comes from."""
    if source.is_file():
        return read_dataset("csv", source), "csv", source
    tables = [path for path in sorted(source.iterdir()) if _lists_clips(path)]
    if len(tables) == 1:
        return read_dataset("csv", tables[0]), "csv", tables[0]
    try:
        return read_dataset("folders", source), "folders", source
    except AscNasError:
        clips = _clips_by_name(source)
        if not clips:
            raise
    labels = tuple(sorted({clip.label for clip in clips}))
    root = source.resolve()
    return Manifest(as_text(Path(root.name)), root, labels, tuple(clips)), "names", source


def _lists_clips(path: Path) -> bool:
    """Return whether a file is a list with the columns that are needed."""
    columns = _columns(path)
    return set(REQUIRED) <= columns and not is_answers(columns)


def _holds_answers(path: Path) -> bool:
    return is_answers(_columns(path))


def _columns(path: Path) -> set[str]:
    """Return the columns of a table; none of another file."""
    if path.suffix.lower() not in TABLE_SUFFIXES or path.name.startswith("."):
        return set()
    try:
        # In another encoding it is a list all the same, which its reader refuses with the line.
        with path.open(encoding="utf-8-sig", newline="", errors="replace") as handle:
            header = handle.readline()
    except OSError:
        return set()
    return {column.strip(' \r\n"') for column in re.split(r"[,;\t]", header)}


def _clips_by_name(folder: Path) -> list[Clip]:
    """Return clips labelled by the words that begin their names; none if names tell no classes."""
    paths = [
        path
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in AUDIO_SUFFIXES and not path.name.startswith(".")
    ]
    matches = [_LABEL_IN_NAME.match(path.stem) for path in paths]
    labels = [match[0] if match else "" for match in matches]
    counts = Counter(labels)
    if "" in counts or len(counts) < 2 or min(counts.values()) < 2:
        return []
    return [
        Clip(
            as_text(Path(path.name)),
            label,
            group=as_text(Path(path.stem)),
            channels=channels_or_one(path),
        )
        for path, label in zip(paths, labels, strict=True)
    ]
