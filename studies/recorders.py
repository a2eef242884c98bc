"""A set of several recording devices, made of a list of clips, and how networks do on each.

python studies/recorders.py make LIST --out DIR --test FOLD [--seed 0]
python studies/recorders.py table LIST CROSSVAL:NETWORK [CROSSVAL:NETWORK ...]

`make` writes recordings and their list, `DIR/clips.csv`. LIST has path, label, fold and group. Each
clip outside the fold FOLD is there once: half of the groups are of the device a, which records as
the list has it, and the rest evenly of `KNOWN`. Each clip of FOLD is there once for every device,
those included that training does not have, `UNKNOWN`: so the devices are compared on the same
sounds. A device is a fixed frequency response (two slopes and three bumps), a level and a noise
floor, drawn by its name and the seed; it is not drawn as `retrain.augment.response_db` draws.

`table` holds the first network of cross-validations of that list against each of the others: the
accuracy on a, on the other devices that training has and on those that it has not, the mean over
the seeds that both have, with a 95 % interval of the differences for which groups of clips are
drawn. Nothing is trained.
"""

import argparse
import csv
from collections.abc import Iterable
from pathlib import Path
from statistics import mean

import numpy as np
import soundfile
from conditions import Wave
from numpy.typing import NDArray
from paired import hits, rows_of
from progress import say

from asc_nas.audio.io import load_audio
from asc_nas.core.randomness import stream
from asc_nas.evaluation.intervals import mean_interval
from data_prep.datasets import read_dataset

KNOWN = ("b", "c", "s1", "s2", "s3")
UNKNOWN = ("s4", "s5", "s6")
PARTS = {"a": ("a",), "known": KNOWN, "unknown": UNKNOWN, "all": ("a", *KNOWN, *UNKNOWN)}
COLUMNS = ("path", "label", "fold", "group", "device")
RATE = 16_000
BUMPS = 3


def response_db(device: str, seed: int, frequencies: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the level in dB at which a device records each frequency in hertz."""
    if device == "a":
        return np.zeros_like(frequencies)
    rng = stream(seed, "recorder", device)
    low, high = rng.uniform(80, 400), rng.uniform(3500, 7500)
    octaves = np.log2(np.maximum(frequencies, 1))
    steep = rng.integers(1, 4, 2)
    level = -10 * np.log10(1 + (low / np.maximum(frequencies, 1)) ** (2 * steep[0]))
    level -= 10 * np.log10(1 + (frequencies / high) ** (2 * steep[1]))
    for centre, width, height in zip(
        np.log2(rng.uniform(200, 6000, BUMPS)),
        rng.uniform(0.2, 1, BUMPS),
        rng.uniform(-10, 10, BUMPS),
        strict=True,
    ):
        level += height * np.exp(-(((octaves - centre) / width) ** 2))
    return level + rng.uniform(-12, 0)


def recorded(wave: Wave, device: str, seed: int, rng: np.random.Generator) -> Wave:
    """Return what a device makes of mono samples (n,) at `RATE`, full scale at 1."""
    if device == "a":
        return wave
    n = len(wave)
    length = 1 << n.bit_length()
    gain = 10 ** (response_db(device, seed, np.fft.rfftfreq(length, 1 / RATE)) / 20)
    filtered = np.fft.irfft(np.fft.rfft(wave, length) * gain)[:n]
    floor = 10 ** (stream(seed, "noise floor", device).uniform(-65, -50) / 20)
    return np.clip(filtered + floor * rng.standard_normal(n), -1, 1).astype(np.float32)


def devices_of(row: dict[str, str], test: str, seed: int) -> Iterable[str]:
    """Return the devices that record a clip; clips of a group have the same."""
    if row["fold"] == test:
        return PARTS["all"]
    rng = stream(seed, "device of", row["group"])
    return ("a",) if rng.random() < 0.5 else (KNOWN[rng.integers(len(KNOWN))],)


def make(table: Path, out: Path, test: str, seed: int) -> Path:
    """Write the recordings and their list; return it."""
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    written = []
    for number, row in enumerate(rows, start=1):
        say(number, len(rows), "clips")
        wave = load_audio(table.parent / row["path"], RATE)[0]
        for device in devices_of(row, test, seed):
            path = Path("audio", device, f"{Path(row['path']).stem}.flac")
            (out / path.parent).mkdir(parents=True, exist_ok=True)
            rng = stream(seed, "noise of", str(path))
            soundfile.write(out / path, recorded(wave, device, seed, rng), RATE, "PCM_16")
            written.append(row | {"path": path.as_posix(), "device": device})
    listed = out / "clips.csv"
    with listed.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(written)
    return listed


def compare(table: Path, names: list[str]) -> list[str]:
    """Return the lines of the comparison of networks with the first of them."""
    of = {clip.key: clip for clip in read_dataset("csv", table).clips}
    found = [rows_of(name) for name in names]
    common = sorted(set.intersection(*(set(rows) for _, rows in found)))
    (fold,) = {fold for fold, _ in common}
    seeds = [seed for _, seed in common]
    known = [hits(place, rows, fold, seeds) for place, rows in found]
    lines = [f"| network | {' | '.join(PARTS)} |", "| --- " * (len(PARTS) + 1) + "|"]
    for name, own in zip(names, known, strict=True):
        cells = []
        for devices in PARTS.values():
            keys = [key for key in own if of[key].device in devices]
            cell = f"{mean(own[key] for key in keys):.3f}"
            if own is not known[0]:
                gains = [100 * (own[key] - known[0][key]) for key in keys]
                groups = [of[key].group or key for key in keys]
                low, high = mean_interval(gains, groups) or (-1.0, 1.0)
                cell += f" ({mean(gains):+.1f}, {low:+.1f} to {high:+.1f})"
            cells.append(cell)
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return [*lines, f"fold {fold}, seeds {', '.join(map(str, seeds))}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    jobs = parser.add_subparsers(dest="job", required=True)
    making = jobs.add_parser("make")
    making.add_argument("list", type=Path)
    making.add_argument("--out", type=Path, required=True)
    making.add_argument("--test", required=True)
    making.add_argument("--seed", type=int, default=0)
    comparing = jobs.add_parser("table")
    comparing.add_argument("list", type=Path)
    comparing.add_argument("networks", nargs="+", metavar="CROSSVAL:NETWORK")
    arguments = parser.parse_args()
    if arguments.job == "make":
        print(make(arguments.list, arguments.out, arguments.test, arguments.seed))
    else:
        print("\n".join(compare(arguments.list, arguments.networks)))


if __name__ == "__main__":
    main()
