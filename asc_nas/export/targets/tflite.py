"""The model as a ``.tflite`` file in 8-bit integers, for TensorFlow Lite Micro and LiteRT."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from asc_nas.core.errors import AscNasError
from asc_nas.core.files import sha256, write_bytes, write_json
from asc_nas.export.integer.arithmetic import Scale
from asc_nas.export.integer.folded import read_folded
from asc_nas.export.integer.network import (
    FEATURE_STEPS,
    INPUT_SHIFT,
    IntegerNetwork,
    feature_integers,
)
from asc_nas.export.integer.quantise import integer_networks
from asc_nas.export.quantize import CLIPS
from asc_nas.export.target import TARGETS, ExportedModel, Source, spread
from asc_nas.export.targets.c import compared
from asc_nas.export.tflite_check import arena_bytes, checked
from asc_nas.export.tflite_file import tflite_bytes

FORMAT = "asc-nas/tflite/1"
CHECKED = 8
"""Test clips on which the interpreters are compared with Python."""


@TARGETS.register("tflite")
def write_tflite(source: Source) -> ExportedModel:
    """Write ``NAME.tflite`` and ``NAME.tflite.json`` beside the float model.

    The ranges of the activations come from train; test is only measured. The JSON file holds what
    a device needs to fill the inputs and read the outputs, and what was measured: see
    docs/FILES.md.

    Raises
    ------
    AscNasError
        If the model is not one that asc-nas exports, a package is missing, or an interpreter
        answers otherwise than Python.
    """
    model, card = source.model.file, source.model.card
    folded = read_folded(model, card.frontend.size)
    networks = integer_networks(model, folded, spread(source.train, CLIPS))
    content = tflite_bytes(networks, card.name)
    target = model.with_name(f"{card.name}.tflite")
    clips = feature_integers(spread(source.test, CHECKED))
    interpreters = checked(content, networks, clips, target.name)
    arena, why_no_arena = _arena(content)
    results = compared(source, networks)
    write_bytes(target, content)
    document = {
        "format": FORMAT,
        "name": card.name,
        "labels": list(card.labels),
        "frontend": card.frontend.model_dump(mode="json"),
        "temperature": card.temperature,
        "float_sha256": card.sha256,
        "sha256": sha256(target),
        "bytes": len(content),
        "feature_steps": FEATURE_STEPS,
        "input_shift": INPUT_SHIFT,
        "networks": _networks(networks),
        **results,
        "checked_on": len(clips),
        "checked_in": interpreters,
        "arena_bytes": arena,
        "arena_unknown": why_no_arena,
    }
    write_json(target.with_name(f"{target.name}.json"), document)
    ram = why_no_arena or f"an arena of {(arena or 0) / 1000:.1f} kB"
    told = (
        f"accuracy {results['accuracy']:.3f} (float {results['float_accuracy']:.3f}), "
        f"{results['agreement']:.1%} of {card.data.test_clips} decisions alike; "
        f"{len(content) / 1000:.1f} kB; {ram}",
        f"the same integers in {' and '.join(map(' '.join, interpreters.items()))}",
    )
    return ExportedModel(target, card, told)


def _arena(content: bytes) -> tuple[int | None, str | None]:
    """Return the arena's bytes, or why they are not known."""
    try:
        return arena_bytes(content), None
    except AscNasError as error:
        return None, str(error)


def _networks(networks: Sequence[IntegerNetwork]) -> list[dict[str, Any]]:
    return [
        {
            "input": f"log_mel_{place}",
            "output": f"logits_{place}",
            "input_range": network.input.range,
            "input_multipliers": _numbers(network.input.multipliers),
            "input_offsets": _numbers(network.input.offsets),
            "input_scale": _scale(network.input.scale),
            "output_scale": _scale(network.last.target),
        }
        for place, network in enumerate(networks)
    ]


def _numbers(values: np.ndarray) -> list[int]:
    return [int(value) for value in values]


def _scale(scale: Scale) -> dict[str, float | int]:
    return {"scale": scale.scale, "zero": scale.zero}
