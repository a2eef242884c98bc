"""A small furnished room: where sources and microphones are, and what lies between them."""

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from asc_nas.core.randomness import stream
from data_prep.synthetic.signals import RATE, Curve, Signal, gains, random_curve

SIZE = np.array([6.2, 4.6, 2.6])  # metres
SPEED_OF_SOUND = 343.0
CHANNELS = 4
_TAPS = 4800  # length of an impulse response: 0.3 s
_IMAGES = np.array([i for i in product((-2, -1, 0, 1, 2), repeat=3) if sum(map(abs, i)) <= 2])
_CORNERS = {"DevNode1": (0, 0), "DevNode2": (1, 0), "DevNode3": (0, 1), "DevNode4": (1, 1)}

Position = NDArray[np.float64]  # metres: (3,)


@dataclass(frozen=True)
class Source:
    """What sounds in the room: `signal` (samples,), its level at 1 m apart, from `position`."""

    position: Position
    signal: Signal
    level_db: float


@dataclass(frozen=True)
class Node:
    """A sensor node: microphones (4, 3) in metres, and the colour of its capsules and housing."""

    microphones: NDArray[np.float64]
    colour: Curve


def node(seed: int, name: str) -> Node:
    """Return the node `name` of the set `seed`; an unknown name stands anywhere in the room."""
    rng = stream(seed, "node", name)
    x, y = _CORNERS.get(name, tuple(rng.uniform(0, 1, 2)))
    centre = np.array([0.15 + 0.7 * x, 0.15 + 0.7 * y, 0.5]) * SIZE + rng.uniform(-0.4, 0.4, 3)
    angle = rng.uniform(0, np.pi)
    offsets = 0.05 * np.arange(CHANNELS)[:, None] * np.array([np.cos(angle), np.sin(angle), 0])
    return Node(centre + offsets, random_curve(rng, rng.uniform(-0.5, 0.5), 2.0))


def place(rng: np.random.Generator) -> Position:
    """Return a random place in the room, away from the walls."""
    return rng.uniform([0.12, 0.12, 0.25], [0.88, 0.88, 0.65]) * SIZE


def impulse_response(
    rng: np.random.Generator, position: Position, microphones: NDArray[np.float64]
) -> Signal:
    """Return (4, taps): image-source reflections up to second order, then a decaying noise tail."""
    odd = np.abs(_IMAGES) % 2
    images = _IMAGES * SIZE + np.where(odd, SIZE - position, position)  # mirrored at the walls
    strength = 0.75 ** np.abs(_IMAGES).sum(axis=1)
    distance = np.linalg.norm(images[None] - microphones[:, None], axis=2)
    distance = np.maximum(distance, 0.3)
    delay = distance / SPEED_OF_SOUND * RATE
    whole = np.floor(delay).astype(np.int64)
    offset = np.arange(-7, 9)
    lag = offset - (delay - whole)[..., None]
    sinc = np.sinc(lag) * np.cos(np.pi * lag / 18) ** 2  # fractional delay, 16 taps
    response = np.zeros((CHANNELS, _TAPS))
    index = np.clip(whole[..., None] + offset, 0, _TAPS - 1)
    channel = np.arange(CHANNELS)[:, None, None]
    np.add.at(response, (channel, index), sinc * (strength / distance)[..., None])
    time = np.arange(_TAPS) / RATE
    decay = np.exp(-6.9 * time / rng.uniform(0.3, 0.5)) * (time > 0.02)
    decay *= np.clip((_TAPS / RATE - time) / 0.03, 0, 1)
    tail = rng.standard_normal((CHANNELS, _TAPS + 1))
    tail = (tail[:, 1:] + 0.6 * tail[:, :-1]) * decay * 0.035
    return (response + tail).astype(np.float32)


def record(sources: list[Source], at: Node, seed: int, *name: str | int) -> Signal:
    """Return what the node's four microphones hear of `sources`: (4, samples), before its noise.

    The room's responses belong to `name` (session and node), so that its segments share them.
    """
    samples = len(sources[0].signal)
    length = _fast_length(samples + _TAPS)
    bins = length // 2 + 1
    total = np.zeros((CHANNELS, bins), dtype=np.complex64)
    by_place: dict[bytes, list[Source]] = {}
    for source in sources:
        by_place.setdefault(source.position.tobytes(), []).append(source)
    for key, group in by_place.items():
        dry = sum(s.signal * np.float32(10 ** (s.level_db / 20)) for s in group)
        rng = stream(seed, "response", *name, key.hex())
        response = impulse_response(rng, group[0].position, at.microphones)
        total += np.fft.rfft(dry, length) * np.fft.rfft(response, length)
    total *= gains(at.colour, bins)
    return np.fft.irfft(total, length)[:, :samples].astype(np.float32)


def _fast_length(samples: int) -> int:
    """Return the next length whose transform is quick: 2^a times 1, 3, 5 or 9."""
    powers = [factor * 2**power for power in range(4, 24) for factor in (1, 3, 5, 9, 81)]
    return min(length for length in powers if length >= samples)
