"""The exported C code on this PC, one thread, against onnxruntime and the front end in Python.

python benchmarks/c_code.py KIT MODEL [--int8 MODEL-int8.onnx] [--repeats 300]

KIT is what `asc-nas export --target c` made of MODEL (NAME.onnx). The code is compiled with -O2,
as `asc-nas verify` does; it has no instructions of one kind of processor in it. All hear the first
golden recording of the kit.
"""

import ctypes
import subprocess
import tempfile
from pathlib import Path
from typing import Annotated

import numpy as np
import timing
import typer

from asc_nas.audio.logmel import log_mel
from asc_nas.export.firmware.kit import Kit
from asc_nas.runtime.card import ModelCard
from asc_nas.runtime.classifier import INPUT, open_session


def compiled(kit: Path) -> ctypes.CDLL:
    """Return the kit as a library."""
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "kit.so"
        sources = sorted((kit / "src").glob("*.c"))
        compiler = ["cc", "-std=c99", "-O2", "-shared", "-fPIC"]
        subprocess.run([*compiler, *sources, "-lm", "-o", library], check=True)
        opened = ctypes.CDLL(str(library))
    opened.asc_features.restype = ctypes.POINTER(ctypes.c_int16)
    return opened


def main(
    kit: Path,
    model: Path,
    int8: Annotated[Path | None, typer.Option(help="the model that --int8 exported")] = None,
    repeats: timing.RepeatsOption = 300,
    clock: timing.ClockOption = timing.Clock.WALL,
) -> None:
    timing.restart_with_threads(1)
    about, card = Kit.read(kit / "kit.json"), ModelCard.read(model.with_suffix(".json"))
    samples = np.fromfile(kit / "golden" / "samples.i16", "<i2")[: about.samples]
    wave = samples / np.float32(2**15)
    mel = log_mel(wave, card.frontend)
    x = mel[None, None].astype(np.float32)
    code = compiled(kit)
    answer = (ctypes.c_byte * (8 + 2 * len(card.labels)))()
    given = samples.ctypes.data_as(ctypes.c_void_p)
    code.asc_init()
    code.asc_feed(given, len(samples))

    def front_end() -> None:
        code.asc_init()
        code.asc_feed(given, len(samples))

    peers = {"network: C": lambda: code.asc_classify(answer)}
    for name, path in (("onnxruntime float", model), ("onnxruntime int8", int8)):
        if path is not None:
            session = open_session(path.read_bytes(), 1)
            peers[f"network: {name}"] = lambda session=session: session.run(None, {INPUT: x})
    peers |= {"front end: C": front_end, "front end: Python": lambda: log_mel(wave, card.frontend)}
    times = timing.by_turns(peers, repeats, clock)
    print(f"{card.name}, {card.macs / 1e6:.2f} M MACs, {about.seconds:g} s of sound", end="; ")
    timing.print_times(times, "network: C", threads=1)
    front = timing.ratio(times, "front end: C", "front end: Python")
    print(f"\nfront end: C / Python {front:.2f}")


if __name__ == "__main__":
    timing.run(main)
