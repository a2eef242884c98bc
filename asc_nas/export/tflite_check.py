"""A ``.tflite`` file in real interpreters: whether they answer as Python does, and what they need.

Two interpreters have the arithmetic of `asc_nas.export.integer`: LiteRT with its reference kernels,
and TensorFlow Lite Micro, the one for microcontrollers. LiteRT's default kernels (XNNPACK) give
other integers: single logits differ by a few steps; nothing is compared with them.
"""

import re
import subprocess
import sys
from bisect import bisect
from collections.abc import Callable, Sequence
from importlib import metadata

import numpy as np
from numpy.typing import NDArray

from asc_nas.core.errors import AscNasError
from asc_nas.export.integer.arithmetic import Integers
from asc_nas.export.integer.network import IntegerNetwork
from asc_nas.export.tflite_graph import INSTALL

Inputs = Sequence[NDArray[np.int8]]
"""Of each network, (clips, mels, frames, 1)."""
MICRO = "tflite-micro"
_LARGEST_ARENA = 2**26
_STEP = 16  # bytes, to which the interpreter aligns
_CALL = """
import sys
from tflite_micro import runtime
file = sys.stdin.buffer.read()
interpreter = runtime.Interpreter.from_bytes(file, arena_size=int(sys.argv[1]))
interpreter.invoke()
interpreter.print_allocations()
"""


def checked(
    file: bytes, networks: Sequence[IntegerNetwork], features: Integers, name: str
) -> dict[str, str]:
    """Return the interpreters that are installed, with their versions: all answer as Python.

    Parameters
    ----------
    file : of `networks`, see `asc_nas.export.tflite_file.tflite_bytes`
    features : (n, mels, frames) log-mel in 1/128 dB to compare on
    name : of the file, for the error

    Raises
    ------
    AscNasError
        If one answers otherwise or does not run the file, or none is installed.
    """
    inputs = [_channels_last(network.input(features)) for network in networks]
    expected = np.stack([network.logits(features) for network in networks], 1)
    found = {package: version for package in INTERPRETERS if (version := _version(package))}
    if not found:
        raise AscNasError(f"{name}: no interpreter to check it with: install one with {INSTALL}.")
    for package, version in found.items():
        try:
            answers = INTERPRETERS[package](file, inputs)
        except (RuntimeError, ValueError) as error:
            raise AscNasError(
                f"{name}: {package} {version} does not run it ({error}); the file is not written. "
                f"Try another version of {package}."
            ) from error
        wrong = int((answers != expected).any((1, 2)).sum())
        if wrong:
            raise AscNasError(
                f"{name}: {package} {version} answers otherwise than Python on {wrong} of "
                f"{len(features)} clips; the file is not written. Try another version of {package}."
            )
    return found


def arena_bytes(file: bytes) -> int:
    """Return the smallest arena, in bytes, in which TensorFlow Lite Micro runs the file here.

    It holds the activations and what the interpreter notes of tensors and operators, with the
    pointers of this machine: 8 bytes, where a microcontroller has 4.

    Raises
    ------
    AscNasError
        If the package is missing, or does not run the file.
    """
    if _version(MICRO) is None:
        raise AscNasError(f"the package {MICRO} is not installed: install it with {INSTALL}.")
    told = re.search(r"Arena allocation total (\d+) bytes", _run_in(_LARGEST_ARENA, file) or "")
    if told is None:
        megabytes = _LARGEST_ARENA // 2**20
        raise AscNasError(f"{MICRO} does not run the network in an arena of {megabytes} MB.")
    used = -(-int(told[1]) // _STEP)  # at the end; to plan where maps lie may take more
    more = 1
    while not _runs((used + more) * _STEP, file):
        more *= 2
    sizes = range(used, used + more)
    return _STEP * (used + bisect(sizes, 0, key=lambda size: _runs(size * _STEP, file)))


def _runs(arena: int, file: bytes) -> bool:
    return _run_in(arena, file) is not None


def _run_in(arena: int, file: bytes) -> str | None:
    """Return what TensorFlow Lite Micro tells of a call in an arena; None if it is too small.

    In a process of its own, as a small arena can end it.
    """
    called = subprocess.run(
        [sys.executable, "-P", "-c", _CALL, str(arena)], input=file, capture_output=True
    )
    return None if called.returncode else called.stderr.decode(errors="replace")


def litert_logits(file: bytes, inputs: Inputs) -> Integers:
    """Return what LiteRT's reference kernels answer, (clips, networks, classes)."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        model_content=file, experimental_op_resolver_type=OpResolverType.BUILTIN_REF
    )
    interpreter.allocate_tensors()
    sources, targets = interpreter.get_input_details(), interpreter.get_output_details()
    answers = []
    for clip in zip(*inputs, strict=True):
        for source, values in zip(sources, clip, strict=True):
            interpreter.set_tensor(source["index"], values[None])
        interpreter.invoke()
        answers.append([interpreter.get_tensor(target["index"])[0] for target in targets])
    return np.array(answers, np.int64)


def micro_logits(file: bytes, inputs: Inputs) -> Integers:
    """Return what TensorFlow Lite Micro answers, (clips, networks, classes)."""
    from tflite_micro import runtime

    interpreter = runtime.Interpreter.from_bytes(file, arena_size=_LARGEST_ARENA)
    answers = []
    for clip in zip(*inputs, strict=True):
        for place, values in enumerate(clip):
            interpreter.set_input(values[None], place)
        interpreter.invoke()
        answers.append([interpreter.get_output(place)[0] for place in range(len(clip))])
    return np.array(answers, np.int64)


INTERPRETERS: dict[str, Callable[[bytes, Inputs], Integers]] = {
    "ai-edge-litert": litert_logits,
    MICRO: micro_logits,
}
"""By package."""


def _channels_last(values: Integers) -> NDArray[np.int8]:
    """Return (n, mels, frames, 1) of (n, 1, mels, frames)."""
    return np.ascontiguousarray(values.transpose(0, 2, 3, 1), np.int8)


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
