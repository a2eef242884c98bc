"""Named, explicit random streams: the same seed and name give the same numbers.

There is no global seeding, and a stream belongs to a place in the work ("supernet", epoch 3), not
to a moment in time, so that a resumed job draws what an uninterrupted one would have drawn.
"""

import zlib

import numpy as np


def stream(seed: int, *name: str | int) -> np.random.Generator:
    """Return the random generator that belongs to `name` under `seed`."""
    return np.random.default_rng(_entropy(seed, *name))


def derived_seed(seed: int, *name: str | int) -> int:
    """Return a 32-bit seed that belongs to `name`, for libraries that want a number."""
    return int(np.random.SeedSequence(_entropy(seed, *name)).generate_state(1)[0])


def _entropy(seed: int, *name: str | int) -> list[int]:
    return [seed, *(part if isinstance(part, int) else zlib.crc32(part.encode()) for part in name)]
