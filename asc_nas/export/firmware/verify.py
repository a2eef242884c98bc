"""Proof that a kit answers as Python does: compiled and run, on a PC and on emulated chips."""

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asc_nas.core.errors import AscNasError, UsageError, closest
from asc_nas.core.files import read_json
from asc_nas.export.firmware.kit import FORMAT, GOLDEN_FILES
from asc_nas.export.integer.network import FEATURE_STEPS

TOLERANCE_DB = 0.02
"""Between the log-mel of the code and of Python, for values within `HEARD_DB`."""
HEARD_DB = 60.0
"""Below a recording's loudest value; the models in the box hear no further."""
_LIMIT = 600  # seconds for one program
_WARNINGS = ("-std=c99", "-O2", "-Wall", "-Wextra", "-Wconversion", "-Werror")
_ARM = ("-mthumb", "-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections")
_BARE = ("-nostartfiles", "--specs=rdimon.specs")


@dataclass(frozen=True)
class Chip:
    """Where a kit is run: this PC, or a board that QEMU emulates; `install` gets its tools."""

    name: str
    compiler: str
    install: str
    flags: tuple[str, ...] = ()
    board: str = ""

    @property
    def tools(self) -> tuple[str, ...]:
        """The programs that it takes."""
        return (self.compiler, "qemu-system-arm") if self.board else (self.compiler,)


_DEBIAN = "Debian: apt-get install"
_FOR_PC = f"{_DEBIAN} gcc libc6-dev"
_FOR_ARM = f"{_DEBIAN} gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm"
_HARD = "-mfloat-abi=hard"
CHIPS = {
    "pc": Chip("pc", "cc", _FOR_PC),
    "cortex-m4": Chip(
        "cortex-m4",
        "arm-none-eabi-gcc",
        _FOR_ARM,
        ("-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16", _HARD),
        "mps2-an386",
    ),
    "cortex-m7": Chip(
        "cortex-m7",
        "arm-none-eabi-gcc",
        _FOR_ARM,
        ("-mcpu=cortex-m7", "-mfpu=fpv5-sp-d16", _HARD),
        "mps2-an500",
    ),
}


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


def missing_tools(chip: str) -> list[str]:
    """Return the programs that a chip needs and this machine lacks.

    Raises
    ------
    UsageError
        If there is no such chip.
    """
    if chip not in CHIPS:
        hint = closest(chip, list(CHIPS))
        raise UsageError(f"unknown chip '{chip}'.{hint} Known: {', '.join(CHIPS)}.")
    return [tool for tool in CHIPS[chip].tools if shutil.which(tool) is None]


def read_kit(folder: Path) -> dict[str, Any]:
    """Return the content of a kit's ``kit.json``.

    Raises
    ------
    AscNasError
        If the folder is no kit.
    """
    return read_json(folder / "kit.json", FORMAT)


def verify(folder: Path, chip: str) -> Verified:
    """Compile a kit for a chip, run its golden recordings there and compare with Python.

    Raises
    ------
    AscNasError
        If the folder is no kit, it does not compile, or the program fails.
    """
    kit = read_kit(folder)
    target = CHIPS[chip]
    with tempfile.TemporaryDirectory() as scratch:
        build = Path(scratch)
        flash, ram = _compile(folder.resolve(), target, build)
        samples, log_mel, logits = _golden(folder, kit)
        with (build / "check.in").open("wb") as file:
            file.write(np.int32(len(samples)).tobytes())
            for clip, mel in zip(samples, log_mel, strict=True):
                file.write(clip.tobytes())
                file.write(mel.tobytes())
        _call([*_run(target, build)], build, f"{folder}: the program for {chip} failed")
        answers = _answers(build / "check.out", kit)
    if len(answers) != len(samples):
        raise AscNasError(f"{folder}: the program for {chip} stopped early; export the kit again.")
    own, given = answers["own"], answers["given"]
    difference = np.abs(own["log_mel"].astype(np.int64) - log_mel)
    heard = log_mel >= log_mel.max((1, 2), keepdims=True) - HEARD_DB * FEATURE_STEPS
    return Verified(
        chip=chip,
        clips=len(samples),
        same_labels=int((own["label"] == kit["golden_labels"]).sum()),
        log_mel_db=float(difference[heard].max() / FEATURE_STEPS),
        same_logits=bool((given["logits"] == logits).all()),
        flash=flash,
        ram=ram,
        stack=int(answers["stack"].max()),
        front_end=int(np.median(answers["front_end"])),
        network=int(np.median(answers["network"])),
    )


