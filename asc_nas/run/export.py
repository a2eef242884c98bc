"""Export of a run's trained networks: as ONNX with a card, and as what targets make of it."""

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.nn import Module

from asc_nas.audio.io import load_audio
from asc_nas.audio.logmel import FrontEnd, fit_length
from asc_nas.core.errors import UsageError
from asc_nas.cost.memory import memory_of
from asc_nas.data.examples import Examples
from asc_nas.data.manifest import ROLES
from asc_nas.evaluation.gain import ComparedRecorder
from asc_nas.export.target import ExportedModel, Source, spread
from asc_nas.run.adaptation import ensure_twin
from asc_nas.run.adapted import find_trained, require_adapted
from asc_nas.run.calibration import Calibrated, calibrate
from asc_nas.run.dcase_report import write_dcase_report
from asc_nas.run.folder import RunFolder
from asc_nas.run.gain import compared
from asc_nas.run.network_folder import TWIN, NetworkFolder, load_together
from asc_nas.run.networks import find_network
from asc_nas.runtime.card import CardData, CardRecorder
from asc_nas.space.genotype import Genotype
from asc_nas.training.network_trainer import score_network

COMPARED = 16
"""Clips on which an exported model is compared with PyTorch."""


def export(
    run: RunFolder,
    networks: Sequence[str],
    *,
    seed: int | None = None,
    targets: Sequence[str] = ("onnx",),
    calibrate: bool = False,
    together: bool = False,
    adapted: bool = False,
    dcase_report: Path | None = None,
) -> list[ExportedModel]:
    """Export trained networks to the run's models folder; return all models written.

    Parameters
    ----------
    networks : as for `find_trained`
    targets : what to write besides the float ONNX, see `asc_nas.export.targets`
    calibrate : first train a twin without search-val, to fit the probabilities there
    together : all seeds with which a network was trained, as a committee
    adapted : one model of each network and all that it was adapted to
    dcase_report : file for the description that DCASE Task 1 asks for, of the last target

    Raises
    ------
    UsageError
        If there is no such network or target, or the options do not fit together.
    AscNasError
        If a network is not trained, or not adapted, or an export differs from PyTorch.
    """
    _check_options(networks, seed, targets, together, adapted, dcase_report)
    used = run.config.seed if seed is None else seed
    find = find_network if adapted else find_trained
    written: list[ExportedModel] = []
    found = [find(run, text) for text in networks]
    folders = [n.committee(run) if together else [n.folder(run, used)] for n in found]
    for folder in chain(*folders):
        folder.require_result()
    beside = [require_adapted(run, n, used) if adapted else {} for n in found]
    with run.lock(shared=True):
        for network, own, others in zip(found, folders, beside, strict=True):
            adapted_folders = [other.folder(run, used) for other in others.values()]
            if calibrate:
                for folder in own:
                    ensure_twin(network, folder)
                for other, folder in zip(others.values(), adapted_folders, strict=True):
                    ensure_twin(other, folder)
            ending = "-together" * together + "-adapted" * adapted
            name = f"{run.config.name}-{network.called or own[0].model_name}{ending}"
            written += as_targets(run, export_network(own, name, adapted_folders), targets)
        if dcase_report is not None:
            write_dcase_report(run, written[-1].file, dcase_report)
    return written


def _check_options(
    networks: Sequence[str],
    seed: int | None,
    targets: Sequence[str],
    together: bool,
    adapted: bool,
    dcase_report: Path | None,
) -> None:
    """Raise UsageError where the options of an export do not fit together."""
    if together and seed is not None:
        raise UsageError("--together takes the networks of all seeds; leave --seed out.")
    if dcase_report is not None and len(networks) != 1:
        raise UsageError(f"--dcase-report describes one network; {len(networks)} are named.")
    if not adapted:
        return
    if together or dcase_report is not None:
        other = "--together" if together else "--dcase-report"
        raise UsageError(f"--adapted and {other} exclude one another; give one of them.")
    if other_targets := [target for target in targets if target != "onnx"]:
        raise UsageError(
            f"--adapted writes one ONNX file of several networks; {', '.join(other_targets)} is "
            "made of one: export each alone, as NETWORK@RECORDER."
        )


