"""Feature extraction: clips per second by number of workers, memory while it runs, and peers.

python benchmarks/extraction.py ESC10_FOLDER [--clips 2000] [--workers 1 2] [--repeats 3] [--wav]

The recordings are listed again and again with another start until there are as many clips as asked
for, so that every clip is decoded, resampled and transformed like a new one. "steady" leaves out
the start of the processes: it is the speed from the first tenth of the clips to the last. Memory is
the resident set of this process and its workers together, in MB. All take turns; the peers are

- librosa: a plain loop with librosa's load, melspectrogram and power_to_db, one thread, nothing
  written, in a process that has started and compiled before;
- limit: decoding, resampling and a bare STFT, in as many workers as ours, nothing written.

"per processor second" counts the seconds of all processes: the figure to look at while the machine
does other work. With --wav the recordings are written again as WAV first: decoding Vorbis, which
no front end can help, is most of the work.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from pathlib import Path

import numpy as np
import soundfile
import timing
from librosa_front_end import librosa_log_mel
from log_mel import bare_stft

from asc_nas.audio.io import load_audio
from asc_nas.audio.logmel import PRESETS
from asc_nas.core.tasks import each
from asc_nas.data.manifest import Clip, Manifest
from data_prep.datasets import read_dataset
from data_prep.extraction import extract

FRONTEND = PRESETS["esc10"]
SECONDS_BETWEEN_STARTS = 0.05


@dataclass
class Measured:
    seconds: float
    processor: float
    steady: float = float("nan")
    memory: list[tuple[int, float]] = field(default_factory=list)
    """Clips done, and MB resident at that moment."""


def repeated(manifest: Manifest, clips: int) -> Manifest:
    listed = []
    for turn in count():
        for clip in manifest.clips:
            if len(listed) == clips:
                return manifest.with_clips(listed)
            listed.append(replace(clip, start=round(turn * SECONDS_BETWEEN_STARTS, 3)))
    raise AssertionError("not reached")


def resident_megabytes() -> float:
    """Return what this process and its children hold, in MB."""
    page = os.sysconf("SC_PAGE_SIZE")
    total = 0
    children = [
        child
        for task in Path("/proc/self/task").iterdir()
        for child in (task / "children").read_text().split()
    ]
    for process in ["self", *children]:
        try:
            total += int(Path(f"/proc/{process}/statm").read_text().split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has just ended
    return total * page / 1e6


def as_wav(manifest: Manifest, folder: Path) -> Manifest:
    clips = []
    for number, clip in enumerate(manifest.clips):
        samples, rate = soundfile.read(manifest.audio_path(clip))
        soundfile.write(folder / f"{number}.wav", samples, rate)
        clips.append(replace(clip, path=str(folder / f"{number}.wav")))
    return manifest.with_clips(clips)


def timed(run: Callable[[], object]) -> Measured:
    start, processor = time.perf_counter(), timing.processor_seconds()
    run()
    return Measured(time.perf_counter() - start, timing.processor_seconds() - processor)


def measure(manifest: Manifest, workers: int) -> Measured:
    marks: list[tuple[int, float]] = []

    def held() -> tuple[int, float]:
        return marks[-1][0] if marks else 0, resident_megabytes()

    with tempfile.TemporaryDirectory() as folder, timing.sampled(held) as memory:
        measured = timed(
            lambda: extract(
                manifest,
                FRONTEND,
                Path(folder) / "features",
                workers=workers,
                progress=lambda done, total, text: marks.append((done, time.perf_counter())),
            )
        )
    first, last = marks[len(marks) // 10], marks[-1]
    steady = (last[0] - first[0]) / (last[1] - first[1])
    return replace(measured, steady=steady, memory=memory)


def librosa_loop(manifest: Manifest) -> None:
    import librosa

    for clip in manifest.clips:
        wave, _ = librosa.load(
            manifest.audio_path(clip), sr=FRONTEND.sample_rate, mono=False, offset=clip.start
        )
        mel = librosa_log_mel(np.atleast_2d(wave)[:, : FRONTEND.samples], FRONTEND)
        mel.astype(np.float16)


def timed_librosa_loop(manifest: Manifest) -> Measured:
    librosa_loop(manifest.with_clips(manifest.clips[:2]))  # it compiles at the first call
    return timed(lambda: librosa_loop(manifest))


def decode_and_transform(task: tuple[Path, Clip]) -> None:
    path, clip = task
    bare_stft(load_audio(path, FRONTEND.sample_rate, clip.start)[:, : FRONTEND.samples], FRONTEND)()


def limit(manifest: Manifest, workers: int) -> None:
    tasks = [(manifest.audio_path(clip).absolute(), clip) for clip in manifest.clips]
    for _, result in each(decode_and_transform, tasks, workers):
        if result is not None:
            raise SystemExit(result.reason)


def print_speeds(runs: dict[str, list[Measured]], clips: int) -> None:
    base = next(iter(runs.values()))
    print(
        f"{'':18s} {'clips/s':>8s} {'(min to max)':>18s} {'steady':>8s} {'gain':>6s} "
        f"{'per processor second':>21s}"
    )
    for name, measured in runs.items():
        rates = [clips / run.seconds for run in measured]
        gain = statistics.median(a.seconds / b.seconds for a, b in zip(base, measured, strict=True))
        steady = statistics.median(run.steady for run in measured)
        processor = statistics.median(clips / run.processor for run in measured)
        print(
            f"{name:18s} {statistics.median(rates):8.1f} "
            f"{f'({min(rates):.1f} to {max(rates):.1f})':>18s} {steady:8.1f} {gain:6.2f} "
            f"{processor:21.1f}"
        )


def print_memory(runs: dict[str, list[Measured]], clips: int) -> None:
    print("\nresident MB (median, largest) while these tenths of the clips were done")
    for name, measured in runs.items():
        tenths: list[list[float]] = [[] for _ in range(10)]
        for done, megabytes in (sample for run in measured for sample in run.memory):
            tenths[min(9, 10 * done // clips)].append(megabytes)
        shown = (f"{statistics.median(t):.0f},{max(t):.0f}" if t else "-" for t in tenths)
        print(f"{name:18s} {'  '.join(shown)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--clips", type=int, default=2000)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--wav", action="store_true", help="write the recordings as WAV first")
    arguments = parser.parse_args()
    timing.restart_with_threads(1)
    manifest = read_dataset("esc10", arguments.folder)
    with tempfile.TemporaryDirectory() as folder:
        if arguments.wav:
            manifest = as_wav(manifest, Path(folder))
        manifest = repeated(manifest, arguments.clips)
        most = max(arguments.workers)
        ours = {f"{n} worker(s)": partial(measure, manifest, n) for n in arguments.workers}
        commands = {
            **ours,
            "librosa": lambda: timing.in_a_process(timed_librosa_loop, manifest),
            f"limit, {most} worker(s)": lambda: timed(lambda: limit(manifest, most)),
        }
        runs = timing.in_turns(commands, arguments.repeats)

    print(f"{len(manifest.clips)} clips of {manifest.name}, median of {arguments.repeats} runs")
    print_speeds(runs, len(manifest.clips))
    print_memory({name: runs[name] for name in ours}, len(manifest.clips))
    seconds = {name: [run.seconds for run in measured] for name, measured in runs.items()}
    best, bound = f"{most} worker(s)", f"limit, {most} worker(s)"
    timing.print_aims(
        [
            (f"librosa / {best}", timing.ratio(seconds, "librosa", best), "at least 5"),
            (f"{bound} / {best}", timing.ratio(seconds, bound, best), "at least 0.8"),
        ]
    )


if __name__ == "__main__":
    main()
