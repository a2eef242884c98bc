"""The description of a system that DCASE Task 1 asks for, with what a run knows filled in."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from asc_nas.core.files import write_text
from asc_nas.cost.counts import LayerCost, layer_costs
from asc_nas.data.augment import AugmentConfig
from asc_nas.evaluation.parts import by_device
from asc_nas.evaluation.scores import Decisions
from asc_nas.run.folder import RunFolder
from asc_nas.runtime.card import ModelCard
from asc_nas.space.genotype import Genotype

TODO = "TODO"
_ABOUT = """\
DCASE Task 1, description of a system. Fill in every TODO, and compare the keys with the template of
your year: they change. Accuracies are in %, macs are of one second and counted as NeSsi does,
memory_use is in bytes: total_parameters as {card.numeric_type}. Scores are those of
{card.name}.onnx on the test clips of {card.data.name}, with the probabilities that 'asc-nas
classify' gives.
"""
_STORED = """\
The file stores {card.param_bytes:,} bytes of parameters (batch norms folded, biases in 32 bits) and
{made.scale_bytes:,} bytes of scales.
"""
_TABLE = """\
Cost of every layer, for one network window. A batch norm (a scale and a shift per channel) is
counted with the layer before it.

"""
_AUGMENTATIONS = {
    "shuffle_mix": "shuffling and mixing",
    "mixup_alpha": "mixup",
    "mixstyle": "freq-mixstyle",
    "frequency_mask": "frequency masking",
    "time_mask": "time masking",
    "time_roll": "time rolling",
    "speed": "speed perturbation",
    "tempo": "time stretching",
    "pitch": "pitch shifting",
    "pad": "random padding",
    "crop": "random cropping",
    "shorten": "repetition of random parts",
    "gain_db": "gain",
    "response_db": "random frequency response",
    "device_responses": "device impulse responses",
    "band_limit": "band limiting",
    "noise": "noise",
}


def write_dcase_report(run: RunFolder, model: Path, target: Path) -> None:
    """Write the description of an exported model as YAML, with the cost of every layer at its end.

    Parameters
    ----------
    model : Path
        ONNX file of the run, float32 or int8; its scores are measured on the run's test clips.
    target : Path
        YAML; what only the participant knows is ``TODO``.

    Raises
    ------
    AscNasError
        If the model has no card.
    """
    card = ModelCard.read(model.with_suffix(".json"))
    layers = layer_costs(run.spec(Genotype.parse(card.genotype)))
    document = {
        "submission": _submission(card),
        "system": {
            "description": _description(run, card),
            "complexity": _complexity(card, layers),
            "external_datasets": [],
            "source_code": TODO,
        },
        "results": {"development_dataset": _results(run, model, card)},
    }
    about = _ABOUT.format(card=card)
    if card.quantization is not None:
        about += _STORED.format(card=card, made=card.quantization)
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
    table = _layer_table(layers)
    write_text(target, f"{_commented(about)}\n{text}\n{_commented(table)}")


def _submission(card: ModelCard) -> dict[str, Any]:
    affiliation = dict.fromkeys(("abbreviation", "institute", "department", "location"), TODO)
    author = dict.fromkeys(("lastname", "firstname", "email"), TODO)
    return {
        "label": f"{TODO}_{TODO}_task1_1",
        "name": card.name,
        "abbreviation": TODO,
        "authors": [{**author, "corresponding": True, "affiliation": affiliation}],
    }


def _description(run: RunFolder, card: ModelCard) -> dict[str, Any]:
    rate, augment = card.frontend.sample_rate, run.config.retrain.augment
    return {
        "input_sampling_rate": f"{rate / 1000:g}kHz",
        "acoustic_features": "log-mel energies",
        "embeddings": None,
        "data_augmentation": augmentation_text(augment),
        "machine_learning_method": "CNN",
        "ensemble_method_subsystem_count": None,
        "decision_making": None,
        "external_data_usage": None,
        "complexity_management": "neural architecture search"
        + (", post-training quantization to int8" if card.numeric_type == "int8" else ""),
        "framework": "asc-nas (PyTorch, onnxruntime)",
    }


def augmentation_text(augment: AugmentConfig) -> str | None:
    """Return the augmentations that are on, in the words of a meta file; None if none is."""
    return ", ".join(text for key, text in _AUGMENTATIONS.items() if getattr(augment, key)) or None


def _complexity(card: ModelCard, layers: Sequence[LayerCost]) -> dict[str, Any]:
    per_param = 1 if card.numeric_type == "int8" else 4
    macs = sum(layer.macs + layer.affine for layer in layers)
    return {
        "total_parameters": card.params,
        "memory_use": card.params * per_param,
        "macs": round(macs / card.frontend.seconds),
    }


def _results(run: RunFolder, model: Path, card: ModelCard) -> dict[str, Any]:
    from asc_nas.export.targets.int8 import exported_logits

    examples = run.examples("test", frontend=card.frontend)
    posteriors = exported_logits(model, examples).posteriors(card.temperature)
    decisions = Decisions.of_posteriors(posteriors, examples.clip_targets, card.labels)
    device_of = {clip.key: clip.device for clip in run.manifest.clips}
    return results_of(decisions, [device_of[key] for key in examples.clip_keys])


def results_of(decisions: Decisions, devices: Sequence[str]) -> dict[str, Any]:
    """Return accuracy in % and log loss: overall, of each class and of each device.

    Parameters
    ----------
    devices : one per clip
    """
    labels = decisions.labels
    present = [place for place in range(len(labels)) if place in decisions.targets]
    parts = by_device(decisions, devices, None)
    return {
        "overall": _scored(decisions),
        "class_wise": {
            labels[place]: _scored(decisions.where(decisions.targets == place)) for place in present
        },
        "device_wise": {part.name: _rounded(part.accuracy, part.log_loss) for part in parts},
    }


def _scored(decisions: Decisions) -> dict[str, float]:
    scores = decisions.scores()
    return _rounded(scores.accuracy, scores.log_loss)


def _rounded(accuracy: float, log_loss: float) -> dict[str, float]:
    return {"accuracy": round(100 * accuracy, 2), "logloss": round(log_loss, 4)}


def _layer_table(layers: Sequence[LayerCost]) -> str:
    """Return a table of what every layer costs."""
    rows = [(layer.name, layer.params, layer.macs, layer.macs + layer.affine) for layer in layers]
    totals = [sum(column) for column in zip(*(row[1:] for row in rows), strict=True)]
    lines = [
        f"{'layer':<22}{'parameters':>12}{'MACs':>14}{'as NeSsi':>14}",
        *(f"{name:<22}{p:>12,}{macs:>14,}{nessi:>14,}" for name, p, macs, nessi in rows),
        f"{'total':<22}{totals[0]:>12,}{totals[1]:>14,}{totals[2]:>14,}",
    ]
    return _TABLE + "\n".join(lines)


def _commented(text: str) -> str:
    return "".join(f"# {line}".rstrip() + "\n" for line in text.splitlines())
