"""A recording as a picture: mel spectrogram, posteriors over time, segments."""

from collections.abc import Callable
from math import ceil
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator
from numpy.typing import NDArray

from asc_nas.audio.io import audio_info
from asc_nas.audio.logmel import FrontEnd
from asc_nas.audio.mel_bands import filter_bank
from asc_nas.core.files import atomic_path
from asc_nas.core.plain_text import as_text
from asc_nas.runtime.classifier import Classification, Classifier
from asc_nas.runtime.segments import NO_SCENE
from asc_nas.runtime.timeline import TimelineConfig

COLUMNS = 1500
"""Columns of a spectrogram at most; those of a long recording are means."""
_COLOURS = colormaps["tab10"]
_TICKS = (250, 500, 1000, 2000, 4000, 8000, 16000)  # hertz
_STEPS = (0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400)  # seconds


def classify_and_plot(
    classifier: Classifier,
    recording: Path,
    config: TimelineConfig,
    path: Path,
    on_progress: Callable[[float], None] | None = None,
) -> Classification:
    """Classify a file as `Classifier.classify` does, and draw it to `path`, a PNG file.

    Raises
    ------
    AudioError, UsageError
        As `Classifier.classify`.
    """
    frontend = classifier.card.frontend
    picture = MelPicture(audio_info(recording).seconds, frontend)
    answer = classifier.classify(
        recording, None, config, on_progress=on_progress, on_mel=picture.add
    )
    plot_timeline(picture.decibels(), answer, frontend, path)
    return answer


class MelPicture:
    """The spectrogram of a recording in a bounded number of columns.

    Parameters
    ----------
    seconds : float
        Length of the recording.
    frontend : FrontEnd
    """

    def __init__(self, seconds: float, frontend: FrontEnd) -> None:
        self._seconds = seconds
        self._frame = frontend.hop_length / frontend.sample_rate
        columns = min(COLUMNS, max(1, ceil(seconds / self._frame)))
        self._sums = np.zeros((columns, frontend.n_mels))
        self._counts = np.zeros(columns)

    def add(self, start: float, mel: NDArray[np.float32]) -> None:
        """Add the log-mel (channels, mels, frames) of a window that starts at `start` seconds."""
        times = start + np.arange(mel.shape[2]) * self._frame
        inside = times < self._seconds
        columns = (times[inside] / self._seconds * len(self._counts)).astype(int)
        np.add.at(self._sums, columns, mel.mean(axis=0).T[inside])
        np.add.at(self._counts, columns, 1)

    def decibels(self) -> NDArray[np.float64]:
        """Return the picture (mels, columns) in dB; NaN where no window was."""
        with np.errstate(invalid="ignore"):
            return (self._sums / self._counts[:, None]).T


def plot_timeline(
    mel: NDArray[np.float64], answer: Classification, frontend: FrontEnd, path: Path
) -> None:
    """Draw a recording as PNG.

    Parameters
    ----------
    mel : (mels, columns) float64, dB
        Columns spread evenly over the recording; NaN is left white.
    """
    labels = list(answer.scores)
    figure = Figure(figsize=(11, 4.4 + 0.22 * len(labels)), layout="constrained")
    heights = [3.0, max(1.5, 0.32 * len(labels)), 0.6]
    top, middle, bottom = figure.subplots(3, 1, sharex=True, height_ratios=heights)
    extent = (0.0, answer.duration, -0.5, len(mel) - 0.5)
    loudest = np.nanmax(mel)
    image = top.imshow(
        mel, origin="lower", aspect="auto", extent=extent, vmin=loudest - 80, cmap="magma"
    )
    figure.colorbar(image, ax=top, label="dB", pad=0.01)
    _hertz_ticks(top, frontend)
    name = as_text(Path(Path(answer.path).name))
    top.set_title(
        f"{name}: {answer.label} ({answer.probability:.0%})", loc="left", parse_math=False
    )
    _posteriors(figure, middle, answer, labels)
    _segments(bottom, answer, labels)
    _time_axis(bottom, answer.duration)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=120)


def _hertz_ticks(axes: Axes, frontend: FrontEnd) -> None:
    settings = frontend.sample_rate, frontend.n_fft, frontend.n_mels
    bank = filter_bank(*settings, frontend.fmin, frontend.highest)
    centres = bank.argmax(axis=1) * frontend.sample_rate / frontend.n_fft
    shown = [hertz for hertz in _TICKS if centres[0] <= hertz <= centres[-1]]
    axes.set_yticks([int(np.abs(centres - hertz).argmin()) for hertz in shown], map(str, shown))
    axes.set_ylabel("Hz (mel scale)")


def _time_axis(axes: Axes, seconds: float) -> None:
    step = next((step for step in _STEPS if seconds <= 12 * step), seconds / 10)
    axes.xaxis.set_major_locator(MultipleLocator(step))
    axes.set_xlim(0, seconds)
    axes.set_xlabel("seconds")
    if seconds > 600:
        axes.xaxis.set_major_formatter(lambda t, _: f"{t // 3600:.0f}:{t // 60 % 60:02.0f}")
        axes.set_xlabel("hours:minutes")


def _posteriors(figure: Figure, axes: Axes, answer: Classification, labels: list[str]) -> None:
    edges = [step.start for step in answer.steps] + [answer.steps[-1].end]
    posteriors = np.array([step.posterior for step in answer.steps]).T
    rows = np.arange(len(labels) + 1) - 0.5
    image = axes.pcolormesh(edges, rows, posteriors, vmin=0, vmax=1, cmap="Blues")
    axes.set_yticks(range(len(labels)), labels, parse_math=False)
    axes.invert_yaxis()
    figure.colorbar(image, ax=axes, label="probability", pad=0.01)


def _segments(axes: Axes, answer: Classification, labels: list[str]) -> None:
    for segment in answer.segments:
        no_scene = segment.label in NO_SCENE
        colour = "0.8" if no_scene else _COLOURS(labels.index(segment.label) % _COLOURS.N)
        width = segment.end - segment.start
        axes.barh(0, width, left=segment.start, color=colour, alpha=0.6, edgecolor="white")
        if width > 0.06 * answer.duration:
            middle = segment.start + width / 2
            text = axes.text(middle, 0, segment.label, ha="center", va="center", fontsize=8)
            text.set(parse_math=False, clip_on=True)
    axes.set_yticks([0], ["segments"])
