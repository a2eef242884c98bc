"""Speech-like and music-like sources: mono, 16 kHz, no room."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data_prep.synthetic.signals import (
    RATE,
    Signal,
    filtered,
    oscillate,
    placed,
    slow,
    unit_active,
    waveform,
)

VOWELS = np.array(  # first three formants, Hz
    [
        [280, 2250, 2900],
        [400, 2000, 2550],
        [660, 1720, 2400],
        [730, 1090, 2440],
        [570, 840, 2410],
        [440, 1020, 2240],
        [300, 870, 2240],
        [490, 1350, 1690],
    ],
    dtype=float,
)
_SYLLABLE = 4096  # samples of one syllable's frame, 256 ms


@dataclass(frozen=True)
class Talker:
    """One voice: pitch (Hz), vocal tract (1 is a male adult's), syllables/s, liveliness."""

    pitch: float
    tract: float
    rate: float
    range: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "Talker":
        """Draw a talker."""
        pitch = float(np.exp(rng.uniform(np.log(85), np.log(260))))
        tract = 0.95 + 0.25 * (pitch - 85) / 175 + float(rng.normal(0, 0.04))
        return cls(pitch, tract, float(rng.uniform(3.5, 6)), float(rng.uniform(0.08, 0.2)))

    def speak(
        self, rng: np.random.Generator, samples: int, pause: float, turn: Signal | None = None
    ) -> Signal:
        """Return syllables in phrases, with pauses of `pause` s on average: (samples,).

        Only syllables that begin where `turn` (samples,) is above one half are spoken; active
        frames have an RMS of one.
        """
        onsets, melody = self._phrases(rng, samples, pause)
        if turn is not None:
            spoken = turn[onsets] > 0.5
            onsets, melody = onsets[spoken], melody[spoken]
        if len(onsets) == 0:
            return np.zeros(samples, dtype=np.float32)
        return unit_active(placed(self._syllables(rng, melody), onsets, samples))

    def _phrases(
        self, rng: np.random.Generator, samples: int, pause: float
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return onsets (samples) and pitches (Hz) of the syllables."""
        onsets, pitches = [], []
        time = -float(rng.exponential(pause))
        while time < samples / RATE:
            count = int(rng.integers(3, 11))
            steps = np.exp(rng.normal(0, 0.25, count)) / self.rate
            onsets.append(time + np.cumsum(steps) - steps[0])
            fall = np.linspace(1, -1, count) * self.range
            pitches.append(self.pitch * np.exp(fall + rng.normal(0, self.range / 2, count)))
            time = float(onsets[-1][-1] + 0.25 + 0.5 * pause + rng.exponential(0.5 * pause))
        starts = (np.concatenate(onsets) * RATE).astype(np.int64)
        inside = (starts >= 0) & (starts < samples)
        return starts[inside], np.concatenate(pitches)[inside]

    def _syllables(self, rng: np.random.Generator, pitches: NDArray[np.float64]) -> Signal:
        """Return one syllable per pitch: consonant noise, then a vowel that glides."""
        count = len(pitches)
        time = np.arange(_SYLLABLE) / RATE
        bend = np.exp(rng.normal(0, 0.12, (count, 1)) * time / 0.2)
        phase = np.floor(np.cumsum(pitches[:, None] * bend, axis=1) / RATE)
        pulses = np.diff(phase, axis=1, prepend=0).astype(np.float32)
        vowels = VOWELS[rng.integers(0, len(VOWELS), (2, count))] * self.tract
        glide = np.clip(time / 0.18, 0, 1).astype(np.float32)
        spectra = np.fft.rfft(pulses)
        first, second = (
            np.fft.irfft(spectra * _formants(formants), _SYLLABLE).astype(np.float32)
            for formants in vowels
        )
        voice = first * (1 - glide) + second * glide
        length = rng.uniform(0.11, 0.22, (count, 1))
        onset = rng.uniform(0.0, 0.06, (count, 1))
        envelope = np.clip((time - onset) / 0.02, 0, 1) * np.clip(
            (onset + length - time) / 0.06, 0, 1
        )
        hiss = filtered(
            rng.standard_normal((count, _SYLLABLE), dtype=np.float32),
            [(500, -40), (2500, -10), (4500, 0), (8000, -3)],
        )
        fricative = np.clip(time / 0.01, 0, 1) * np.clip((onset + 0.015 - time) / 0.02, 0, 1)
        level = voice.std(axis=1, keepdims=True) * rng.uniform(0, 1.2, (count, 1))
        stress = np.exp(rng.normal(0, 0.3, (count, 1)))
        return (stress * (voice * envelope + level * hiss * fricative)).astype(np.float32)


def _formants(formants: NDArray[np.float64]) -> Signal:
    """Return the tract's gain (syllables, bins) for formants (syllables, 3) in Hz."""
    hertz = np.linspace(0, RATE / 2, _SYLLABLE // 2 + 1)
    width = np.array([45.0, 60.0, 90.0])[:, None]
    peaks = 1 / np.sqrt(1 + ((hertz - formants[:, :, None]) / width) ** 2)
    tilt = hertz / np.maximum(hertz, 150) / np.sqrt(1 + (hertz / 700) ** 2)
    return ((peaks * np.array([1.0, 0.9, 0.7])[:, None]).sum(axis=1) * tilt).astype(np.float32)


def turns(
    rng: np.random.Generator, samples: int, talkers: int, seconds: float, overlap: float
) -> Signal:
    """Return who has the floor: (talkers, samples) of 0 and 1.

    Turns last `seconds` on average; in a share `overlap` of them a second talker joins.
    """
    floor = np.zeros((talkers, samples), dtype=np.float32)
    start, talker = 0, int(rng.integers(talkers))
    while start < samples:
        end = start + int((0.4 + rng.exponential(0.6)) * seconds * RATE)
        floor[talker, start:end] = 1
        others = [other for other in range(talkers) if other != talker]
        if others:
            if rng.uniform() < overlap:
                floor[rng.choice(others), start:end] = 1
            talker = int(rng.choice(others))
        start = end
    return floor


def music(rng: np.random.Generator, samples: int) -> Signal:
    """Return a tune with chords and a beat: active frames have an RMS of one, (samples,)."""
    beat = 60 / rng.uniform(75, 150)
    scale = np.array([[0, 2, 4, 5, 7, 9, 11], [0, 2, 3, 5, 7, 8, 10]][int(rng.integers(2))])
    root = 110 * 2 ** (rng.integers(0, 12) / 12)
    harmonics = np.arange(1, 11)
    amplitudes = np.exp(-rng.uniform(0.8, 2.0) * np.log(harmonics))
    table = waveform(amplitudes, rng.uniform(0, 2 * np.pi, 10))
    beats = int(samples / RATE / beat) + 1
    degrees, starts, lengths, levels = [], [], [], []
    for bar in range(0, beats, 4):
        base = int(rng.choice([0, 3, 4, 5]))
        for step in (0, 2, 4):
            degrees.append(base + step)
            starts.append(bar * beat)
            lengths.append(4 * beat)
            levels.append(0.5)
        for half in range(8):
            if rng.uniform() < 0.65:
                degrees.append(base + 7 + int(rng.integers(0, 7)))
                starts.append((bar + half / 2) * beat)
                lengths.append(beat)
                levels.append(1.0)
    degree = np.array(degrees)
    hertz = root * 2 ** ((scale[degree % 7] + 12 * (degree // 7)) / 12)
    time = np.arange(int(min(4 * beat, 1.6) * RATE)) / RATE
    pitch = np.repeat(hertz[:, None], len(time), axis=1).astype(np.float32)
    length = np.array(lengths)[:, None]
    envelope = np.clip(time / 0.01, 0, 1) * np.exp(-time / (0.35 * length + 0.1))
    envelope = envelope * np.clip((length - time) / 0.05, 0, 1) * np.array(levels)[:, None]
    notes = oscillate(table, pitch) * envelope.astype(np.float32)
    onsets = (np.array(starts) * RATE).astype(np.int64)
    inside = onsets < samples
    tune = placed(notes[inside], onsets[inside], samples)
    return unit_active(tune + rng.uniform(0.1, 0.6) * _drums(rng, samples, beat))


def _drums(rng: np.random.Generator, samples: int, beat: float) -> Signal:
    """Return a low drum on the beat and a hiss between beats: (samples,)."""
    time = np.arange(2400) / RATE
    drum = np.sin(2 * np.pi * 70 * time) * np.exp(-time / 0.06) * 3
    hats = rng.standard_normal(2400) * np.exp(-time / 0.02)
    frames = np.stack([drum, hats]).astype(np.float32)
    onsets = (np.arange(0, samples / RATE, beat / 2) * RATE).astype(np.int64)
    return placed(frames[np.arange(len(onsets)) % 2], onsets, samples)


def laughter(rng: np.random.Generator, talker: Talker, samples: int) -> Signal:
    """Return a few bursts of quick, high syllables: (samples,)."""
    excited = Talker(talker.pitch * 1.5, talker.tract, 6.5, 0.25)
    return excited.speak(rng, samples, 4.0) * np.exp(0.2 * slow(rng, samples, 0.5))
