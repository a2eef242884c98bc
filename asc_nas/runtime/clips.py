"""Detections of a recording, cut out as WAV files."""

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from asc_nas.audio.io import open_audio
from asc_nas.core.errors import AscNasError, UsageError
from asc_nas.core.files import atomic_path, fingerprint
from asc_nas.core.plain_text import as_text
from asc_nas.runtime.classifier import Classification
from asc_nas.runtime.labels_out import CLIP_COLUMNS
from asc_nas.runtime.recording_time import comment, time_text
from asc_nas.runtime.recordings import Answer, Recording
from asc_nas.runtime.segments import NO_SCENE, Segment

LIST_NAME = "clips.csv"
_KEPT = frozenset({"PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT"})
"""Samples that a clip has as its source; of others it has 16 bits."""
_BLOCK = 1 << 16  # samples per channel
_LARGEST_WAV = (1 << 32) - (1 << 16)
_LONGEST_HEADER = 1000
_LONGEST_LABEL = 60  # characters in a file name
_LONGEST_NAME = 200  # bytes; systems take 255, and a file is written beside under a longer name


def detections(found: Classification, everything: bool = False) -> list[Segment]:
    """Return the segments that are cut out: those with a scene, or all of them."""
    return [each for each in found.segments if everything or each.label not in NO_SCENE]


def clip_path(recording: Recording, segment: Segment) -> Path:
    """Return a clip's place below the folder of clips: source, start, label, probability.

    As in ``night/a.wav_00012.500s_rain_0.83.wav``.
    """
    label = re.sub(r"[^\w.-]+", "_", segment.label)[:_LONGEST_LABEL]
    about = f"_{segment.start:09.3f}s_{label}_{segment.probability:.2f}.wav"
    source, free = recording.name.name, _LONGEST_NAME - len(os.fsencode(about))
    if len(os.fsencode(source)) > free:
        mark = f"~{fingerprint(as_text(recording.name))}"
        source = os.fsencode(source)[: free - len(mark)].decode(errors="ignore") + mark
    return recording.name.with_name(f"{source}{about}")


def cut_clips(folder: Path, everything: bool, answer: Answer) -> None:
    """Write the detections of a recording below `folder`; a clip that is there is replaced.

    A clip has rate and channels of its source, and its samples where WAV has them, else 16 bits.
    Where the time is known, its comment tells when it began.

    Raises
    ------
    AudioError
        If the recording cannot be read.
    AscNasError
        If a clip cannot be written.
    """
    found = answer.classification
    for segment in detections(found, everything) if found else ():
        target = folder / clip_path(answer.recording, segment)
        start = found.start_time if found else None
        about = "" if start is None else comment(start, segment.start)
        write_clip(answer.recording.path, segment, target, about)


def check_folder(folder: Path, recordings: Sequence[Recording]) -> None:
    """Check that the folder of clips holds no recording, and no list from elsewhere.

    Raises
    ------
    UsageError
        If a recording lies in it, so that a second call would cut clips of clips; or if there is a
        list with other columns, which would be replaced.
    """
    inside = [r.path for r in recordings if r.path.resolve().is_relative_to(folder.resolve())]
    if inside:
        raise UsageError(
            f"{as_text(inside[0])} lies in the folder of the clips, {as_text(folder)}, so the next "
            "call would cut clips of clips; give another folder."
        )
    file = folder / LIST_NAME
    if not file.is_file():
        return
    with file.open(encoding="utf-8", errors="replace") as lines:
        header = lines.readline(_LONGEST_HEADER).strip()
    if header != ",".join(CLIP_COLUMNS):
        raise UsageError(
            f"{file} is not a list of clips that was written here, and would be replaced; give "
            "another folder, or rename it."
        )


def clip_rows(everything: bool, answer: Answer) -> list[dict[str, Any]]:
    """Return the lines of the list: clips of one recording are one group."""
    found = answer.classification
    return [
        {
            "path": str(clip_path(answer.recording, segment)),
            "label": segment.label,
            "probability": segment.probability,
            "group": as_text(answer.recording.path),
            "source_start": segment.start,
            "source_end": min(segment.end, found.duration),
            "start_time": time_text(found.start_time, segment.start),
        }
        for segment in (detections(found, everything) if found else ())
        if found
    ]


def write_clip(source: Path, segment: Segment, target: Path, about: str = "") -> None:
    """Write a part of a recording as WAV, block by block.

    Parameters
    ----------
    about : str
        The comment in it; none if empty.

    Raises
    ------
    AudioError
        If the recording cannot be read.
    AscNasError
        If the clip cannot be written.
    """
    with open_audio(source) as audio:
        rate, channels, subtype = audio.samplerate, audio.channels, audio.subtype
        first = min(round(segment.start * rate), audio.frames - 1)
        last = max(first + 1, min(round(segment.end * rate), audio.frames))
    kept = subtype if subtype in _KEPT else "PCM_16"
    large = 4 * channels * (last - first) > _LARGEST_WAV
    whole = subtype.startswith("PCM") or "LAW" in subtype
    blocks = _blocks(source, first, last, "int32" if whole else "float32")
    with atomic_path(target) as temporary, temporary.open("wb") as file:
        try:
            with soundfile.SoundFile(
                file.fileno(),
                "w",
                rate,
                channels,
                kept,
                format="RF64" if large else "WAV",
                closefd=False,
            ) as clip:
                if about:
                    clip.comment = about
                for block in blocks:
                    clip.write(block)
        except (RuntimeError, AssertionError) as error:
            raise AscNasError(f"{target}: not written; is the disk full?") from error


def _blocks(source: Path, first: int, last: int, kind: str) -> Iterator[NDArray[np.generic]]:
    with open_audio(source) as audio:
        audio.seek(first)
        while first < last:
            block = audio.read(min(_BLOCK, last - first), dtype=kind, always_2d=True)
            if not len(block):
                return
            first += len(block)
            yield block
