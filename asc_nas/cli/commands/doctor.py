"""``asc-nas doctor``: what is installed, what this machine has, and what does not work."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Annotated

import typer

ROUND_TRIPS = (
    ("WAV", "PCM_16"),
    ("FLAC", "PCM_16"),
    ("OGG", "VORBIS"),
    ("OGG", "OPUS"),
    ("MP3", "MPEG_LAYER_III"),
    ("AIFF", "PCM_16"),
)
"""File formats that are written and read back in memory, with their subtypes."""


@dataclass(frozen=True)
class Fact:
    """One line of the report.

    Attributes
    ----------
    group, name, value : str
    advice : str
        What to do about it; empty where nothing is wrong.
    fails : bool
        Whether even ``classify`` does not work without it.
    """

    group: str
    name: str
    value: str
    advice: str = ""
    fails: bool = False


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="For programs and bug reports.")] = False,
) -> None:
    """Show what is installed, which audio files can be read, and what this machine has.

    The exit code is 1 if something is missing that 'asc-nas classify' needs.

    Example: asc-nas doctor
    """
    facts = list(examine())
    if as_json:
        typer.echo(json.dumps([asdict(fact) for fact in facts], indent=2))
    else:
        _print(facts)
    if any(fact.fails for fact in facts):
        raise typer.Exit(1)


def examine() -> Iterator[Fact]:
    """Yield everything there is to say, in the order of the report."""
    import os
    import platform

    from asc_nas import __version__

    yield Fact("asc-nas", "version", __version__)
    yield Fact("asc-nas", "Python", f"{platform.python_version()} on {platform.platform()}")
    yield from _packages()
    yield from _packages("search")
    yield from _torch()
    yield from _packages("gpu")
    yield from _packages("listen")
    yield from _microphone()
    yield from _packages("device")
    yield from _chips()
    yield from _audio()
    yield from _machine()
    yield from _models()
    yield Fact("terminal", "NO_COLOR", "set" if os.environ.get("NO_COLOR") else "not set")


def _packages(extra: str = "") -> Iterator[Fact]:
    """Yield what is there of the base install, without which nothing works, or of an extra."""
    from asc_nas.core.packages import MISSING, versions

    install = (
        f"pip install 'asc-nas[{extra}]'" if extra else "pip install --force-reinstall asc-nas"
    )
    for name, version in versions(extra).items():
        lacks = version == MISSING
        yield Fact(extra or "base", name, version, install if lacks else "", lacks and not extra)


def _torch() -> Iterator[Fact]:
    try:
        import torch
    except ImportError:  # said already, as a missing package
        return
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    names = ", ".join(torch.cuda.get_device_name(i) for i in range(gpus))
    yield Fact("search", "GPU", names or "none that PyTorch can use")
    yield Fact("search", "PyTorch threads", str(torch.get_num_threads()))


def _microphone() -> Iterator[Fact]:
    from importlib.util import find_spec

    from asc_nas.core.errors import AscNasError

    if find_spec("sounddevice") is None:  # said already, as a missing package
        return
    try:
        from asc_nas.runtime.microphone import input_devices
    except (ImportError, OSError):  # of the base, and said already
        return
    try:
        devices = input_devices()
    except AscNasError as error:
        yield Fact("listen", "microphone", "not usable", str(error))
        return
    default = next((device for device in devices if device.is_default), None)
    found = f"none of {len(devices)} is the default" if devices else "none"
    yield Fact("listen", "microphone", f"{default.name} (default)" if default else found)


def _chips() -> Iterator[Fact]:
    """Yield where `asc-nas verify` can run the C code of a model."""
    try:
        from asc_nas.export.firmware.toolchain import CHIPS, missing_tools
    except ImportError:  # of the base, and said already
        return
    for name, chip in CHIPS.items():
        missing = missing_tools(name)
        found = f"{', '.join(missing)} missing" if missing else "can be verified on"
        yield Fact("device", name, found, chip.install if missing else "")


def _audio() -> Iterator[Fact]:
    try:
        import numpy as np
        import soundfile
        import soxr
    except (ImportError, OSError) as error:  # OSError: the package without its library
        yield Fact("audio", "soundfile", str(error), "pip install --force-reinstall soundfile soxr")
        return
    yield Fact("audio", "libsndfile", soundfile.__libsndfile_version__)
    yield Fact("audio", "soxr", soxr.__libsoxr_version__)
    wave = np.sin(np.arange(4800, dtype=np.float32) / 20) / 2
    for kind, subtype in ROUND_TRIPS:
        works = _round_trip(wave, kind, subtype)
        name = kind if subtype == "PCM_16" else f"{kind} ({subtype.lower()})"
        advice = "" if works else "convert such files to WAV or FLAC, or update soundfile"
        yield Fact("audio", name, "can be read" if works else "cannot be read", advice)


def _round_trip(wave: "object", kind: str, subtype: str) -> bool:
    """Return whether a wave that is written in this format is there when it is read."""
    import io

    import soundfile

    buffer = io.BytesIO()
    try:
        soundfile.write(buffer, wave, 48000, format=kind, subtype=subtype)
        buffer.seek(0)
        found, _ = soundfile.read(buffer)
    except (soundfile.LibsndfileError, RuntimeError, ValueError, OSError):
        return False
    return bool(abs(found).max() > 0.25)


def _machine() -> Iterator[Fact]:
    import shutil

    from asc_nas.core.machine import available_memory, cores, total_memory

    usable, there = cores()
    yield Fact("machine", "cores", str(there) if usable == there else f"{usable} of {there} usable")
    total, free = total_memory(), available_memory()
    if total:
        available = f", {free / 1e9:.1f} GB of it available" if free else ""
        yield Fact("machine", "memory", f"{total / 1e9:.1f} GB{available}")
    disk = shutil.disk_usage(".").free
    advice = "free some space before a run" if disk < 2e9 else ""
    yield Fact("machine", "disk", f"{disk / 1e9:.1f} GB free here", advice)


def _models() -> Iterator[Fact]:
    from asc_nas.runtime.model_files import VARIABLE, installed_models, model_folders

    names = ", ".join(model.name for model in installed_models() if not model.hidden)
    advice = "" if names else f"copy NAME.onnx and NAME.json to ./models, or set {VARIABLE}"
    yield Fact("models", "found", names or "none", advice)
    yield Fact("models", "searched", ", ".join(map(str, model_folders())))


def _print(facts: list[Fact]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False)
    before = ""
    for fact in facts:
        style = "red" if fact.fails else "yellow" if fact.advice else ""
        value = Text(fact.value, style=style)
        if fact.advice:
            value.append(f"  -> {fact.advice}")
        table.add_row(Text(fact.group if fact.group != before else "", "bold"), fact.name, value)
        before = fact.group
    Console(soft_wrap=False).print(table)
