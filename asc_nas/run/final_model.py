"""The model to ship: trained on the clips of all folds, with the scores of the cross-validation.

No clip is left to test it on, so its card tells how networks of the same genotype and recipe did on
the folds that each had not seen. With several seeds the model is a committee, and so is what was
tested in every fold.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import torch

from asc_nas.core.errors import AscNasError
from asc_nas.core.workers import run_jobs
from asc_nas.data.examples import Examples
from asc_nas.evaluation.temperature import fit_temperature
from asc_nas.export.onnx import export_model
from asc_nas.export.quantize import CLIPS, quantize_onnx
from asc_nas.nn.committee import Committee
from asc_nas.run.calibration import TWIN, clip_logits, train_twin
from asc_nas.run.config import PipelineConfig
from asc_nas.run.crossval import Row, row_of, summary
from asc_nas.run.folder import Context
from asc_nas.run.networks import (
    NamedNetwork,
    card_data,
    export_step,
    network_folder,
    trained_result,
)
from asc_nas.run.paths import RunPaths
from asc_nas.run.quantization import quantize_step, spread, write_int8_card
from asc_nas.run.results import read_result
from asc_nas.run.teachers import teacher_of
from asc_nas.runtime.card import CardData, ModelCard
from asc_nas.training import checkpoint
from asc_nas.training.network_trainer import evaluate, new_network, train_network
from asc_nas.training.trainer import Progress

SCORES = ("accuracy", "macro_f1", "log_loss")
WEIGHTS = "model.safetensors"
CHECKED = 16
"""Clips on which an exported model is compared with PyTorch."""


def cross_validated(folds: Mapping[str, Context], network: NamedNetwork) -> dict[str, Any]:
    """Return the scores of `network` over all folds and seeds that are there, for a card.

    ``accuracy``, ``macro_f1``, ``log_loss`` and ``per_class`` are means, ``cross_validation`` has
    the spread, the means by fold and the seeds.

    Raises
    ------
    AscNasError
        If it was not trained in a fold.
    """
    results = {fold: _trained(context, network) for fold, context in folds.items()}
    rows = [row_of(result, fold, network.name) for fold, own in results.items() for result in own]
    per_class = [result["per_class"] for own in results.values() for result in own]
    return _means(rows, per_class, sorted({row["seed"] for row in rows}))


def cross_validated_together(
    folds: Mapping[str, Context], network: NamedNetwork
) -> tuple[dict[str, Any], list[int]]:
    """Return the scores of a committee of all seeds in every fold, as `cross_validated` does.

    Returns
    -------
    results : dict
        The spread is that over folds.
    seeds : list of int
        Those with which the network was trained in every fold.

    Raises
    ------
    AscNasError
        If it was not trained in a fold, or with one seed only.
    """
    trained = {fold: _trained(context, network) for fold, context in folds.items()}
    seeds = sorted(set.intersection(*({r["seed"] for r in own} for own in trained.values())))
    if len(seeds) < 2:
        raise AscNasError(
            f"{network.name}: trained with one seed only, and a committee needs several; run "
            "'asc-nas crossval' again with --seed 0 --seed 1 --seed 2."
        )
    rows, per_class = [], []
    for fold, context in folds.items():
        scores = asdict(evaluate(load_networks(context, network, seeds), context.examples("test")))
        first = trained[fold][0]
        costs = {key: len(seeds) * first[key] for key in ("macs", "params")}
        rows.append(row_of(first | scores | costs, fold, network.name))
        per_class.append(scores["per_class"])
    return _means(rows, per_class, seeds), seeds


def _trained(context: Context, network: NamedNetwork) -> list[dict[str, Any]]:
    """Return the results of all seeds with which `network` was trained in a fold."""
    trained_result(context, network, context.config.seed)  # says what to do if it is missing
    stem = network.name
    folders = sorted(context.paths.retrain(stem).parent.glob(f"{stem}*"))
    found = [read_result(folder) for folder in folders if (folder / "result.json").exists()]
    return [result for result in found if result["genotype"] == str(network.genotype)]


def _means(
    rows: Sequence[Row], per_class: Sequence[Mapping[str, float]], seeds: Sequence[int]
) -> dict[str, Any]:
    (told,) = summary(rows)
    return {
        **{score: told[score]["mean"] for score in SCORES},
        "per_class": _mean_by_key(per_class),
        "cross_validation": {
            "folds": told["folds"],
            "std": {score: told[score]["std"] for score in SCORES},
            "seeds": list(seeds),
        },
    }


def load_networks(
    context: Context, network: NamedNetwork, seeds: Sequence[int], weights: str = WEIGHTS
) -> torch.nn.Module:
    """Return the trained network of a seed, or the committee of those of several.

    Raises
    ------
    AscNasError
        If one of them is missing.
    """
    networks = []
    for seed in seeds:
        file = network_folder(context, network, seed) / weights
        if not file.exists():
            raise AscNasError(f"{file}: is missing; train it again.")
        module = new_network(context.spec(network.genotype), seed)
        checkpoint.load(file, module)
        networks.append(module.eval())
    return networks[0] if len(networks) == 1 else Committee(networks).eval()


@dataclass(frozen=True)
class FinalJob:
    """One network to train on all clips; a worker opens the run itself."""

    config: PipelineConfig
    root: Path
    network: NamedNetwork
    seed: int

    def __str__(self) -> str:
        """Name the training in progress and errors."""
        return f"{self.network.name}, seed {self.seed}"


def train_final(
    context: Context,
    network: NamedNetwork,
    seeds: Sequence[int],
    progress: Progress | None = None,
) -> None:
    """Train `network` with every seed on all clips of the run, and twins for calibration.

    Several seeds are trained in `retrain.workers` processes side by side. Finished ones are kept,
    unfinished ones go on.
    """
    if len(seeds) == 1:
        _train(context, network, seeds[0], progress)
        return
    root = context.paths.root.absolute()
    jobs = [FinalJob(context.config, root, network, seed) for seed in seeds]
    run_jobs(train_final_job, jobs, context.config.retrain.workers, progress)


def train_final_job(job: FinalJob) -> None:
    """Train one network and its twin."""
    _train(Context(job.config, RunPaths(job.root)), job.network, job.seed)


def _train(
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
    seeds: Sequence[int],
    name: str,
    results: dict[str, Any],
    source: str = "",
) -> Path:
    """Write what `train_final` has made with `seeds`, with its card; return the ONNX file.

    Parameters
    ----------
    results : as `cross_validated` or `cross_validated_together` gives them
    source : who made the recordings and where they were published
    """
    held_out, manifest = context.examples("search_val"), context.manifest
    twin = load_networks(context, network, seeds, TWIN)
    folds = tuple(sorted({clip.fold for clip in manifest.clips} - {""}))
    data = CardData(
        name=manifest.name,
        licence=manifest.licence,
        source=source,
        train_folds=folds,
        test_folds=folds,
        train_clips=len(manifest.with_role("train")),
        search_val_clips=held_out.num_clips,
        test_clips=0,
    )
    calibration = {"fitted_on": "search_val, twin", "clips": held_out.num_clips}
    temperature = fit_temperature(clip_logits(twin, held_out))
    results = results | {"calibration": calibration}
    return _export(context, network, seeds, name, held_out, results, data, temperature)


def quantize_final(
    context: Context,
    model: Path,
    folds: Sequence[Context],
    network: NamedNetwork,
    seeds: Sequence[int],
) -> ModelCard:
    """Write ``NAME-int8.onnx`` beside `model`, with the scores of the folds' int8 networks."""
    cards = [quantize_step(fold, _export_in_fold(fold, network, seeds)) for fold in folds]
    made = [card.quantization for card in cards if card.quantization is not None]
    card = ModelCard.read(model.with_suffix(".json"))
    target = model.with_name(f"{card.name}-int8.onnx")
    clips = spread(context.examples("train"), CLIPS)
    quantize_onnx(model, clips, target)
    results: dict[str, Any] = {key: mean(c.results[key] for c in cards) for key in SCORES}
    results["per_class"] = _mean_by_key([c.results["per_class"] for c in cards])
    results["cross_validation"] = {"seeds": list(seeds)}
    comparison = {
        "float_results": {key: mean(q.float_results[key] for q in made) for key in SCORES},
        "agreement": mean(q.agreement for q in made),
        "agreement_per_class": _mean_by_key([q.agreement_per_class for q in made]),
    }
    return write_int8_card(card, model, target, clips, results, comparison)


