"""The model as portable C, with its front end: a folder that an engineer compiles for a device."""

from typing import Any

import numpy as np

from asc_nas.evaluation.scores import score
from asc_nas.evaluation.temperature import ClipLogits
from asc_nas.export.firmware.kit import write_kit
from asc_nas.export.integer.folded import read_folded
from asc_nas.export.integer.network import IntegerNetwork, feature_integers, probabilities
from asc_nas.export.integer.quantise import integer_networks
from asc_nas.export.quantize import CLIPS
from asc_nas.export.target import TARGETS, ExportedModel, Source, spread
from asc_nas.export.targets.int8 import exported_logits
from asc_nas.runtime.card import ModelCard

GOLDEN = 8
"""Recordings of the kit on which a device is compared with Python."""


@TARGETS.register("c")
def write_c(source: Source) -> ExportedModel:
    """Write the folder ``NAME-c`` beside the float model.

    The ranges of the activations come from train; test is only measured.

    Raises
    ------
    AscNasError
        If the model is not one that asc-nas exports, or its front end has no C code.
    UsageError
        If the folder holds something else.
    """
    model, card = source.model.file, source.model.card
    folded = read_folded(model, card.frontend.size)
    networks = integer_networks(model, folded, spread(source.train, CLIPS))
    results = compared(source, networks)
    folder = model.with_name(f"{card.name}-c")
    kit = write_kit(folder, card, networks, source.recordings(GOLDEN), results)
    told = (
        f"accuracy {results['accuracy']:.3f} (float {results['float_accuracy']:.3f}), "
        f"{results['agreement']:.1%} of {card.data.test_clips} decisions alike; "
        f"{kit.network_bytes / 1000:.1f} kB of weights, {kit.ram_bytes / 1000:.1f} kB of RAM",
        f"check it: asc-nas verify {folder}",
    )
    return ExportedModel(folder, card, told)


def compared(source: Source, networks: tuple[IntegerNetwork, ...]) -> dict[str, Any]:
    """Return how the integers answer on the test clips, beside the float network."""
    card, test = source.model.card, source.test
    own = integer_logits(networks, source, card)
    exact = exported_logits(source.model.file, test)
    labels = [answer.posteriors(1.0) for answer in (own, exact)]
    scores = [score(posteriors, own.targets, card.labels) for posteriors in labels]
    return {
        "accuracy": scores[0].accuracy,
        "macro_f1": scores[0].macro_f1,
        "float_accuracy": scores[1].accuracy,
        "float_macro_f1": scores[1].macro_f1,
        "agreement": float(np.equal(*(posteriors.argmax(1) for posteriors in labels)).mean()),
    }


def integer_logits(
    networks: tuple[IntegerNetwork, ...], source: Source, card: ModelCard
) -> ClipLogits:
    """Return the logarithms of the integers' probabilities for every test example."""
    test = source.test
    mel = feature_integers(test.batch(np.arange(len(test)))[0][:, 0].numpy())
    scales = [network.last.target for network in networks]
    found = probabilities([network.logits(mel) for network in networks], scales, 1.0)
    logits = np.log(np.maximum(found, 1e-30))
    return ClipLogits(logits, np.asarray(test.clips), test.clip_targets)
