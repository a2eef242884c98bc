"""Export of a run's trained networks: as ONNX with a card, and as what targets make of it."""

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.nn import Module

from asc_nas.audio.io import load_audio
from asc_nas.audio.logmel import FrontEnd, fit_length
from asc_nas.cost.memory import memory_of
from asc_nas.data.examples import Examples
from asc_nas.data.manifest import ROLES
from asc_nas.export.onnx import export_model
from asc_nas.export.targets import TARGETS, ExportedModel, Source, spread
from asc_nas.run.calibration import Calibrated, calibrate
from asc_nas.run.folder import RunFolder
from asc_nas.run.network_folder import TWIN, NetworkFolder, load_together
from asc_nas.runtime.card import CardData
from asc_nas.space.genotype import Genotype
from asc_nas.training.network_trainer import score_network

COMPARED = 16
"""Clips on which an exported model is compared with PyTorch."""


def export_network(folders: Sequence[NetworkFolder], name: str = "") -> ExportedModel:
    """Write a retrained network, or those of several seeds as a committee, as ONNX with its card.

    Parameters
    ----------
    folders : of one network, each trained with another seed
    name : of the model; by default that of the config and the network

    Raises
    ------
    AscNasError
        If it is not trained yet, or the export differs from PyTorch.
    """
    first = folders[0]
    run = first.run
    result, *_ = (folder.require_result() for folder in folders)
    module = load_together(folders)
    held_out: Module | None = module
    if "search_val" in result.trained_on:
        twins = all(folder.has(TWIN) for folder in folders)
        held_out = load_together(folders, TWIN) if twins else None
    frontend = run.frontend(first.genotype)
    search_val, test = (run.examples(role, frontend=frontend) for role in ("search_val", "test"))
    known = result.to_json() if len(folders) == 1 else asdict(score_network(module, test))
    scores = {key: known[key] for key in ("accuracy", "macro_f1", "log_loss", "per_class")}
    calibrated, calibration = calibrate(module, held_out, search_val, test)
    return write_model(
        folders,
        name or f"{run.config.name}-{first.path.name}{(len(folders) > 1) * '-together'}",
        compared_on=test,
        results=scores | {"calibration": calibration},
        calibrated=calibrated,
        data=card_data(run, result.trained_on),
    )


def write_model(
    folders: Sequence[NetworkFolder],
    name: str,
    *,
    compared_on: Examples,
    results: dict[str, Any],
    calibrated: Calibrated,
    data: CardData,
) -> ExportedModel:
    """Write a network or a committee, see `export_network`, with what its card is to say."""
    run, genotype, count = folders[0].run, folders[0].genotype, len(folders)
    cost = run.cost(genotype)
    card = export_model(
        load_together(folders).cpu(),
        spread(compared_on, COMPARED),
        run.paths.models,
        name=name,
        labels=run.manifest.labels,
        frontend=run.frontend(genotype),
        genotype=str(genotype),
        members=count,
        macs=count * cost.macs,
        params=count * cost.params,
        **_ram_of(run, genotype),
        qat_share=run.config.retrain.qat_share,
        results=results,
        **asdict(calibrated),
        data=data,
    )
    return ExportedModel(run.paths.models / f"{name}.onnx", card)


def as_targets(run: RunFolder, model: ExportedModel, targets: Sequence[str]) -> list[ExportedModel]:
    """Return the float `model` and what each of `targets` makes of it.

    Raises
    ------
    UsageError
        If there is no such target.
    """
    makers = [TARGETS[target] for target in dict.fromkeys(targets) if target != "onnx"]
    if not makers:
        return [model]
    source = source_of(run, model)
    return [model, *(make(source) for make in makers)]


def source_of(run: RunFolder, model: ExportedModel) -> Source:
    """Return what export targets of a run's `model` start from."""
    heard = model.card.frontend
    train, test = (run.examples(role, frontend=heard) for role in ("train", "test"))
    return Source(model, train, test, partial(_test_recordings, run, heard))


def _test_recordings(run: RunFolder, frontend: FrontEnd, number: int) -> NDArray[np.int16]:
    """Return the first channel of up to `number` test recordings, evenly spaced, see `Source`."""
    clips = run.readable("test")
    places = np.linspace(0, len(clips) - 1, min(number, len(clips))).astype(int)
    found = []
    for clip in (clips[place] for place in places):
        path = run.manifest.audio_path(clip)
        wave = load_audio(path, frontend.sample_rate, clip.start, frontend.seconds)
        wave = fit_length(wave[:1], frontend.samples, frontend.short)
        found.append(np.clip(np.rint(wave[0] * 2**15), -(2**15), 2**15 - 1).astype(np.int16))
    return np.stack(found)


def _ram_of(run: RunFolder, genotype: Genotype) -> dict[str, int]:
    """Return what a card says of a network's working memory; a committee needs no more than one."""
    spec, frontend = run.spec(genotype), run.frontend(genotype)
    return {
        "ram_bytes": memory_of(spec, frontend).total,
        "float_ram_bytes": memory_of(spec, frontend, value_bytes=4).total,
    }


def card_data(run: RunFolder, trained_on: Sequence[str]) -> CardData:
    """Return what the card of a network of the run says about the clips behind it."""
    manifest = run.manifest
    clips = {role: run.readable(role) for role in ROLES}
    train_folds = {clip.fold for role in trained_on for clip in clips[role]}
    return CardData(
        name=manifest.name,
        licence=run.licence,
        source=run.config.data.source,
        train_folds=tuple(sorted(train_folds - {""})),
        test_folds=tuple(sorted({clip.fold for clip in clips["test"]} - {""})),
        train_clips=len(clips["train"]),
        search_val_clips=len(clips["search_val"]),
        test_clips=len(clips["test"]),
    )
