"""A folder of noise that a test breaks, and what a check finds in it."""

from dataclasses import replace

import numpy as np
import soundfile

from asc_nas.data.manifest import Clip, Manifest
from data_prep.checks import check

RATE = 8000


def noise(seed, samples=RATE // 4, channels=1):
    return np.random.default_rng(seed).uniform(-0.5, 0.5, (samples, channels))


class Recordings:
    """A folder of noise: two classes of four groups each, until a test breaks something."""

    def __init__(self, folder):
        self.folder = folder
        self.clips = []
        for number in range(8):
            self.add(f"{number}.wav", noise(number), label="ab"[number % 2], group=f"g{number}")

    def add(self, name, wave, rate=RATE, subtype="PCM_16", **values):
        soundfile.write(self.folder / name, wave, rate, subtype=subtype)
        self.clips.append(Clip(name, **({"label": "a", "group": f"group of {name}"} | values)))

    def change(self, name, **values):
        self.clips = [replace(c, **values) if c.path == name else c for c in self.clips]

    def manifest(self, labels=("a", "b")):
        return Manifest("noise", self.folder, labels, tuple(self.clips))

    def check(self, **options):
        return check(self.manifest(**options), workers=1)


def found(report):
    return [(f.check, f.severity, f.subject) for f in report.findings]
