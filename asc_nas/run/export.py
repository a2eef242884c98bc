"""Export of a run's trained networks: as ONNX with a card, and as what targets make of it."""

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial

import numpy as np
from numpy.typing import NDArray

from asc_nas.audio.io import load_audio
from asc_nas.audio.logmel import FrontEnd, fit_length
from asc_nas.cost.memory import memory_of
from asc_nas.data.manifest import ROLES
from asc_nas.export.onnx import export_model
from asc_nas.export.targets import TARGETS, ExportedModel, Source, spread
from asc_nas.nn.subnet import SubNet
from asc_nas.run.calibration import calibrate
from asc_nas.run.folder import RunFolder
from asc_nas.run.network_folder import TWIN, NetworkFolder
from asc_nas.runtime.card import CardData
from asc_nas.space.genotype import Genotype

COMPARED = 16
"""Clips on which an exported model is compared with PyTorch."""


def export_network(folder: NetworkFolder, name: str = "") -> ExportedModel:
    """Write a retrained network as ONNX with its card.

    Parameters
    ----------
    name : of the model; by default that of the config and the network

    Raises
    ------
    AscNasError
        If it is not trained yet, or the export differs from PyTorch.
    """
    run, result = folder.run, folder.require_result()
    module = folder.load()
    held_out: SubNet | None = module
    if "search_val" in result.trained_on:
        held_out = folder.load(TWIN) if folder.has(TWIN) else None
    frontend = run.frontend(folder.genotype)
    search_val, test = (run.examples(role, frontend=frontend) for role in ("search_val", "test"))
    calibrated, calibration = calibrate(module, held_out, search_val, test)
    known = result.to_json()
    scores = {key: known[key] for key in ("accuracy", "macro_f1", "log_loss")}
    card = export_model(
        module,
        spread(test, COMPARED),
        run.paths.models,
        name=name or f"{run.config.name}-{folder.path.name}",
        labels=run.manifest.labels,
        frontend=frontend,
        genotype=str(folder.genotype),
        macs=result.macs,
        params=result.params,
        **ram_of(run, folder.genotype),
        qat_share=run.config.retrain.qat_share,
        results=scores | {"per_class": result.per_class, "calibration": calibration},
        **asdict(calibrated),
        data=card_data(run, result.trained_on),
    )
    return ExportedModel(run.paths.models / f"{card.name}.onnx", card)


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


def ram_of(run: RunFolder, genotype: Genotype) -> dict[str, int]:
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
        licence=manifest.licence,
        train_folds=tuple(sorted(train_folds - {""})),
        test_folds=tuple(sorted({clip.fold for clip in clips["test"]} - {""})),
        train_clips=len(clips["train"]),
        search_val_clips=len(clips["search_val"]),
        test_clips=len(clips["test"]),
    )
