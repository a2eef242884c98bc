"""The streaming core: samples in, of any chunk size; posteriors, timeline and segments out.

`Classifier.classify` feeds a file through it block by block, a listener feeds a microphone: the
same samples give the same answer, bit for bit, however they are cut into chunks.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
import soxr
from numpy.typing import NDArray

from asc_nas.audio.io import BLOCK_VALUES, AudioError
from asc_nas.audio.signal import has_signal, level, voting
from asc_nas.audio.window_mel import WindowMel
from asc_nas.core.errors import UsageError, closest
from asc_nas.runtime.card import ModelCard
from asc_nas.runtime.segments import NONE, SILENT, Segment, Segmenter, outcomes
from asc_nas.runtime.timeline import MovingAverage, Step, TimelineConfig, WindowAverage
from asc_nas.runtime.windower import Window, Windower

MelObserver = Callable[[float, NDArray[np.float32]], None]
"""Told the start (seconds) and the log-mel (channels, mels, frames) of every network window."""


class WindowClassifier(Protocol):
    """What a stream asks about every window, such as `asc_nas.runtime.classifier.Classifier`."""

    card: ModelCard

    def posterior(self, mel: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the posterior (classes,) of a window's log-mel (channels, mels, frames)."""


@dataclass(frozen=True, eq=False)
class Update:
    """What is new, in order.

    Attributes
    ----------
    steps, segments : list
        What has become final of the smoothed timeline and of its segments.
    windows : list of Step
        The network's answer for each window just heard: nothing is averaged or smoothed.
    """

    steps: list[Step] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)
    windows: list[Step] = field(default_factory=list)


@dataclass(frozen=True)
class Signal:
    """What was fed, and what of it was sound.

    Attributes
    ----------
    sample_rate : int
        Hertz.
    channels : int
    silent_channels : tuple of int
        Numbers, from 1, of the channels without a signal.
    silent_seconds : float
        Time in the windows in which no channel had any.
    """

    sample_rate: int
    channels: int
    silent_channels: tuple[int, ...]
    silent_seconds: float

    @property
    def unheard(self) -> tuple[int, ...]:
        """Numbers of the silent channels, if others were heard."""
        return self.silent_channels if len(self.silent_channels) < self.channels else ()

    @property
    def highest(self) -> float:
        """Highest frequency that there can be, hertz."""
        return self.sample_rate / 2


