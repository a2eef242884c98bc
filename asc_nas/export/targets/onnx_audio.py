"""The model as ONNX from samples to probabilities, for Android and browsers."""

import json
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from asc_nas.audio.logmel import log_mel
from asc_nas.core.errors import AscNasError
from asc_nas.core.files import sha256, write_bytes, write_json
from asc_nas.export.front_end_onnx import PROBABILITIES, SAMPLES, with_front_end
from asc_nas.export.target import TARGETS, ExportedModel, Source
from asc_nas.runtime.card import AUDIO_FORMAT
from asc_nas.runtime.classifier import MOST_MEMORY, Classifier, open_session

TOLERANCE = 1e-4
CHECKED = 8
"""Test recordings on which the file is compared with `Classifier`."""


@TARGETS.register("onnx-audio")
def write_onnx_audio(source: Source) -> ExportedModel:
    """Write the folder ``NAME-audio`` beside the float model: ``model.onnx`` and ``model.json``.

    A page or an app takes the two as they are. What else lies in the folder stays. The ONNX file
    has what its user must know in its metadata too, see docs/FILES.md.

    Raises
    ------
    AscNasError
        If onnxruntime cannot run the file, or it answers otherwise than `Classifier` for test
        recordings or silence.
    """
    model, card = source.model.file, source.model.card
    target = model.with_name(f"{card.name}-audio") / "model.onnx"
    about = {
        "name": card.name,
        "labels": list(card.labels),
        "sample_rate": card.frontend.sample_rate,
        "samples": card.frontend.samples,
        "short": card.frontend.short,
        "licence": card.data.licence,
        "float_sha256": card.sha256,
    }
    made = with_front_end(onnx.load(model), card)
    onnx.helper.set_model_props(made, _texts({"format": AUDIO_FORMAT, **about}))
    content = made.SerializeToString(deterministic=True)
    silence = np.zeros((1, card.frontend.samples), np.float32)
    waves = np.concatenate([source.recordings(CHECKED) / np.float32(2**15), silence])
    difference = _largest_difference(content, waves, Classifier.load(model), str(target))
    write_bytes(target, content)
    document = {
        "format": AUDIO_FORMAT,
        **about,
        "sha256": sha256(target),
        "bytes": len(content),
        "checked_on": len(waves),
        "checked_in": {"onnxruntime": onnxruntime.__version__},
        "largest_difference": difference,
    }
    write_json(target.with_suffix(".json"), document)
    told = (
        f"samples in, probabilities out; {len(content) / 1000:.1f} kB; within {difference:.1g} of "
        f"classify on {len(waves) - 1} recordings and silence",
    )
    return ExportedModel(target.parent, card, told)


def _texts(values: dict[str, Any]) -> dict[str, str]:
    """Return what ONNX metadata can hold: texts as they are, all else as JSON."""
    return {
        key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for key, value in values.items()
    }


def _largest_difference(
    model: bytes, waves: NDArray[np.float32], classifier: Classifier, name: str
) -> float:
    """Compare the file with `Classifier.posterior` on windows (n, samples), one by one."""
    try:
        session = open_session(model, threads=1)
        found = [session.run([PROBABILITIES], {SAMPLES: wave[None]})[0][0] for wave in waves]
    except Exception as error:  # onnxruntime has no common base class for its errors
        raise AscNasError(
            f"{name}: not written, as onnxruntime cannot run it here: it fails, or needs more than "
            f"{MOST_MEMORY >> 30} GB of memory."
        ) from error
    heard = classifier.card.frontend
    expected = [classifier.posterior(log_mel(wave[None], heard)) for wave in waves]
    difference = float(np.abs(np.array(found) - np.array(expected)).max())
    if not difference <= TOLERANCE:  # also true for NaN
        raise AscNasError(
            f"{name}: not written, as it does not answer as classify does (largest difference of a "
            f"probability {difference:.2g}, allowed {TOLERANCE:g})."
        )
    return difference
