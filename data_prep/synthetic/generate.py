"""Write the synthetic set: a folder in the layout of DCASE 2018 Task 5, development."""

import io
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from asc_nas.core.errors import AscNasError
from asc_nas.core.files import atomic_path, read_json, write_json, write_text
from asc_nas.core.randomness import stream
from asc_nas.core.workers import DIED, processes
from data_prep.synthetic.plan import FOLDS, Plan, Session
from data_prep.synthetic.room import node, record
from data_prep.synthetic.scenes import perform
from data_prep.synthetic.signals import RATE, Signal

FORMAT = "asc-nas/synthetic/1"
VERSION = 1  # of the sounds: raise it whenever the same seed gives other samples
COMPLETED = ".completed.json"
STARTED = ".started.json"
_README = """\
EVERYTHING IN THIS FOLDER IS SYNTHETIC.

No microphone was involved: a program computed these recordings of nine domestic activities. The
layout is that of DCASE 2018 Task 5 (development): meta.txt, evaluation_setup/, audio/. Results on
this set say nothing about real recordings; it is there to try the program out.

unseen/ holds recordings of further sessions by a fifth node, named after what they are; they are in
no fold and not in meta.txt.

Made by asc-nas, seed {seed}. To the extent possible under law: CC0 1.0, no rights reserved.
"""


def generate(
    folder: Path, seed: int = 0, plan: Plan | None = None, workers: int | None = None
) -> None:
    """Write the set to `folder`; do nothing if it is complete, go on if it was interrupted.

    The same seed and plan give the same files, whatever the number of `workers` (processes; all
    processors by default, 1 stays in this process).

    Raises
    ------
    AscNasError
        If the folder holds a set of another seed, plan or version, or other data, if it cannot be
        written, or if a process dies.
    """
    plan = Plan() if plan is None else plan
    workers = os.cpu_count() or 1 if workers is None else workers
    try:
        _generate(folder, seed, plan, workers)
    except DIED as error:
        raise AscNasError(
            f"{folder}: a process that made the synthetic set died, perhaps for want of memory; "
            "call again to go on."
        ) from error
    except OSError as error:
        raise AscNasError(
            f"{folder}: cannot write the synthetic set ({error}); make room or give another "
            "folder, and call again to go on."
        ) from error


def _generate(folder: Path, seed: int, plan: Plan, workers: int) -> None:
    """Write what is missing of the set, and its marker last."""
    identity = {"format": FORMAT, "version": VERSION, "seed": seed, "plan": plan.fingerprint()}
    if (folder / COMPLETED).exists():
        _check(folder, COMPLETED, identity)
        return
    if (folder / STARTED).exists():
        _check(folder, STARTED, identity)
    elif folder.exists() and any(folder.iterdir()):
        raise AscNasError(
            f"{folder}: the folder holds other files; give an empty or new one for the "
            "synthetic set."
        )
    write_json(folder / STARTED, identity)
    sessions = plan.draw(seed)
    jobs: list[tuple[Any, ...]] = [
        (folder, seed, plan.seconds, session, segment)
        for session in sessions
        for segment in range(1, session.segments + 1)
    ]
    jobs += [
        (folder, seed, plan.seconds, Session(f"unseen/{label}", label, "", ("node 5",), 1), 0)
        for label in plan.unseen
    ]
    _run(jobs, workers)
    for leftover in folder.glob("*/.*.tmp"):  # of a killed process
        leftover.unlink()
    _write_tables(folder, sessions)
    write_text(folder / "README.txt", _README.format(seed=seed))
    write_json(folder / COMPLETED, identity)
    (folder / STARTED).unlink()


def render(
    seed: int, session: Session, segment: int, seconds: float, nodes: Iterable[str]
) -> dict[str, Signal]:
    """Return what each of `nodes` records: (4, samples), full scale is 1.

    All nodes hear the same sources at the same time, each from its place.
    """
    samples = round(seconds * RATE)
    own = stream(seed, "session", session.name)
    gain_db = own.uniform(-79, -60)  # of the background at 1 m, relative to full scale
    events = stream(seed, "segment", session.name, segment)
    sources = perform(session.label, own, events, samples)
    heard = {}
    for name in nodes:
        signal = record(sources, node(seed, name), seed, session.name, name)
        hiss = stream(seed, "sensor", session.name, segment, name)
        floor = hiss.standard_normal(signal.shape, dtype=np.float32) * np.float32(3e-5)
        heard[name] = signal * np.float32(10 ** (gain_db / 20)) + floor
    return heard


def _check(folder: Path, marker: str, identity: dict[str, Any]) -> None:
    """Refuse a folder whose marker names another seed, plan or version."""
    found = read_json(folder / marker, FORMAT)
    for key, wanted in identity.items():
        if found.get(key) != wanted:
            raise AscNasError(
                f"{folder}: holds a synthetic set of {key} {found.get(key)}, not {wanted}; delete "
                "the folder or give another one."
            )


def _run(jobs: list[tuple[Any, ...]], workers: int) -> None:
    """Write the clips of all jobs, in `workers` processes."""
    if workers == 1:
        for job in jobs:
            _write_segment(*job)
        return
    with processes(_write_segment, workers) as submit:
        for done in [submit(*job) for job in jobs]:
            done.result()


def _write_segment(folder: Path, seed: int, seconds: float, session: Session, segment: int) -> None:
    """Write those clips of one segment that are missing."""
    files = {
        name: folder / (session.audio(name, segment) if segment else f"{session.name}.flac")
        for name in session.nodes
    }
    missing = [name for name, path in files.items() if not path.exists()]
    if not missing:
        return
    for name, signal in render(seed, session, segment, seconds, missing).items():
        write_flac(files[name], signal)


def write_flac(path: Path, signal: Signal) -> None:
    """Write `signal` (channels, samples) as 16-bit FLAC; what exceeds full scale is clipped."""
    import soundfile

    encoded = io.BytesIO()
    scaled = np.clip(np.rint(signal.T * 32768), -32768, 32767).astype(np.int16)
    soundfile.write(encoded, scaled, RATE, format="FLAC", subtype="PCM_16")
    with atomic_path(path) as temporary:
        temporary.write_bytes(encoded.getvalue())


def _write_tables(folder: Path, sessions: list[Session]) -> None:
    """Write meta.txt and, for each fold, its lists of training and test clips."""
    rows = [
        (session.fold, f"{session.audio(name, segment)}\t{session.label}\t{session.name}\n")
        for session in sessions
        for name in session.nodes
        for segment in range(1, session.segments + 1)
    ]
    write_text(folder / "meta.txt", "".join(row for _, row in rows))
    for number in range(1, FOLDS + 1):
        test = [row for fold, row in rows if fold == str(number)]
        parts = {
            "train": [row for fold, row in rows if fold != str(number)],
            "evaluate": test,
            "test": [row.split("\t")[0] + "\n" for row in test],
        }
        for part, lines in parts.items():
            write_text(folder / f"evaluation_setup/fold{number}_{part}.txt", "".join(lines))
