"""A page on which a person listens to what was classified, corrects it, and saves a list.

The list is one that ``asc-nas init`` reads. The page holds its sounds; it asks nobody for anything.
"""

import base64
import hashlib
import html
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from asc_nas.audio.io import audio_info, load_audio
from asc_nas.audio.logmel import FLOOR_DB, FrontEnd, log_mel
from asc_nas.core.errors import UsageError
from asc_nas.core.files import fingerprint, write_text
from asc_nas.core.plain_text import as_text
from asc_nas.core.progress import Progress, unheard
from asc_nas.runtime.card import ModelCard
from asc_nas.runtime.recording_time import moment
from asc_nas.runtime.recordings import Answer
from asc_nas.runtime.segments import NONE, SILENT, Segment

MOST_SOUNDS = 300
"""Sounds on a page; of 5 s each it then has about 20 MB."""
MOST_SECONDS = 30.0
"""Of a sound that can be heard on the page; its label is for all of it."""
_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000)
"""Hertz of the sounds on the page: those of MP3 up to the largest that is of use."""
_MELS, _COLUMNS, _RANGE_DB = 64, 240, 70.0
"""Size of a picture, and how far below its loudest place it is black."""
_PEAK = 0.7
"""Of full scale: how loud sounds are made."""


@dataclass(frozen=True)
class Reviewed:
    """What is on a page: sounds, and how many there were to choose from."""

    sounds: int
    of: int


def write_review(
    answers: Sequence[Answer], card: ModelCard, file: Path, progress: Progress = unheard
) -> Reviewed:
    """Write the page of the segments that the network is least sure of.

    Parameters
    ----------
    card : of the model that gave the answers
    progress : called with (sounds done, sounds)

    Raises
    ------
    UsageError
        If there is nothing to review.
    AudioError
        If a recording has become unreadable.
    """
    found = most_uncertain(answers, card)
    if not found:
        raise UsageError("there is nothing to review: no recording was classified.")
    items = []
    for answer, segment in found[:MOST_SOUNDS]:
        items.append(_item(answer, segment))
        progress(len(items), min(len(found), MOST_SOUNDS), "sounds")
    data = {
        "key": fingerprint([[item["path"], item["start"], item["label"]] for item in items]),
        "name": file.stem,
        "labels": [*dict.fromkeys((*card.labels, NONE))],
        "none": NONE,
        "total": len(found),
        "items": items,
    }
    write_text(file, page_html(card.name, data))
    return Reviewed(len(items), len(found))


def most_uncertain(answers: Sequence[Answer], card: ModelCard) -> list[tuple[Answer, Segment]]:
    """Return all segments of all recordings, the least sure first and silence last.

    Where a network was not sure enough, and the answer is "none of these", it was as sure as the
    limit of its card at most.
    """

    def certainty(segment: Segment) -> float:
        if segment.label == NONE and NONE not in card.labels:
            return segment.probability * card.reject_below
        return 2.0 if segment.label == SILENT else segment.probability

    found = [(a, s) for a in answers if a.classification for s in a.classification.segments]
    return sorted(found, key=lambda each: certainty(each[1]))


def page_html(model: str, data: dict[str, Any]) -> str:
    """Return the page; its scripts and styles are known by their hashes, and nothing else runs.

    Names and labels are data of the scripts, which show them as text only.
    """
    style, script = _source("review.css"), _source("review.js")
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    for mark in "<>&":  # no text in it can end its script
        text = text.replace(mark, f"\\u{ord(mark):04x}")
    return Template(_source("review.html")).substitute(
        model=html.escape(model),
        style=style,
        script=script,
        style_hash=_csp_hash(style),
        script_hash=_csp_hash(script),
        data=text,
    )


def _source(name: str) -> str:
    folder = "templates" if name.endswith(".html") else "assets"
    return (files("asc_nas.report") / folder / name).read_text(encoding="utf-8")


def _csp_hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}"


def _item(answer: Answer, segment: Segment) -> dict[str, Any]:
    """Return what the page knows of a segment, as plain data."""
    path, found = answer.recording.path, answer.classification
    start = found.start_time if found else None
    info = audio_info(path)
    end = min(segment.end, info.seconds)
    rate = info.sample_rate if info.sample_rate in _RATES else _RATES[-1]
    heard = min(end - segment.start, MOST_SECONDS)
    channels = load_audio(path, info.sample_rate, segment.start, heard)
    wave = channels.mean(axis=0, dtype=np.float32)
    if rate != info.sample_rate:
        wave = soxr.resample(wave, info.sample_rate, rate, quality="HQ")
    peak = float(np.abs(wave).max(initial=0.0))
    loud = wave * np.float32(_PEAK / peak) if peak > 0 else wave
    picture = _picture(loud, rate)
    return {
        "path": as_text(path.absolute()),
        "name": as_text(path),
        "start": segment.start,
        "end": end,
        "heard": heard,
        "label": segment.label,
        "probability": segment.probability,
        "time": f"{moment(start, segment.start):%Y-%m-%d %H:%M:%S %Z}".strip() if start else "",
        "sound": _sound(loud, rate),
        "picture": base64.b64encode(picture.tobytes()).decode("ascii"),
        "columns": picture.shape[1],
        "highest": rate / 2,
    }


def _sound(wave: NDArray[np.float32], rate: int) -> str:
    """Return a sound as MP3 in base64."""
    written = io.BytesIO()
    soundfile.write(written, wave, rate, format="MP3")
    return base64.b64encode(written.getvalue()).decode("ascii")


def _picture(wave: NDArray[np.float32], rate: int) -> NDArray[np.uint8]:
    """Return a mel spectrogram (mels, columns), the lowest band first, 255 where it is loudest."""
    window = 2 * round(0.02 * rate)
    hop = max(window // 8, -(-len(wave) // _COLUMNS))
    settings = FrontEnd(
        sample_rate=rate,
        n_mels=_MELS,
        win_length=window,
        hop_length=hop,
        n_fft=2 * window,
        fmin=40,
        seconds=max(len(wave), window) / rate,
    )
    decibels = log_mel(wave, settings)
    scaled = (decibels - max(float(decibels.max()), FLOOR_DB + _RANGE_DB)) / _RANGE_DB + 1
    return np.round(255 * scaled.clip(0, 1)).astype(np.uint8)