def _export_in_fold(context: Context, network: NamedNetwork, seeds: Sequence[int]) -> Path:
    """Export what was trained in a fold of the cross-validation."""
    if len(seeds) == 1:
        return export_step(context, network, seeds[0])
    test = context.examples("test")
    results = asdict(evaluate(load_networks(context, network, seeds), test))
    kept = {key: results[key] for key in (*SCORES, "per_class")}
    name = f"{context.config.name}-{network.name}-together"
    data = card_data(context, context.config.retrain.roles)
    return _export(context, network, seeds, name, test, kept, data)


def _export(
    context: Context,
    network: NamedNetwork,
    seeds: Sequence[int],
    name: str,
    compared_on: Examples,
    results: dict[str, Any],
    data: CardData,
    temperature: float = 1.0,
) -> Path:
    cost = context.cost(network.genotype)
    export_model(
        load_networks(context, network, seeds),
        spread(compared_on, CHECKED),
        context.paths.models,
        name=name,
        labels=context.manifest.labels,
        frontend=context.config.frontend,
        genotype=str(network.genotype),
        members=len(seeds),
        macs=len(seeds) * cost.macs,
        params=len(seeds) * cost.params,
        results=results,
        temperature=temperature,
        data=data,
    )
    return context.paths.models / f"{name}.onnx"


def _mean_by_key(tables: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {key: float(np.mean([table[key] for table in tables])) for key in tables[0]}
