"""Compilers and emulators: C code of a kit, compiled and run on a PC or on an emulated chip."""

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from asc_nas.core.errors import AscNasError, UsageError, closest

_LIMIT = 600  # seconds for one program
_WARNINGS = ("-std=c99", "-O2", "-Wall", "-Wextra", "-Wconversion", "-Werror")
_ARM = ("-mthumb", "-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections")
_BARE = ("-nostartfiles", "--specs=rdimon.specs")


@dataclass(frozen=True)
class Machine:
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
    "pc": Machine("pc", "cc", _FOR_PC),
    "cortex-m4": Machine(
        "cortex-m4",
        "arm-none-eabi-gcc",
        _FOR_ARM,
        ("-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16", _HARD),
        "mps2-an386",
    ),
    "cortex-m7": Machine(
        "cortex-m7",
        "arm-none-eabi-gcc",
        _FOR_ARM,
        ("-mcpu=cortex-m7", "-mfpu=fpv5-sp-d16", _HARD),
        "mps2-an500",
    ),
}


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


def build(folder: Path, chip: Machine, program: str, scratch: Path, *defines: str) -> list[str]:
    """Compile ``src`` of a kit, and ``test/PROGRAM`` with it, into ``scratch/program``.

    Parameters
    ----------
    program : the source with the function `main`
    defines : such as ``-DNAME=1``

    Returns
    -------
    list of str
        The object files of ``src``, in `scratch`.

    Raises
    ------
    AscNasError
        What the compiler said.
    """
    source, test = folder.resolve() / "src", folder.resolve() / "test"
    options = [*_WARNINGS, *chip.flags, *(_ARM if chip.board else ()), *defines]
    options += [f"-I{source}", f"-I{test}"]
    about = f"{folder}: does not compile for {chip.name}"
    sources = sorted(source.glob("*.c"))
    _call([chip.compiler, *options, "-c", *map(str, sources)], scratch, about)
    objects = [f"{file.stem}.o" for file in sources]
    around = [test / program, test / ("mps2_start.c" if chip.board else "cost_pc.c")]
    bare = [f"-T{test / 'mps2.ld'}", *_BARE] if chip.board else []
    link = [*options, *bare, *objects, *map(str, around), "-lm", "-o", "program"]
    _call([chip.compiler, *link], scratch, about)
    return objects


def compiled_bytes(objects: Sequence[str], chip: Machine, scratch: Path) -> tuple[int, int]:
    """Return the bytes of flash and of static RAM that object files take."""
    size = chip.compiler.replace("gcc", "size") if chip.board else "size"
    printed = _call([size, *objects], scratch)
    rows = [[int(cell) for cell in line.split()[:3]] for line in printed.splitlines()[1:]]
    text, data, bss = (sum(column) for column in zip(*rows, strict=True))
    return text + data, data + bss


def run(folder: Path, chip: Machine, scratch: Path) -> None:
    """Run ``scratch/program`` there.

    Raises
    ------
    AscNasError
        If it fails or does not end; `folder`, the kit, is named.
    """
    command = [str(scratch / "program")]
    if chip.board:
        command = ["qemu-system-arm", "-M", chip.board, "-kernel", "program", "-icount", "shift=0"]
        command += ["-display", "none", "-serial", "none", "-monitor", "none"]
        command += ["-semihosting-config", "enable=on,target=native"]
    _call(command, scratch, f"{folder}: the program for {chip.name} failed")


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
