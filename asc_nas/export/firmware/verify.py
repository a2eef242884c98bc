"""Proof that a kit answers as Python does: compiled and run, on a PC and on emulated chips."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from asc_nas.core.errors import AscNasError
from asc_nas.export.firmware.kit import GOLDEN_FILES, Kit
from asc_nas.export.firmware.toolchain import CHIPS, build, compiled_bytes, run
from asc_nas.export.integer.network import FEATURE_STEPS

TOLERANCE_DB = 0.02
"""Between the log-mel of the code and of Python, for values within `HEARD_DB`."""
HEARD_DB = 60.0
"""Below a recording's loudest value; the models in the box hear no further."""


@dataclass(frozen=True)
class Verified:
    """What a kit answered on one chip.

    Attributes
    ----------
    chip : name, see `CHIPS`
    clips, same_labels : number of golden recordings, and of those with Python's label
    log_mel_db : largest difference of the log-mel within `HEARD_DB` of a recording's loudest value
    same_logits : whether the logits for Python's log-mel are Python's, to the last bit
    flash, ram : bytes of code and tables, and of static memory, without the program around them
    stack : bytes of stack that were used; 0 on a PC
    front_end, network : for one window: instructions on a chip, nanoseconds on a PC
    """

    chip: str
    clips: int
    same_labels: int
    log_mel_db: float
    same_logits: bool
    flash: int
    ram: int
    stack: int
    front_end: int
    network: int

    @property
    def passed(self) -> bool:
        """Whether it answers as Python does."""
        alike = self.same_labels == self.clips and self.same_logits
        return alike and self.log_mel_db <= TOLERANCE_DB


def verify(folder: Path, chip: str) -> Verified:
    """Compile a kit for a chip, run its golden recordings there and compare with Python.

    Raises
    ------
    AscNasError
        If the folder is no kit, it does not compile, or the program fails.
    """
    kit = Kit.read(folder / "kit.json")
    target = CHIPS[chip]
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        samples, log_mel, logits = _golden(folder, kit)
        with (scratch / "check.in").open("wb") as file:
            file.write(np.int32(len(samples)).tobytes())
            for clip, mel in zip(samples, log_mel, strict=True):
                file.write(clip.tobytes())
                file.write(mel.tobytes())
        objects = build(folder, target, "check.c", scratch)
        flash, ram = compiled_bytes(objects, target, scratch)
        run(folder, target, scratch)
        answers = _answers(scratch / "check.out", kit)
    if len(answers) != len(samples):
        raise AscNasError(f"{folder}: the program for {chip} stopped early; export the kit again.")
    own, given = answers["own"], answers["given"]
    difference = np.abs(own["log_mel"].astype(np.int64) - log_mel)
    heard = log_mel >= log_mel.max((1, 2), keepdims=True) - HEARD_DB * FEATURE_STEPS
    return Verified(
        chip=chip,
        clips=len(samples),
        same_labels=int((own["label"] == kit.golden_labels).sum()),
        log_mel_db=float(difference[heard].max() / FEATURE_STEPS),
        same_logits=bool((given["logits"] == logits).all()),
        flash=flash,
        ram=ram,
        stack=int(answers["stack"].max()),
        front_end=int(np.median(answers["front_end"])),
        network=int(np.median(answers["network"])),
    )


def _golden(folder: Path, kit: Kit) -> tuple[NDArray, NDArray, NDArray]:
    shapes = (
        ("<i2", (kit.samples,)),
        ("<i2", (kit.frames, kit.mels)),
        ("i1", (kit.networks, len(kit.labels))),
    )
    count, found = len(kit.golden_labels), []
    for name, (kind, shape) in zip(GOLDEN_FILES, shapes, strict=True):
        file = folder / "golden" / name
        try:
            found.append(np.fromfile(file, kind).reshape(count, *shape))
        except (OSError, ValueError) as error:
            raise AscNasError(f"{file}: missing or damaged; export the kit again.") from error
    return found[0], found[1], found[2]


def _answers(file: Path, kit: Kit) -> NDArray[np.void]:
    classes = len(kit.labels)
    one = [
        ("log_mel", "<i2", (kit.frames, kit.mels)),
        ("logits", "i1", (kit.networks, classes)),
        ("label", "<i4"),
        ("probabilities", "<u2", (classes,)),
    ]
    cost = [("front_end", "<u8"), ("network", "<u8"), ("stack", "<u4")]
    return np.fromfile(file, np.dtype([("own", one), *cost, ("given", one)]))
