"""The good files that cases start from, written once."""

from pathlib import Path

import soundfile
from toy_classifier import RATE, tones, write_toy_model

from fuzz.kinds.runs import write_run
from fuzz.kinds.tables import write_clips


def write_workspace(folder: Path) -> None:
    """Write a model with a recording (``model``), clips (``clips``) and a run (``run``)."""
    write_toy_model(folder / "model")
    soundfile.write(folder / "model" / "a.wav", tones("low", seconds=0.7)[0], RATE)
    write_clips(folder / "clips")
    write_run(folder / "run")