def _compile(folder: Path, chip: Chip, build: Path) -> tuple[int, int]:
    """Compile kit and check; return bytes of flash and of static RAM of the kit itself."""
    options = [*_WARNINGS, *chip.flags, *(_ARM if chip.board else ())]
    options += [f"-I{folder / 'src'}", f"-I{folder / 'test'}"]
    about = f"{folder}: does not compile for {chip.name}"
    sources = sorted((folder / "src").glob("*.c"))
    _call([chip.compiler, *options, "-c", *map(str, sources)], build, about)
    objects = [f"{source.stem}.o" for source in sources]
    sizes = _call([chip.compiler.replace("gcc", "size") if chip.board else "size", *objects], build)
    rows = [[int(cell) for cell in line.split()[:3]] for line in sizes.splitlines()[1:]]
    text, data, bss = (sum(column) for column in zip(*rows, strict=True))
    test = folder / "test"
    around = [test / "check.c", test / ("mps2_start.c" if chip.board else "cost_pc.c")]
    bare = [f"-T{test / 'mps2.ld'}", *_BARE] if chip.board else []
    link = [*options, *bare, *objects, *map(str, around), "-lm", "-o", "check"]
    _call([chip.compiler, *link], build, about)
    return text + data, data + bss


def _run(chip: Chip, build: Path) -> Sequence[str]:
    if not chip.board:
        return [str(build / "check")]
    emulator = ["qemu-system-arm", "-M", chip.board, "-kernel", "check", "-icount", "shift=0"]
    quiet = ["-display", "none", "-serial", "none", "-monitor", "none"]
    return [*emulator, *quiet, "-semihosting-config", "enable=on,target=native"]


def _call(command: Sequence[str], folder: Path, about: str = "") -> str:
    """Run a program; return what it printed.

    Raises
    ------
    AscNasError
        `about` and what the program said, if it fails or does not end.
    """
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=_LIMIT, check=True
        )
    except subprocess.CalledProcessError as error:
        said = (error.stderr or error.stdout).strip().splitlines()
        said = [line for line in said if "error" in line] or said
        what = said[0] if said else f"it ended with {error.returncode}"
        raise AscNasError(f"{about}: {what}") from error
    except subprocess.TimeoutExpired as error:
        raise AscNasError(f"{about}: it did not end within {_LIMIT} seconds.") from error
    return done.stdout


def _golden(folder: Path, kit: dict[str, Any]) -> tuple[NDArray, NDArray, NDArray]:
    shapes = (
        ("<i2", (kit["samples"],)),
        ("<i2", (kit["frames"], kit["mels"])),
        ("i1", (kit["networks"], len(kit["labels"]))),
    )
    count, found = len(kit["golden_labels"]), []
    for name, (kind, shape) in zip(GOLDEN_FILES, shapes, strict=True):
        file = folder / "golden" / name
        try:
            found.append(np.fromfile(file, kind).reshape(count, *shape))
        except (OSError, ValueError) as error:
            raise AscNasError(f"{file}: missing or damaged; export the kit again.") from error
    return found[0], found[1], found[2]


def _answers(file: Path, kit: dict[str, Any]) -> NDArray[np.void]:
    classes = len(kit["labels"])
    one = [
        ("log_mel", "<i2", (kit["frames"], kit["mels"])),
        ("logits", "i1", (kit["networks"], classes)),
        ("label", "<i4"),
        ("probabilities", "<u2", (classes,)),
    ]
    cost = [("front_end", "<u8"), ("network", "<u8"), ("stack", "<u4")]
    return np.fromfile(file, np.dtype([("own", one), *cost, ("given", one)]))
