"""The int8 version of an exported network, compared with it on the test clips."""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from asc_nas.core.errors import AscNasError
from asc_nas.core.files import sha256
from asc_nas.data.examples import Examples
from asc_nas.evaluation.scores import score
from asc_nas.evaluation.temperature import ClipLogits
from asc_nas.export.latency_measure import processor_name
from asc_nas.export.quantize import CLIPS, PERCENTILE, paired_latency, quantize_onnx, stored_bytes
from asc_nas.export.target import TARGETS, ExportedModel, Source, spread
from asc_nas.runtime.card import ModelCard, Quantization
from asc_nas.runtime.classifier import INPUT, OUTPUT, open_session

_MEASURES = ("accuracy", "macro_f1", "log_loss", "per_class")


@TARGETS.register("int8")
def write_int8(source: Source) -> ExportedModel:
    """Write ``NAME-int8.onnx`` and its card beside the float model.

    The ranges of the activations come from train; test is only measured, with the settings fixed.

    Raises
    ------
    AscNasError
        If the model is not float, or cannot be quantised.
    """
    model, card = source.model.file, source.model.card
    if card.numeric_type != "float32":
        raise AscNasError(f"{model}: is {card.numeric_type} already; give the float network.")
    target = model.with_name(f"{card.name}-int8.onnx")
    clips = spread(source.train, CLIPS)
    quantize_onnx(model, clips, target)
    test = source.test
    answers = {path: exported_logits(path, test) for path in (model, target)}
    found = answers[target]
    results: dict[str, Any] = _scores(found, card.labels)
    # Of cards with a temperature; it serves the int8 network too, whose logits are nearly the same.
    if "calibration" in card.results:
        temperature = card.temperature
        results["calibration"] = card.results["calibration"] | {
            "ece_before": found.calibration_error(1.0),
            "ece_after": found.calibration_error(temperature),
            "log_loss_before": found.log_loss(1.0),
            "log_loss_after": found.log_loss(temperature),
        }
    same = np.equal(*(answer.posteriors(1.0).argmax(1) for answer in answers.values()))
    by_class = {
        label: float(same[test.clip_targets == place].mean())
        for place, label in enumerate(card.labels)
        if (test.clip_targets == place).any()
    }
    comparison = {
        "float_results": _scores(answers[model], card.labels),
        "agreement": float(same.mean()),
        "agreement_per_class": by_class,
    }
    card = write_int8_card(card, model, target, clips, results, comparison)
    return ExportedModel(target, card)


def write_int8_card(
    card: ModelCard,
    model: Path,
    target: Path,
    clips: np.ndarray,
    results: dict[str, Any],
    comparison: dict[str, Any],
) -> ModelCard:
    """Time the int8 network `target` against `model`, and write and return its card.

    Parameters
    ----------
    card : that of the float `model`
    clips : (n, mels, frames) float32, dB
        What the ranges of the activations were found on.
    results : measures of the int8 network
    comparison : float_results, agreement and agreement_per_class, see `Quantization`
    """
    float_ms, int8_ms, speed_up = paired_latency(model, target, clips[0])
    param_bytes, scale_bytes = stored_bytes(target)
    quantization = Quantization(
        calibrated_on="train",
        calibration_clips=len(clips),
        percentile=PERCENTILE,
        scale_bytes=scale_bytes,
        float_bytes=card.bytes,
        float_param_bytes=stored_bytes(model)[0],
        latency_ms=int8_ms,
        float_latency_ms=float_ms,
        speed_up=speed_up,
        measured_with=f"{processor_name()}, onnxruntime {onnxruntime.__version__}, one thread",
        **comparison,
    )
    finished = card.model_copy(
        update={
            "name": target.stem,
            "bytes": target.stat().st_size,
            "sha256": sha256(target),
            "numeric_type": "int8",
            "param_bytes": param_bytes,
            "quantization": quantization,
            "results": results,
        }
    )
    finished.write(target.with_suffix(".json"))
    return finished


def exported_logits(model: Path, examples: Examples) -> ClipLogits:
    """Return the logits of an exported network for `examples`, one at a time as in `classify`."""
    session = open_session(model.read_bytes(), threads=1)
    logits = [
        session.run([OUTPUT], {INPUT: examples.batch(np.array([place]))[0].numpy()})[0]
        for place in range(len(examples))
    ]
    together = np.concatenate(logits).astype(np.float64)
    return ClipLogits(together, np.asarray(examples.clips), examples.clip_targets)


def _scores(answers: ClipLogits, labels: tuple[str, ...]) -> dict[str, Any]:
    scores = score(answers.posteriors(1.0), answers.targets, labels)
    return {name: getattr(scores, name) for name in _MEASURES}
