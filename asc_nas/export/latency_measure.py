"""Measure the layers and networks of this folder with onnxruntime and write latency.json.

python measure.py [--device NAME]

Needs Python 3.8 or newer, numpy and onnxruntime. One thread; every model is warmed up and run for a
while in each of several passes over all models; its time is the median over the passes of the
median of a pass. Let the device do nothing else meanwhile. A run that was stopped goes on where it
was. (asc-nas copies this file into the folder that it writes: it imports nothing of asc-nas.)
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from pathlib import Path
from typing import Any, Callable  # noqa: UP035 (Python 3.8)

import numpy as np
import onnxruntime

FORMAT = "asc-nas/latency/2"
PASSES = 5
WARM_UP = 0.01
SECONDS = 0.04
MIN_RUNS = 5

Report = Callable[[int, int, str], None]


def measure(
    folder: Path, device: str | None = None, report: Report | None = None
) -> dict[str, Any]:
    """Measure the kit in `folder`, write its latency.json and return the content.

    Parameters
    ----------
    folder : Path
        Has kit.json: models by file name, keys of layers, and whole networks.
    device : str or None
        Name of the device; None asks the system.
    report : function of (models measured, models in all, text), or None
    """
    kit = json.loads((folder / "kit.json").read_text(encoding="utf-8"))
    names = [kit["overhead"], *kit["layers"].values(), *(n["file"] for n in kit["networks"])]
    medians = measure_models([folder / name for name in names], folder / "partial.json", report)
    times = dict(zip(names, medians))  # noqa: B905 (Python 3.8)
    document = {
        "format": FORMAT,
        "device": describe_device(device),
        "runtime": f"onnxruntime {onnxruntime.__version__}",
        "threads": 1,
        "overhead_ms": times[kit["overhead"]],
        "layers": {key: times[name] for key, name in kit["layers"].items()},
        "networks": [
            {"genotype": n["genotype"], "layers": n["layers"], "ms": times[n["file"]]}
            for n in kit["networks"]
        ],
    }
    write_json(folder / "latency.json", document)
    (folder / "partial.json").unlink()
    return document


def measure_models(files: list[Path], state: Path, report: Report | None = None) -> list[float]:
    """Return the latency of each model in milliseconds.

    Parameters
    ----------
    files : list of Path
    state : Path
        What is measured so far is kept here; times of other models or versions are not used.
    """
    about = [onnxruntime.__version__, [(file.name, file.stat().st_size) for file in files]]
    done = read_state(state, about)
    total = PASSES * len(files)
    start, before = time.monotonic(), len(done)
    while len(done) < total:
        done.append(time_model(files[len(done) % len(files)]))
        if report is not None:
            passed = time.monotonic() - start
            left = passed / (len(done) - before) * (total - len(done))
            report(len(done), total, f"about {left:.0f} s left")
        if len(done) % 10 == 0 or len(done) == total:
            write_json(state, {"about": about, "ms": done})
    return [statistics.median(done[i :: len(files)]) for i in range(len(files))]


def time_model(file: Path) -> float:
    """Return the median time of one run in milliseconds."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    rng = np.random.RandomState(0)
    inputs = {
        value.name: rng.standard_normal(
            [size if isinstance(size, int) else 1 for size in value.shape]
        ).astype(np.float32)
        for value in session.get_inputs()
    }
    clock, run = time.perf_counter, session.run
    stop = clock() + WARM_UP
    run(None, inputs)
    while clock() < stop:
        run(None, inputs)
    times: list[float] = []
    stop = clock() + SECONDS
    while len(times) < MIN_RUNS or clock() < stop:
        start = clock()
        run(None, inputs)
        times.append(clock() - start)
    return statistics.median(times) * 1e3


def describe_device(name: str | None = None) -> dict[str, Any]:
    """Return what is known of this device."""
    return {
        "name": name or processor_name() or "unknown",
        "machine": platform.machine() or "unknown",
        "system": platform.system() or "unknown",
        "cores": os.cpu_count() or 1,
    }


def processor_name() -> str:
    """Return the board's or the processor's own name where the system tells it."""
    board = Path("/proc/device-tree/model")
    if board.exists():
        return board.read_text(errors="replace").strip("\0 \n")
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor()


def read_state(state: Path, about: list[Any]) -> list[float]:
    """Return the times of an unfinished run, if they are of the same models."""
    try:
        saved = json.loads(state.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    same = json.dumps(saved.get("about")) == json.dumps(about)
    times: list[float] = saved["ms"] if same else []
    return times


def write_json(target: Path, value: Any) -> None:
    """Write beside the target, then move over it."""
    beside = target.with_name(target.name + ".tmp")
    text = json.dumps(value, indent=2, allow_nan=False) + "\n"
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(target)
    except OSError as error:  # of a full disk it does not name the file
        error.filename = str(target)
        raise


def main() -> None:
    """Measure the folder that this file lies in."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", metavar="NAME", help="name of the device, for the table")
    arguments = parser.parse_args()
    last = 0.0

    def report(done: int, total: int, text: str) -> None:
        nonlocal last
        if done == total or time.monotonic() - last > 5:
            last = time.monotonic()
            print(f"{done} of {total}, {text}", flush=True)

    folder = Path(__file__).resolve().parent
    try:
        measure(folder, arguments.device, report)
    except FileNotFoundError as error:
        sys.exit(f"error: {error.filename} is missing; copy the whole folder again.")
    except OSError as error:
        sys.exit(f"error: {error.filename}: {error.strerror}; make room, then run it again.")
    print(f"Written: {folder / 'latency.json'}")


if __name__ == "__main__":
    main()
