"""Mechanical and domestic sound sources: mono, 16 kHz, no room.

An object (`Motor`, `Objects`, `Stream`) holds what stays the same through a session; its `play`
draws what happens in one segment.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data_prep.synthetic.signals import (
    RATE,
    Curve,
    Signal,
    filtered,
    noise,
    oscillate,
    placed,
    poisson,
    random_curve,
    slow,
    unit_active,
    unit_rms,
    waveform,
)


def hum(rng: np.random.Generator, samples: int) -> Signal:
    """Return mains hum: 50 Hz and its harmonics, unit RMS, (samples,)."""
    amplitudes = rng.gamma(1.0, 1.0, 12) / np.arange(1, 13)
    table = waveform(amplitudes, rng.uniform(0, 2 * np.pi, 12))
    return unit_rms(oscillate(table, np.full(samples, 50.0, dtype=np.float32)))


@dataclass(frozen=True)
class Motor:
    """A rotating machine: a harmonic series, and the flow noise it drives."""

    hertz: float
    table: Signal
    flow: Curve
    tonality: float  # amplitude of the harmonics relative to the flow noise

    @classmethod
    def draw(cls, rng: np.random.Generator, low: float, high: float) -> "Motor":
        """Draw a motor whose fundamental lies between `low` and `high` Hz."""
        amplitudes = rng.gamma(0.7, 1.0, 24) * np.arange(1, 25) ** -rng.uniform(0.3, 1.2)
        return cls(
            hertz=float(np.exp(rng.uniform(np.log(low), np.log(high)))),
            table=unit_rms(waveform(amplitudes, rng.uniform(0, 2 * np.pi, 24))),
            flow=random_curve(rng, rng.uniform(-3, -1), 2.5),
            tonality=float(rng.uniform(0.6, 1.5)),
        )

    def play(self, rng: np.random.Generator, samples: int, drift: float) -> Signal:
        """Return the running motor, unit RMS; pitch wanders by `drift` (0.03 is 3 %)."""
        pitch = self.hertz * np.exp(drift * slow(rng, samples, 0.7))
        tone = oscillate(self.table, pitch.astype(np.float32), rng.uniform())
        return unit_rms(self.tonality * tone + noise(rng, samples, self.flow))


@dataclass(frozen=True)
class Objects:
    """Things that ring when struck: `bank` (objects, modes, length) damped sinusoids."""

    bank: Signal

    @classmethod
    def draw(
        cls,
        rng: np.random.Generator,
        hertz: tuple[float, float],
        decay: tuple[float, float],
        objects: int = 4,
        modes: int = 7,
    ) -> "Objects":
        """Draw objects with modes between two frequencies (Hz) and decay times between two (s)."""
        shape = (objects, modes, 1)
        frequency = np.exp(rng.uniform(np.log(hertz[0]), np.log(hertz[1]), shape))
        seconds = np.exp(rng.uniform(np.log(decay[0]), np.log(decay[1]), shape))
        time = np.arange(int(min(4 * decay[1], 0.5) * RATE)) / RATE
        ring = np.exp(-time / seconds) * np.sin(2 * np.pi * frequency * time)
        return cls(ring.astype(np.float32))

    def strike(
        self,
        rng: np.random.Generator,
        onsets: NDArray[np.int64],
        samples: int,
        spread_db: float = 6.0,
        click: float = 0.5,
    ) -> Signal:
        """Return one impact per onset, with a burst of noise of amplitude `click` at each."""
        events = len(onsets)
        objects = rng.integers(0, len(self.bank), events)
        weights = rng.normal(0, 1, (events, self.bank.shape[1])).astype(np.float32)
        loudness = 10 ** (rng.normal(0, spread_db, events) / 20)
        frames = np.einsum("em,emt->et", weights, self.bank[objects], optimize=True)
        burst = min(96, frames.shape[1])
        fade = np.exp(-np.arange(burst) / 24).astype(np.float32)
        frames[:, :burst] += click * rng.standard_normal((events, burst), dtype=np.float32) * fade
        frames *= loudness[:, None].astype(np.float32)
        return unit_active(placed(frames, onsets, samples))


def bursts(
    rng: np.random.Generator,
    samples: int,
    per_second: float,
    length: tuple[int, int],
    rate: tuple[float, float],
) -> NDArray[np.int64]:
    """Return onsets in bursts: `length` events from .. to, `rate` events per second from .. to."""
    onsets = []
    for start in poisson(rng, samples, per_second):
        count = int(rng.integers(length[0], length[1] + 1))
        gaps = RATE / rng.uniform(*rate) * np.exp(rng.normal(0, 0.2, count))
        onsets.append(start + np.cumsum(gaps).astype(np.int64) - int(gaps[0]))
    joined = np.sort(np.concatenate(onsets))
    return joined[joined < samples]


@dataclass(frozen=True)
class Stream:
    """Running water: a rush of noise in which bubbles chirp upwards."""

    rush: Curve
    chirps: Signal
    per_second: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "Stream":
        """Draw a tap: its noise, its sixteen bubbles, and how often they sound."""
        time = np.arange(1440) / RATE
        start = np.exp(rng.uniform(np.log(400), np.log(2500), (16, 1)))
        rise = rng.uniform(2, 12, (16, 1))
        decay = rng.uniform(0.01, 0.03, (16, 1))
        phase = 2 * np.pi * start * (time + rise * time**2 / 2)
        chirps = (np.sin(phase) * np.exp(-time / decay)).astype(np.float32)
        return cls(random_curve(rng, rng.uniform(-2, 1.5), 3), chirps, float(rng.uniform(25, 70)))

    def play(self, rng: np.random.Generator, samples: int) -> Signal:
        """Return the stream, splashing irregularly: about unit RMS, (samples,)."""
        flow = noise(rng, samples, self.rush) * np.exp(0.35 * slow(rng, samples, 0.15))
        onsets = poisson(rng, samples, self.per_second)
        frames = self.chirps[rng.integers(0, 16, len(onsets))]
        frames = frames * np.exp(rng.normal(0, 0.8, (len(onsets), 1))).astype(np.float32)
        return unit_rms(flow + 2.0 * unit_rms(placed(frames, onsets, samples)))


def sizzle(rng: np.random.Generator, samples: int, curve: Curve, per_second: float) -> Signal:
    """Return frying: hiss with the spectrum `curve` and crackles, unit RMS, (samples,)."""
    crackle = np.zeros(samples, dtype=np.float32)
    onsets = poisson(rng, samples, per_second)
    crackle[onsets] = rng.standard_normal(len(onsets)) * np.exp(rng.normal(0, 0.9, len(onsets)))
    crackle = filtered(crackle, [(300, -30), (1500, -6), (4000, 0), (8000, 0)])
    hiss = noise(rng, samples, curve) * np.exp(0.25 * slow(rng, samples, 0.5))
    return unit_rms(hiss + 1.2 * unit_rms(crackle))


def gate(rng: np.random.Generator, samples: int, on: float, off: float) -> Signal:
    """Return a switch with mean times `on` and `off` (s) and 30 ms ramps: (samples,) in 0 .. 1."""
    edges, time, open_ = [0], 0.0, bool(rng.uniform() < on / (on + off))
    first = open_
    while time < samples / RATE:
        time += (0.4 + rng.exponential()) * (on if open_ else off) / 1.4
        edges.append(int(time * RATE))
        open_ = not open_
    state = np.zeros(edges[-1] + 1, dtype=np.float32)
    for index in range(0 if first else 1, len(edges) - 1, 2):
        state[edges[index] : edges[index + 1]] = 1
    ramp = 480
    total = np.cumsum(np.concatenate([np.full(ramp, state[0]), state]))
    return ((total[ramp:] - total[:-ramp]) / ramp)[:samples].astype(np.float32)
