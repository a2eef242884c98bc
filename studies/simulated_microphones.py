"""Impulse responses of simulated microphones, for `augment.device_responses`.

python studies/simulated_microphones.py FOLDER [--count 20] [--seed 0]

The microphones are those of the condition "another microphone" of ``robustness.py``, other draws:
smooth random frequency responses with a range of 12 dB. One WAV file each.
"""

import argparse
from pathlib import Path

import numpy as np
import soundfile
from conditions import FLOAT, device

from asc_nas.core.randomness import stream

RATE, SAMPLES = 44_100, 4_096


def write_responses(folder: Path, count: int, seed: int) -> None:
    """Write the impulse responses of `count` microphones into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    click = np.zeros((1, SAMPLES), np.float32)
    click[0, SAMPLES // 2] = 1
    for i in range(count):
        response, _ = device(click, RATE, stream(seed, "simulated microphones", i))
        soundfile.write(folder / f"{i:02}.wav", response[0], RATE, **FLOAT)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    write_responses(arguments.folder, arguments.count, arguments.seed)


if __name__ == "__main__":
    main()
