"""How late ``asc-nas listen`` says what it hears, and its memory, for PCM that comes in real time.

python benchmarks/listen_latency.py MODEL [RECORDING] [--seconds 60] [--hop 1] [--speeds 1 4]

The recording (noise without one) is piped in as s16le in chunks of 20 ms, at so many times real
time. The delay of a line is from the writing of the last sample of its window to the reading of the
line. In the last row all comes at once: the peer, how fast the command can be.
"""

import argparse
import json
import statistics
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import timing

CHUNK = 0.02
"""Seconds that are written at a time."""


@dataclass
class Heard:
    """What a listening gave: delay of each line in seconds, memory in MB, seconds in all."""

    delays: list[float]
    memory: tuple[float, float]
    seconds: float


def samples(recording: Path | None, seconds: float, rate: int) -> tuple[np.ndarray, int]:
    """Return mono int16 of so many seconds, repeated if it is shorter, and its rate."""
    if recording is None:
        wave = np.random.default_rng(0).normal(0, 1000, round(rate * seconds)).astype(np.int16)
        return wave, rate
    wave, rate = soundfile.read(recording, dtype="int16", always_2d=True)
    return np.resize(wave[:, 0], round(rate * seconds)), rate


def resident(pid: int) -> float:
    """Return the resident memory of a process in MB (Linux)."""
    status = Path(f"/proc/{pid}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) / 1024


def listen(model: str, wave: np.ndarray, rate: int, hop: float, speed: float | None) -> Heard:
    """Pipe `wave` at `speed` times real time (None: all at once) into ``asc-nas listen``."""
    command = [*timing.ASC_NAS, "listen", "-", "--model", model]
    command += ["--rate", str(rate), "--hop", str(hop), "--json"]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    read: list[tuple[float, float]] = []  # (end of the window, time of its line)
    memory: list[float] = []
    assert json.loads(process.stdout.readline())["event"] == "start"  # imports are not counted

    def collect() -> None:
        for line in process.stdout:
            event = json.loads(line)
            if event["event"] == "update":
                read.append((event["end"], time.perf_counter()))
                if len(read) == 1:
                    memory.append(resident(process.pid))

    reader = threading.Thread(target=collect)
    reader.start()
    size = round(CHUNK * rate)
    written = []  # time when chunk i was written
    begin = time.perf_counter()
    for i, start in enumerate(range(0, len(wave), size)):
        if speed is not None:  # the chunk is there when its last sample has sounded
            time.sleep(max(0.0, begin + (i + 1) * CHUNK / speed - time.perf_counter()))
        process.stdin.write(wave[start : start + size].tobytes())
        process.stdin.flush()
        written.append(time.perf_counter())
    memory.append(resident(process.pid))
    process.stdin.close()
    reader.join()
    process.wait()
    seconds = time.perf_counter() - begin
    if process.returncode or not read:
        sys.exit(f"failed: {' '.join(command)}")
    last = [written[min(len(written) - 1, -(-round(end * rate) // size) - 1)] for end, _ in read]
    delays = [at - sent for (_, at), sent in zip(read, last, strict=True)]
    return Heard(delays, (memory[0], memory[-1]), seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("recording", type=Path, nargs="?")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--hop", type=float, default=1.0)
    parser.add_argument("--speeds", type=float, nargs="+", default=[1, 4])
    parser.add_argument("--rate", type=int, default=48000, help="Of the noise.")
    arguments = parser.parse_args()
    wave, rate = samples(arguments.recording, arguments.seconds, arguments.rate)
    print(f"{arguments.seconds:g} s at {rate} Hz, a line every {arguments.hop:g} s")
    print(
        "fed at        lines   delay, ms: median      max   memory, MB: first   last  x real time"
    )
    for speed in (*arguments.speeds, None):
        found = listen(arguments.model, wave, rate, arguments.hop, speed)
        shown = "all at once" if speed is None else f"{speed:g} x"
        row = f"{shown:12s} {len(found.delays):6d}"
        if speed is None:  # what waits in the pipe is not late
            row += f" {'-':>19s} {'-':>8s}"
        else:
            median, most = statistics.median(found.delays), max(found.delays)
            row += f" {1000 * median:19.1f} {1000 * most:8.1f}"
        row += f" {found.memory[0]:19.0f} {found.memory[1]:6.0f}"
        print(f"{row} {arguments.seconds / found.seconds:12.1f}", flush=True)


if __name__ == "__main__":
    main()