class SceneStream:
    """Classifies a stream of samples.

    Parameters
    ----------
    classifier : WindowClassifier
    sample_rate : int
        Hertz of what is fed; resampled where the card has another rate.
    config : TimelineConfig
    on_mel : callable, optional
        A `MelObserver`.

    Raises
    ------
    UsageError
        If `config` has a hop that is longer than the network's window, or asks for a label that
        the card does not have.
    """

    def __init__(
        self,
        classifier: WindowClassifier,
        sample_rate: int,
        config: TimelineConfig,
        on_mel: MelObserver | None = None,
    ) -> None:
        frontend = classifier.card.frontend
        self._classifier, self._on_mel = classifier, on_mel
        self._rate = frontend.sample_rate
        hop, step, half = _in_samples(config, frontend.samples, self._rate)
        self._sample_rate, self._fed = sample_rate, 0
        self._resampler = Resampler(sample_rate, self._rate)
        self._windower = Windower(frontend.samples, hop, frontend.short)
        self._mel = WindowMel(frontend)
        self._average = WindowAverage(hop, step, self._rate)
        self._smooth = MovingAverage(half)
        self._config, self._outcomes = config, outcomes(classifier.card.labels)
        self._left_out = _left_out(config.only, classifier.card)
        self._segmenter = Segmenter(self._outcomes, config)
        self._weight = 0
        self._mean = np.zeros(len(self._outcomes))
        self._live: NDArray[np.bool_] = np.zeros(0, bool)  # by channel
        self._silent = self._silent_end = 0

    @property
    def posterior(self) -> NDArray[np.float64]:
        """Mean posterior (outcomes,) of the network windows so far; zeros before the first.

        A last window that ends with the recording counts as much as it adds to the timeline.
        """
        return self._mean

    @property
    def seconds(self) -> float:
        """Length of what has been fed."""
        return self._fed / self._sample_rate

    @property
    def signal(self) -> Signal:
        """What of the windows so far was sound."""
        silent = tuple((1 + np.flatnonzero(~self._live)).tolist())
        return Signal(self._sample_rate, len(self._live), silent, self._silent / self._rate)

    def feed(self, wave: NDArray[np.float32]) -> Update:
        """Add samples (channels, n) float32, always of as many channels; return what is final.

        The array is kept until its window is full: it must not be changed afterwards.
        """
        self._fed += wave.shape[1]
        parts = [
            self._classify(self._windower.push(self._resampler.push(part)))
            for part in self._resampler.parts(wave)
        ]
        return Update(
            [step for part in parts for step in part.steps],
            [segment for part in parts for segment in part.segments],
            [window for part in parts for window in part.windows],
        )

    def finish(self) -> Update:
        """Classify what is left, and return the rest of the timeline.

        Raises
        ------
        AudioError
            If no sample was fed, or too few to be resampled.
        """
        rest = self._classify(self._windower.push(self._resampler.finish()))
        if not self._windower.samples_fed:
            raise AudioError(f"too short to be resampled to {self._rate} Hz; remove it.")
        last = self._classify(self._windower.finish())
        end = self._to_segments(self._smoothed(self._average.finish()) + self._smooth.finish())
        return Update(
            rest.steps + last.steps + end.steps,
            rest.segments + last.segments + end.segments + self._segmenter.finish(),
            rest.windows + last.windows,
        )

    def _classify(self, windows: Iterator[Window]) -> Update:
        steps: list[Step] = []
        heard: list[Step] = []
        for window in windows:
            mel = self._mel(window.wave, window.start)
            posterior = self._posterior(window, mel)
            if self._on_mel is not None:
                self._on_mel(window.start / self._rate, mel)
            new = window.end - window.since
            self._weight += new
            self._mean = self._mean + (posterior - self._mean) * (new / self._weight)
            steps += self._smoothed(self._average.push(window.since, window.end, posterior))
            heard.append(Step(window.start / self._rate, window.end / self._rate, posterior))
        return replace(self._to_segments(steps), windows=heard)

    def _posterior(self, window: Window, mel: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the posterior (outcomes,) of a window: the network's, or 1 where none is asked."""
        heard, found = self._voting(window), np.zeros(len(self._outcomes))
        if (level(window.wave) < self._config.silence).all():
            found[self._outcomes.index(SILENT)] = 1.0
            return found
        scenes = self._classifier.posterior(mel[heard])
        if self._config.reject and scenes.max() < self._classifier.card.reject_below:
            found[self._outcomes.index(NONE)] = 1.0
        else:
            found[: len(scenes)] = scenes
            found[self._left_out] = 0.0
            found[self._outcomes.index(NONE)] += scenes[self._left_out].sum()
        return found

    def _voting(self, window: Window) -> NDArray[np.bool_]:
        """Return which channels are heard, and count what is silent."""
        live = has_signal(window.wave)
        self._live = live | self._live if len(self._live) else live
        if not live.any():
            self._silent += window.end - max(window.start, self._silent_end)
            self._silent_end = window.end
        return voting(window.wave)

    def _smoothed(self, steps: list[Step]) -> list[Step]:
        return [smoothed for step in steps for smoothed in self._smooth.push(step)]

    def _to_segments(self, steps: list[Step]) -> Update:
        return Update(steps, [done for step in steps for done in self._segmenter.push(step)])


class Resampler:
    """Changes the sample rate of a stream as `asc_nas.audio.io.load_audio` does that of a file."""

    def __init__(self, sample_rate: int, wanted: int) -> None:
        self._rates = sample_rate, wanted
        self._stream: soxr.ResampleStream | None = None
        self._channels = 1

    def parts(self, wave: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
        """Cut `wave` (channels, n) so that no part becomes more than `BLOCK_VALUES` samples."""
        rate, wanted = self._rates
        most = max(1, BLOCK_VALUES * rate // (max(rate, wanted) * max(1, len(wave))))
        for first in range(0, max(1, wave.shape[1]), most):
            yield wave[:, first : first + most]

    def push(self, wave: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the samples (channels, m) that are ready after adding `wave` (channels, n)."""
        self._channels = len(wave)
        return wave if self._rates[0] == self._rates[1] else self._resample(wave, last=False)

    def finish(self) -> NDArray[np.float32]:
        """Return the last samples (channels, m)."""
        empty = np.zeros((self._channels, 0), np.float32)
        return empty if self._stream is None else self._resample(empty, last=True)

    def _resample(self, wave: NDArray[np.float32], last: bool) -> NDArray[np.float32]:
        if self._stream is None:
            self._stream = soxr.ResampleStream(*self._rates, len(wave), "float32", "HQ")
        samples = np.ascontiguousarray(wave.T, dtype=np.float32)
        resampled: NDArray[np.float32] = self._stream.resample_chunk(samples, last=last).T
        return resampled


def _left_out(only: tuple[str, ...], card: ModelCard) -> list[int]:
    """Return the places of the card's labels that are not looked for."""
    if only:
        for label in only:
            if label not in card.labels:
                known = ", ".join(card.labels)
                hint = closest(label, list(card.labels))
                raise UsageError(
                    f"the model {card.name} has no label '{label}'.{hint} It has: {known}."
                )
    return [place for place, label in enumerate(card.labels) if only and label not in only]


def _in_samples(config: TimelineConfig, samples: int, rate: int) -> tuple[int, int, int]:
    """Return hop and step in samples, and the steps on each side that are averaged."""
    hop = samples if config.hop is None else max(1, round(config.hop * rate))
    if hop > samples:
        raise UsageError(
            f"a hop of {config.hop:g} s would leave gaps: the network hears {samples / rate:g} s "
            "at a time; choose a hop of at most that."
        )
    step = hop if config.window is None else max(1, round(config.window * rate))
    return hop, step, round(config.smooth * rate / step) // 2