def export_network(
    folders: Sequence[NetworkFolder], name: str = "", adapted: Sequence[NetworkFolder] = ()
) -> ExportedModel:
    """Write a retrained network, or those of several seeds as a committee, as ONNX with its card.

    Parameters
    ----------
    folders : of one network, each trained with another seed
    name : of the model; by default that of the config and the network
    adapted : what the network of the only folder was adapted to, for the same file

    Raises
    ------
    AscNasError
        If it is not trained yet, or the export differs from PyTorch.
    """
    first = folders[0]
    run = first.run
    frontend = run.frontend(first.genotype)
    search_val, test = (run.examples(role, frontend=frontend) for role in ("search_val", "test"))
    calibrated, results = _measured(folders, search_val, test)
    gains = compared(first, {f.recorder: f for f in adapted}).recorders if adapted else []
    by_recorder = {gain.recorder: gain for gain in gains}
    recorders = [
        (
            _card_recorder(folder, by_recorder.get(folder.recorder), search_val, test),
            folder.load().cpu(),
        )
        for folder in adapted
    ]
    return write_model(
        folders,
        name or f"{run.config.name}-{first.model_name}{(len(folders) > 1) * '-together'}",
        compared_on=test,
        results=results,
        calibrated=calibrated,
        data=card_data(run, first.require_result().trained_on),
        recorders=recorders,
    )


def _measured(
    folders: Sequence[NetworkFolder], search_val: Examples, test: Examples
) -> tuple[Calibrated, dict[str, Any]]:
    """Return what a network is calibrated with, and its scores on test for the card."""
    result, *_ = (folder.require_result() for folder in folders)
    module = load_together(folders)
    held_out: Module | None = module
    if "search_val" in result.trained_on:
        twins = all(folder.has(TWIN) for folder in folders)
        held_out = load_together(folders, TWIN) if twins else None
    known = result.to_json() if len(folders) == 1 else asdict(score_network(module, test))
    scores = {key: known[key] for key in ("accuracy", "macro_f1", "log_loss", "per_class")}
    calibrated, calibration = calibrate(module, held_out, search_val, test)
    return calibrated, scores | {"calibration": calibration}


def _card_recorder(
    folder: NetworkFolder, gain: ComparedRecorder | None, search_val: Examples, test: Examples
) -> CardRecorder:
    """Return what a card says of a network that was adapted; `gain` is None without test clips."""
    calibrated, results = _measured([folder], search_val, test)
    told: dict[str, Any] = {"recorder": folder.recorder, "results": results, **asdict(calibrated)}
    if gain is not None:
        names = ("general", "general_interval", "adapted", "adapted_interval")
        told |= {"test_clips": gain.clips} | {name: getattr(gain, name) for name in names}
    return CardRecorder.parse(told, f"the card of {folder.path.name}")


def write_model(
    folders: Sequence[NetworkFolder],
    name: str,
    *,
    compared_on: Examples,
    results: dict[str, Any],
    calibrated: Calibrated,
    data: CardData,
    recorders: Sequence[tuple[CardRecorder, Module]] = (),
) -> ExportedModel:
    """Write a network or a committee, see `export_network`, with what its card is to say."""
    from asc_nas.export.onnx import export_model

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
        recorder=folders[0].recorder,
        recorders=recorders,
    )
    return ExportedModel(run.paths.models / f"{name}.onnx", card)


def as_targets(run: RunFolder, model: ExportedModel, targets: Sequence[str]) -> list[ExportedModel]:
    """Return the float `model` and what each of `targets` makes of it.

    Raises
    ------
    UsageError
        If there is no such target.
    """
    from asc_nas.export.targets import TARGETS

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
