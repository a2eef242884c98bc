"""The model to ship: trained on the clips of all folds, with the scores of the cross-validation.

No clip is left to test it on, so its card tells how networks of the same genotype and recipe did on
the folds that each had not seen.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np

from asc_nas.deploy.card import CardData, ModelCard
from asc_nas.deploy.export import export_model
from asc_nas.deploy.quantize import CLIPS, quantize_onnx
from asc_nas.errors import AscNasError
from asc_nas.pipeline.calibrate import TWIN, clip_logits, load_twin, train_twin
from asc_nas.pipeline.context import Context
from asc_nas.pipeline.crossval import row_of, summary
from asc_nas.pipeline.network_steps import (
    NamedNetwork,
    export_step,
    network_folder,
    trained_result,
)
from asc_nas.pipeline.quantize_step import quantize_step, spread, write_int8_card
from asc_nas.pipeline.results import read_result
from asc_nas.pipeline.teachers import teacher_of
from asc_nas.training import checkpoint
from asc_nas.training.calibration import fit_temperature
from asc_nas.training.loop import Progress
from asc_nas.training.retrain import new_network, train_network

SCORES = ("accuracy", "macro_f1", "log_loss")
WEIGHTS = "model.safetensors"


def cross_validated(folds: Mapping[str, Context], network: NamedNetwork) -> dict[str, Any]:
    """Return the scores of `network` over all folds and seeds that are there, for a card.

    ``accuracy``, ``macro_f1``, ``log_loss`` and ``per_class`` are means, ``cross_validation`` has
    the spread, the means by fold and the seeds.

    Raises
    ------
    AscNasError
        If it was not trained in a fold.
    """
    results = {}
    for fold, context in folds.items():
        trained_result(context, network, context.config.seed)  # says what to do if it is missing
        stem = network.name
        folders = sorted(context.paths.retrain(stem).parent.glob(f"{stem}*"))
        found = [read_result(folder) for folder in folders if (folder / "result.json").exists()]
        results[fold] = [r for r in found if r["genotype"] == str(network.genotype)]
    rows = [row_of(result, fold, network.name) for fold, own in results.items() for result in own]
    (told,) = summary(rows)
    everything = [result for own in results.values() for result in own]
    return {
        **{score: told[score]["mean"] for score in SCORES},
        "per_class": _mean_by_key([result["per_class"] for result in everything]),
        "cross_validation": {
            "folds": told["folds"],
            "std": {score: told[score]["std"] for score in SCORES},
            "seeds": sorted({row["seed"] for row in rows}),
        },
    }


def train_final(
    context: Context, network: NamedNetwork, seed: int, progress: Progress | None = None
) -> None:
    """Train `network` on all clips of the run, and a twin without search-val for calibration.

    Finished ones are kept, unfinished ones go on.
    """
    folder = network_folder(context, network, seed)
    config = context.config.retrain
    if not (folder / WEIGHTS).exists():
        roles = ("train", "search_val")
        state_file = folder / "state.safetensors"
        trained, _ = train_network(
            context.spec(network.genotype),
            context.examples(*roles),
            config,
            seed=seed,
            state_file=state_file,
            teacher=teacher_of(context, roles, progress),
            on_epoch=context.events.counter("retrain", "epoch", folder.name),
            progress=progress,
        )
        checkpoint.save(folder / WEIGHTS, trained, {"genotype": str(network.genotype)})
        state_file.unlink(missing_ok=True)
    if not (folder / TWIN).exists():
        train_twin(context, network.genotype, seed, folder, progress)


def export_final(
    context: Context,
    network: NamedNetwork,
    seed: int,
    name: str,
    results: dict[str, Any],
    source: str = "",
) -> Path:
    """Write the network of `train_final` with its card; return the ONNX file.

    Parameters
    ----------
    results : as `cross_validated` gives them
    source : who made the recordings and where they were published
    """
    folder = network_folder(context, network, seed)
    module = new_network(context.spec(network.genotype), seed)
    checkpoint.load(folder / WEIGHTS, module)
    twin = load_twin(context, network.genotype, seed, folder)
    if twin is None:
        raise AscNasError(f"{folder}: its twin is missing; train it again.")
    held_out = context.examples("search_val")
    cost, manifest = context.cost(network.genotype), context.manifest
    folds = tuple(sorted({clip.fold for clip in manifest.clips} - {""}))
    export_model(
        module.eval(),
        spread(held_out, 16),
        context.paths.models,
        name=name,
        labels=manifest.labels,
        frontend=context.config.frontend,
        genotype=str(network.genotype),
        macs=cost.macs,
        params=cost.params,
        results=results
        | {"calibration": {"fitted_on": "search_val, twin", "clips": held_out.num_clips}},
        temperature=fit_temperature(clip_logits(twin, held_out)),
        data=CardData(
            name=manifest.name,
            licence=manifest.licence,
            source=source,
            train_folds=folds,
            test_folds=folds,
            train_clips=len(manifest.with_role("train")),
            search_val_clips=held_out.num_clips,
            test_clips=0,
        ),
    )
    return context.paths.models / f"{name}.onnx"


def quantize_final(
    context: Context, model: Path, folds: Sequence[Context], network: NamedNetwork
) -> ModelCard:
    """Write ``NAME-int8.onnx`` beside `model`, with the scores of the folds' int8 networks."""
    cards = []
    for fold in folds:
        exported = export_step(fold, network, fold.config.seed)
        cards.append(quantize_step(fold, exported))
    made = [card.quantization for card in cards if card.quantization is not None]
    card = ModelCard.read(model.with_suffix(".json"))
    target = model.with_name(f"{card.name}-int8.onnx")
    clips = spread(context.examples("train"), CLIPS)
    quantize_onnx(model, clips, target)
    results: dict[str, Any] = {key: mean(c.results[key] for c in cards) for key in SCORES}
    results["per_class"] = _mean_by_key([c.results["per_class"] for c in cards])
    results["cross_validation"] = {"seeds": [folds[0].config.seed]}
    comparison = {
        "float_results": {key: mean(q.float_results[key] for q in made) for key in SCORES},
        "agreement": mean(q.agreement for q in made),
        "agreement_per_class": _mean_by_key([q.agreement_per_class for q in made]),
    }
    return write_int8_card(card, model, target, clips, results, comparison)


def _mean_by_key(tables: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {key: float(np.mean([table[key] for table in tables])) for key in tables[0]}
