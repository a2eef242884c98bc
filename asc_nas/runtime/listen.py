"""Listening for hours: a stream that goes on after audio was lost or was none."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from asc_nas.audio.io import AudioError
from asc_nas.audio.signal import NO_SIGNAL
from asc_nas.runtime.classifier import Classification, Classifier
from asc_nas.runtime.segments import Segment, answer, decide, outcomes
from asc_nas.runtime.stream import SceneStream, Update
from asc_nas.runtime.timeline import Step, TimelineConfig

Part = TypeVar("Part", Step, Segment)

LOUDEST: Final = 1e9
"""Times full scale: what is louder is no sound, and its power would soon be infinite."""
SILENT_SECONDS: Final = 5.0
"""So much of zeros in a row is worth a word."""


@dataclass(frozen=True)
class Gap:
    """Audio that was lost between two chunks, in seconds."""

    seconds: float


class Listener:
    """A `SceneStream` that may have gaps; without one, it gives what the stream gives.

    After a gap the network begins anew: no window holds audio from both sides. Times go on, and
    count the gap. Nothing but the current stream is held.

    Parameters
    ----------
    classifier : Classifier
    sample_rate : int
        Hertz of what is fed.
    config : TimelineConfig

    Raises
    ------
    UsageError
        If `config` has a hop that is longer than the network's window.
    """

    def __init__(self, classifier: Classifier, sample_rate: int, config: TimelineConfig) -> None:
        self._classifier, self._rate, self._config = classifier, sample_rate, config
        self._offset = 0.0  # seconds from the beginning to that of the current stream
        self.labels = outcomes(classifier.card.labels)
        """In the order of the posteriors."""
        self._mean = np.zeros(len(self.labels))
        self.heard = 0.0
        """Seconds of audio in streams that are finished."""
        self.lost = 0.0
        """Seconds of gaps."""
        self._begin()

    def feed(self, wave: NDArray[np.float32]) -> Update:
        """Add samples (channels, n) float32, always of as many channels; return what is new."""
        self._fed += wave.shape[1]
        return self._shifted(self._stream.feed(wave))

    def skip(self, gap: Gap) -> Update:
        """Finish what was before a gap; return the rest of its timeline."""
        rest = self.finish()
        self._offset += self._fed / self._rate + gap.seconds
        self.lost += gap.seconds
        self._begin()
        return rest

    def finish(self) -> Update:
        """Return the rest of the timeline."""
        try:
            rest = self._shifted(self._stream.finish())
        except AudioError:  # no sample, or too few to be resampled
            return Update()
        self.heard += self._stream.seconds
        share = self._stream.seconds / self.heard
        self._mean = self._mean + (self._stream.posterior - self._mean) * share
        return rest

    def answer(self, name: str, segments: Iterable[Segment]) -> Classification:
        """Return the answer for all that was heard; to be called after `finish`."""
        label, probability = answer(self.labels, self._mean, self.decide(self._mean))
        scores = dict(zip(self.labels, self._mean.tolist(), strict=True))
        return Classification(name, label, probability, scores, tuple(segments), self.heard, ())

    def decide(self, posterior: NDArray[np.float64]) -> int | None:
        """Return the place of the scene, or None for unknown, of a posterior (outcomes,)."""
        return decide(posterior, self._config.min_confidence)

    def _begin(self) -> None:
        self._fed = 0
        self._stream = SceneStream(self._classifier, self._rate, self._config)

    def _shifted(self, update: Update) -> Update:
        offset = self._offset
        return Update(
            [_shifted(step, offset) for step in update.steps],
            [_shifted(segment, offset) for segment in update.segments],
            [_shifted(window, offset) for window in update.windows],
        )


def _shifted(part: Part, offset: float) -> Part:
    return replace(part, start=part.start + offset, end=part.end + offset)


class Guard:
    """Makes silence of samples that are no sound, and says so once; tells of silence, too.

    Parameters
    ----------
    sample_rate : int
        Hertz.
    say : callable
        Told a sentence.
    """

    def __init__(self, sample_rate: int, say: Callable[[str], None]) -> None:
        self._rate, self._say = sample_rate, say
        self._frames = self._unusable = 0
        self._silent: int | None = 0  # frames of zeros in a row; None once it is said
        self._lowest = self._highest = np.zeros(0, np.float32)  # by channel

    def clean(self, wave: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return samples (channels, n) that the network can hear."""
        unusable = ~(np.abs(wave) <= LOUDEST)  # NaN too
        if count := int(unusable.sum()):
            if not self._unusable:
                at = (self._frames + int(unusable.any(axis=0).argmax())) / self._rate
                self._say(
                    f"NaN, infinite or impossibly loud samples, the first at {at:.2f} s, are taken "
                    "as silence; check that the format of the audio is the one that was named."
                )
            self._unusable += count
            wave = np.where(unusable, np.float32(0), wave)
        self._frames += wave.shape[1]
        low, high = wave.min(axis=1), wave.max(axis=1)
        first = not len(self._lowest)
        self._lowest = low if first else np.minimum(self._lowest, low)
        self._highest = high if first else np.maximum(self._highest, high)
        self._watch_for_silence(wave)
        return wave

    def close(self) -> None:
        """Say how many samples were unusable, and which channels had no signal, if any."""
        if self._unusable:
            self._say(f"{self._unusable:,} unusable samples in all were taken as silence.")
        silent = self._highest - self._lowest <= NO_SIGNAL
        if silent.any() and not silent.all():
            numbers = ", ".join(map(str, 1 + np.flatnonzero(silent)))
            self._say(f"channels without a signal were not heard: {numbers}.")

    def _watch_for_silence(self, wave: NDArray[np.float32]) -> None:
        if self._silent is None:
            return
        sound = np.abs(wave).max() > NO_SIGNAL / 2
        self._silent = 0 if sound else self._silent + wave.shape[1]
        if self._silent >= SILENT_SECONDS * self._rate:
            self._say(
                f"nothing but zeros for {SILENT_SECONDS:g} s: is the microphone muted, or the "
                "wrong one?"
            )
            self._silent = None
