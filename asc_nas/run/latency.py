"""The latency table of a run: measured here, or copied from another device's; and its check."""

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from asc_nas.core.errors import UsageError
from asc_nas.core.files import write_json
from asc_nas.core.randomness import stream
from asc_nas.core.rows import Rows
from asc_nas.cost.latency import LatencyTable
from asc_nas.cost.layers import Layer, layers_of, layers_of_space
from asc_nas.export.latency_measure import measure, measure_models
from asc_nas.nn.subnet import SubNet
from asc_nas.run.folder import RunFolder
from asc_nas.space.genotype import Genotype
from asc_nas.training.network_trainer import new_network

KIT_NETWORKS = 12


def ensure_latency(run: RunFolder) -> None:
    """Put the table that the config asks for into the run, unless it is there or none is asked for.

    Raises
    ------
    UsageError
        If a given table lacks a layer of the search space.
    """
    source, target = run.config.latency, run.paths.latency
    if source is None:
        return
    if not target.exists():
        if source == "measure":
            measure_latency(run)
        else:
            table = LatencyTable.read(Path(source))
            table.require(space_layers(run))
            write_json(target, table.measured.model_dump(mode="json"))
    LatencyTable.read(target).require(space_layers(run))


def measure_latency(run: RunFolder) -> None:
    """Measure the run's search space on this machine; goes on where it was stopped."""
    target = run.paths.latency
    kit = target.parent / "kit"
    latency_kit(run, kit)
    with run.listener.stage("Latency") as progress:
        write_json(target, measure(kit, report=progress))
    shutil.rmtree(kit)


def latency_kit(run: RunFolder, folder: Path, target: str = "onnx") -> None:
    """Write the kit of the run's search space and baselines.

    Parameters
    ----------
    target : ``onnx`` (for onnxruntime) or ``c`` (for microcontrollers)

    Raises
    ------
    UsageError
        If the target is another, or the folder holds something else.
    """
    from asc_nas.export.firmware.latency_kit import write_c_kit
    from asc_nas.export.latency_kit import write_kit

    kits = {"onnx": write_kit, "c": write_c_kit}
    if target not in kits:
        raise UsageError(f"no latency kit for '{target}'; known: {', '.join(kits)}.")
    networks = {str(g): run.spec(g) for g in random_genotypes(run, KIT_NETWORKS, "kit")}
    kits[target](folder, run.config.name, _all_layers(run), networks)


def space_layers(run: RunFolder) -> tuple[Layer, ...]:
    """Return every layer that a network of the run's search space can contain."""
    return layers_of_space(run.config.search_space(), run.spec)


def _all_layers(run: RunFolder) -> list[Layer]:
    """Return the layers of the space and those of the baselines, each once."""
    found = {layer.key: layer for layer in space_layers(run)}
    for name in run.config.baselines:
        spec = run.spec(run.config.fixed_genotype(name))
        found |= {layer.key: layer for layer in layers_of(spec)}
    return list(found.values())


def random_genotypes(run: RunFolder, count: int, name: str) -> list[Genotype]:
    """Return distinct genotypes drawn uniformly, or all of them where there are fewer."""
    space, rng = run.config.search_space(), stream(0, "latency", name)
    drawn: dict[Genotype, None] = {}
    while len(drawn) < min(count, space.count):
        drawn[space.sample(rng)] = None
    return list(drawn)


@dataclass(frozen=True)
class CheckedNetwork:
    """One network: what the table predicts and what was measured, in milliseconds."""

    genotype: Genotype
    macs: int
    predicted: float
    measured: float

    def row(self) -> dict[str, Any]:
        """Return plain values."""
        return {**vars(self), "genotype": str(self.genotype)}


class CheckedNetworks(Rows[CheckedNetwork]):
    """Networks whose latency was predicted and measured."""

    def agreement(self) -> tuple[float, float]:
        """Return Spearman's rank correlation and the mean absolute error as a share."""
        from scipy.stats import spearmanr

        predicted = np.array([network.predicted for network in self])
        measured = np.array([network.measured for network in self])
        errors = np.abs(predicted / measured - 1)
        return float(spearmanr(predicted, measured).statistic), float(errors.mean())


def check_latency(run: RunFolder, table: LatencyTable, networks: int) -> CheckedNetworks:
    """Measure random networks on this machine that the table has not seen whole.

    They have random weights and norms and go through the exporter that ships models.

    Raises
    ------
    UsageError
        If the table lacks one of their layers, or was not measured with onnxruntime.
    """
    if not table.measured.runtime.startswith("onnxruntime"):
        raise UsageError(
            f"{table.source}: times of {table.measured.runtime}; only those of onnxruntime can be "
            "checked here. How well it predicts the networks of its kit: asc-nas latency count."
        )
    seen = [network.genotype for network in table.measured.networks]
    genotypes = unseen_genotypes(run, networks, seen)
    predicted = [table.predict(run.spec(genotype)) for genotype in genotypes]
    with tempfile.TemporaryDirectory() as name, run.listener.stage("Check") as progress:
        files = []
        for i, genotype in enumerate(genotypes):
            files.append(Path(name) / f"{i}.onnx")
            export_random(run, genotype, files[-1])
            progress(i + 1, len(genotypes), "exported")
        measured = measure_models(files, Path(name) / "state.json", progress)
    macs = [run.cost(genotype).macs for genotype in genotypes]
    rows = zip(genotypes, macs, predicted, measured, strict=True)
    return CheckedNetworks(CheckedNetwork(*row) for row in rows)


def unseen_genotypes(run: RunFolder, count: int, seen: Sequence[str]) -> list[Genotype]:
    """Return distinct random genotypes of the run's space whose text is not in `seen`."""
    drawn = random_genotypes(run, count + len(seen), "check")
    return [genotype for genotype in drawn if str(genotype) not in seen][:count]


def export_random(run: RunFolder, genotype: Genotype, target: Path) -> None:
    """Export a network with random weights and norms to the ONNX file `target`."""
    from asc_nas.export.onnx import export_onnx

    frontend = run.frontend(genotype)
    network = new_network(run.spec(genotype), seed=0)
    _randomise_norms(network, torch.Generator().manual_seed(0))
    rng = np.random.default_rng(0)
    example = rng.normal(-60, 6, (1, frontend.n_mels, frontend.frames)).astype(np.float32)
    network.input_norm.set_statistics(
        torch.full((frontend.n_mels,), -60.0), torch.full((frontend.n_mels,), 6.0)
    )
    export_onnx(network, frontend, example, target)


def _randomise_norms(network: SubNet, generator: torch.Generator) -> None:
    """Draw statistics and affine parameters: fresh ones would leave no bias to fold."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for values in (module.running_mean, module.bias):
                assert values is not None
                nn.init.normal_(values, 0.0, 0.1, generator=generator)
