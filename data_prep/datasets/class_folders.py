"""Own recordings in one folder per class: ``FOLDER/<label>/.../<recording>``."""

from pathlib import Path

from asc_nas.audio.folders import audio_files, leads_back
from asc_nas.audio.io import AUDIO_SUFFIXES, AudioError, audio_info
from asc_nas.core.errors import AscNasError
from asc_nas.core.plain_text import as_text
from asc_nas.data.manifest import Clip, Manifest
from data_prep.datasets.reader import READERS, DatasetInfo, Reader


def read_class_folders(folder: Path) -> Manifest:
    """Read a folder of class folders; each may hold audio at any depth, also behind links.

    The label is the class folder's name, labels are sorted, and every file is a group of its own
    (its path without the ending). A file that is not readable in spite of its ending stays in, with
    one channel: feature extraction lists it.

    Raises
    ------
    AscNasError
        If `folder` is not a folder, or holds no class folder with audio in it.
    """
    if not folder.is_dir():
        raise AscNasError(f"{folder}: not a folder; give the one that holds the class folders.")
    clips = [
        _clip(path, folder)
        for label in sorted(folder.iterdir())
        if label.is_dir() and not label.name.startswith(".") and not leads_back(label)
        for path in audio_files(label)
    ]
    if not clips:
        raise AscNasError(
            f"{folder}: no audio in class folders; lay it out as {folder.name}/<label>/<recording> "
            f"with one of the endings {', '.join(AUDIO_SUFFIXES)}."
        )
    labels = tuple(sorted({clip.label for clip in clips}))
    root = folder.resolve()
    return Manifest(as_text(Path(root.name)), root, labels, tuple(clips))


def _clip(path: Path, folder: Path) -> Clip:
    inside = path.relative_to(folder)
    return Clip(
        path=as_text(inside),
        label=inside.parts[0],
        group=as_text(inside.with_suffix("")),
        channels=channels_or_one(path),
    )


def channels_or_one(path: Path) -> int:
    """Return the number of channels of an audio file, or 1 where it cannot be read."""
    try:
        return audio_info(path).channels
    except AudioError:
        return 1


READERS.register("folders")(
    Reader(
        read_class_folders,
        DatasetInfo("own recordings, one folder per class: FOLDER/<label>/<recording>", "yours"),
    )
)
