"""Peak memory and seconds of ``asc-nas classify`` by the length of a recording.

python benchmarks/long_recording.py MODEL [--minutes 1 10 60] [--options --hop 1 --smooth 5]
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

RATE, CHANNELS = 48_000, 2


def write_noise(path: Path, minutes: int) -> None:
    rng = np.random.default_rng(0)
    with soundfile.SoundFile(path, "w", RATE, CHANNELS, subtype="PCM_16") as audio:
        for _ in range(minutes):
            audio.write(rng.normal(0, 0.05, (60 * RATE, CHANNELS)).astype(np.float32))


def measure(command: list[str]) -> tuple[float, float]:
    """Return seconds and peak resident memory in MB."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"failed: {' '.join(command)}")
    return time.perf_counter() - start, usage.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--minutes", type=int, nargs="+", default=[1, 10, 60])
    parser.add_argument("--options", nargs=argparse.REMAINDER, default=[])
    arguments = parser.parse_args()
    print(f"{'minutes':>8s} {'audio, MB as float32':>21s} {'peak memory, MB':>16s} {'seconds':>8s}")
    with tempfile.TemporaryDirectory() as folder:
        for minutes in arguments.minutes:
            path = Path(folder) / "noise.wav"
            write_noise(path, minutes)
            command = [sys.executable, "-m", "asc_nas.cli.main", "classify", str(path)]
            command += ["--model", arguments.model, *arguments.options]
            seconds, peak = measure(command)
            audio = minutes * 60 * RATE * CHANNELS * 4 / 2**20
            print(f"{minutes:8d} {audio:21.0f} {peak:16.0f} {seconds:8.1f}", flush=True)


if __name__ == "__main__":
    main()
