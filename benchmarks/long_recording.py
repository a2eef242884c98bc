"""``asc-nas classify`` of long recordings on one thread: memory and speed by length, and peers.

python benchmarks/long_recording.py MODEL [--minutes 1 10 60] [--peer-minutes 5] [--channels 2]
    [--rate 48000] [--skeleton cp_mobile] [--options --hop 1 --smooth 5]

The first table starts the command line anew for every length: peak memory, seconds, seconds of the
processor, and how many times faster than real time (by the processor's seconds with --clock cpu).
The second compares, in one process and without overlap of windows:

- PyTorch: the same streaming classifier with its network in PyTorch, in eager mode;
- window by window: the recording loaded at once with librosa, then for every window its log-mel by
  librosa and its network in PyTorch, as the inference scripts of PANNs and BirdNET go.

All work on every channel. The recording is noise, at `--rate`, in 16 bits.
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
import timing
from librosa_front_end import librosa_log_mel

from asc_nas.runtime.classifier import Classifier, softmax


def write_noise(path: Path, minutes: int, rate: int, channels: int) -> None:
    rng = np.random.default_rng(0)
    with soundfile.SoundFile(path, "w", rate, channels, subtype="PCM_16") as audio:
        for _ in range(60 * minutes):  # small pieces: a child's peak begins with its parent's
            audio.write(rng.normal(0, 0.05, (rate, channels)).astype(np.float32))


def measure(command: list[str]) -> tuple[float, float, float]:
    """Return seconds, seconds of the processor, and peak resident memory in MB."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"failed: {' '.join(command)}")
    processor = usage.ru_utime + usage.ru_stime
    return time.perf_counter() - start, processor, usage.ru_maxrss / 1024


def print_lengths(arguments, folder: Path) -> float:
    """Time the command line by length; return how much faster than real time the last is."""
    print(
        f"{'minutes':>8s} {'audio, MB as float32':>21s} {'peak memory, MB':>16s} {'seconds':>8s} "
        f"{'processor':>10s} {'times real time':>16s}"
    )
    for minutes in arguments.minutes:
        path = folder / "noise.wav"
        write_noise(path, minutes, arguments.rate, arguments.channels)
        command = [*timing.ASC_NAS, "classify", str(path), "--model", arguments.model]
        command += arguments.options
        seconds, processor, peak = measure(command)
        audio = minutes * 60 * arguments.rate * arguments.channels * 4 / 2**20
        speed = minutes * 60 / (processor if arguments.clock == "cpu" else seconds)
        print(
            f"{minutes:8d} {audio:21.0f} {peak:16.0f} {seconds:8.1f} {processor:10.1f} "
            f"{speed:16.0f}",
            flush=True,
        )
    return speed


def peers(model: str, skeleton: str, path: Path):
    import librosa
    import torch
    from exported_network import eager_network

    torch.set_num_threads(1)
    ours = Classifier.load(model)
    network, frontend = eager_network(ours.card, skeleton), ours.card.frontend

    def posterior(mel):
        with torch.inference_mode():
            logits = network(torch.from_numpy(mel[:, None])).numpy()
        return softmax(logits / ours.card.temperature).mean(axis=0)

    eager = Classifier.load(model)
    eager.posterior = posterior

    def window_by_window():
        wave = np.atleast_2d(librosa.load(path, sr=frontend.sample_rate, mono=False)[0])
        posteriors = []
        for start in range(0, wave.shape[1] - frontend.samples + 1, frontend.samples):
            part = wave[:, start : start + frontend.samples]
            posteriors.append(posterior(librosa_log_mel(part, frontend)))
        return np.mean(posteriors, axis=0)

    return {
        "asc-nas": lambda: ours.classify(path),
        "PyTorch": lambda: eager.classify(path),
        "window by window": window_by_window,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--minutes", type=int, nargs="+", default=[1, 10, 60])
    parser.add_argument("--peer-minutes", type=int, default=5, help="0 leaves the peers out")
    parser.add_argument("--rate", type=int, default=48_000)
    parser.add_argument("--channels", type=int, default=2)
    parser.add_argument("--skeleton", default="cp_mobile")
    parser.add_argument("--repeats", type=int, default=5, help="turns of each peer")
    parser.add_argument("--clock", type=timing.Clock, default="wall", help="wall or cpu")
    parser.add_argument("--options", nargs=argparse.REMAINDER, default=[])
    arguments = parser.parse_args()
    timing.restart_with_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        speed = print_lengths(arguments, Path(folder))
        aims = [("times real time", speed, "at least 400")]
        if arguments.peer_minutes:
            path = Path(folder) / "peers.wav"
            write_noise(path, arguments.peer_minutes, arguments.rate, arguments.channels)
            runs = peers(arguments.model, arguments.skeleton, path)
            times = timing.by_turns(runs, arguments.repeats, arguments.clock)
            print(f"\n{arguments.peer_minutes} minutes", end=", ")
            timing.print_times(times, "asc-nas", threads=1, unit="s")
            aims += [
                (f"{name} / asc-nas", timing.ratio(times, name, "asc-nas"), aim)
                for name, aim in (("PyTorch", "at least 2"), ("window by window", "above 1"))
            ]
    timing.print_aims(aims)


if __name__ == "__main__":
    main()
