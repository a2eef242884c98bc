"""Retraining, test and export of chosen networks."""

import re
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from asc_nas.core.errors import AscNasError, UsageError, closest
from asc_nas.core.files import fingerprint, write_json
from asc_nas.core.locks import locked
from asc_nas.data.examples import Examples
from asc_nas.data.manifest import ROLES
from asc_nas.export.onnx import export_model
from asc_nas.run.calibration import calibrate, load_twin
from asc_nas.run.folder import Context
from asc_nas.run.results import FORMAT, read_result
from asc_nas.run.search import read_pareto
from asc_nas.run.teachers import teacher_of
from asc_nas.runtime.card import CardData
from asc_nas.space.genotype import Genotype
from asc_nas.training import checkpoint
from asc_nas.training.network_trainer import evaluate, new_network, train_network
from asc_nas.training.trainer import Progress


@dataclass(frozen=True)
class NamedNetwork:
    """A network of the run: its folder name under ``retrain/`` and its genotype."""

    name: str
    genotype: Genotype


def find_network(context: Context, text: str) -> NamedNetwork:
    """Return the network that `text` names: a Pareto member's id, a baseline, or a genotype.

    Raises
    ------
    UsageError
        If it is none of these.
    """
    config = context.config
    if text in config.baselines:
        blocks = len(config.skeleton.block_plans)
        return NamedNetwork(text, config.baselines[text].genotype(blocks))
    if text.isdigit():
        members = read_pareto(context)
        if int(text) >= len(members):
            raise UsageError(f"no Pareto member {text}; the ids are 0 to {len(members) - 1}.")
        return NamedNetwork(text, members[int(text)].genotype)
    if re.fullmatch(r"[a-z_][\w-]*", text) and not re.search(r"\d+e\d", text) and text != "skip":
        names = list(config.baselines)
        raise UsageError(
            f"no network '{text}'.{closest(text, names)} Give a Pareto member's id, a baseline "
            f"({', '.join(names) or 'this config has none'}) or a genotype."
        )
    genotype = Genotype.parse(text)
    return NamedNetwork(f"g{fingerprint(str(genotype))[:8]}", genotype)


def retrain_step(
    context: Context, network: NamedNetwork, seed: int, progress: Progress | None = None
) -> dict[str, Any]:
    """Train `network` from scratch, test it once with the last epoch's weights; return the result.

    A finished one is read, an unfinished one goes on from its saved state.
    """
    folder = network_folder(context, network, seed)
    done = _finished(folder, network)
    if done is not None:
        return done
    with network_lock(folder):
        done = _finished(folder, network)  # perhaps by another process, just now
        return _train_and_test(context, network, seed, progress) if done is None else done


def network_lock(folder: Path) -> AbstractContextManager[None]:
    """Keep other processes from the folder of a network.

    Raises
    ------
    AscNasError
        If another process works in it.
    """
    return locked(folder, "wait for its end, or name other networks")


def _finished(folder: Path, network: NamedNetwork) -> dict[str, Any] | None:
    """Return the result in `folder`, or None if there is none."""
    if not (folder / "result.json").exists():
        return None
    result = read_result(folder)
    if result["genotype"] != str(network.genotype):
        raise AscNasError(
            f"{folder}: holds another network ({result['genotype']}); delete or rename it."
        )
    return result


def _train_and_test(
    context: Context, network: NamedNetwork, seed: int, progress: Progress | None
) -> dict[str, Any]:
    config = context.config.retrain
    folder = network_folder(context, network, seed)
    state_file = folder / "state.safetensors"
    roles = config.roles
    spec = context.spec(network.genotype)
    trained, log = train_network(
        spec,
        context.examples(*roles),
        config,
        seed=seed,
        state_file=state_file,
        teacher=teacher_of(context, roles, progress),
        on_epoch=context.events.counter("retrain", "epoch", folder.name),
        progress=progress,
    )
    checkpoint.save(folder / "model.safetensors", trained, {"genotype": str(network.genotype)})
    scores = asdict(evaluate(trained, context.examples("test")))
    cost = context.cost(network.genotype)
    manifest = context.manifest
    result = {
        "format": FORMAT,
        "network": network.name,
        "genotype": str(network.genotype),
        **scores,
        "labels": list(manifest.labels),
        "macs": cost.macs,
        "macs_per_second": cost.macs_per_second,
        "params": cost.params,
        "latency_ms": cost.latency_ms,
        "data": manifest.name,
        "trained_on": list(roles),
        "test_clips": len(manifest.with_role("test")),
        "seed": seed,
        "epochs": log,
    }
    tested = {name: scores[name] for name in ("accuracy", "macro_f1", "log_loss")}
    context.events.write("test", tested, folder.name)
    write_json(folder / "result.json", result)
    state_file.unlink(missing_ok=True)
    return result


def network_folder(context: Context, network: NamedNetwork, seed: int) -> Path:
    """Return ``retrain/NAME``, or ``retrain/NAME-seedN`` for a seed other than the config's."""
    suffix = "" if seed == context.config.seed else f"-seed{seed}"
    return context.paths.retrain(network.name + suffix)


def trained_result(context: Context, network: NamedNetwork, seed: int) -> dict[str, Any]:
    """Return the result of a trained network.

    Raises
    ------
    AscNasError
        If it is not trained yet, or another network lies in its folder.
    """
    folder = network_folder(context, network, seed)
    result = _finished(folder, network)
    if result is None:
        raise AscNasError(
            f"{folder}: not trained yet; run 'asc-nas train {context.paths.root} {network.name}'."
        )
    return result


def export_step(
    context: Context, network: NamedNetwork, seed: int, name: str | None = None
) -> Path:
    """Write the retrained `network` as ONNX with its card and return the ONNX file.

    Raises
    ------
    AscNasError
        If it is not trained yet, or the export differs from PyTorch.
    """
    folder = network_folder(context, network, seed)
    result = trained_result(context, network, seed)
    module = new_network(context.spec(network.genotype), seed)
    checkpoint.load(folder / "model.safetensors", module)
    held_out: torch.nn.Module | None = module
    if "search_val" in result["trained_on"]:
        held_out = load_twin(context, network.genotype, seed, folder)
    temperature, calibration = calibrate(context, module.eval(), held_out)
    scores = {key: result[key] for key in ("accuracy", "macro_f1", "log_loss", "per_class")}
    card = export_model(
        module,
        _example(context.examples("test")),
        context.paths.models,
        name=name or f"{context.config.name}-{folder.name}",
        labels=context.manifest.labels,
        frontend=context.config.frontend,
        genotype=str(network.genotype),
        macs=result["macs"],
        params=result["params"],
        results=scores | {"calibration": calibration},
        temperature=temperature,
        data=card_data(context, result["trained_on"]),
    )
    return context.paths.models / f"{card.name}.onnx"


def _example(examples: Examples) -> np.ndarray:
    """Return up to 16 evenly spaced examples, (n, mels, frames) float32 in dB."""
    places = np.linspace(0, len(examples) - 1, min(16, len(examples))).astype(int)
    return examples.batch(places)[0][:, 0].numpy()


def card_data(context: Context, trained_on: Sequence[str]) -> CardData:
    """Return what the card of a network of the run says about the clips behind it."""
    manifest = context.manifest
    clips = {role: manifest.with_role(role) for role in ROLES}
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
