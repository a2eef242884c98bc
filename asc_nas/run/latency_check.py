"""Predicted latency against measured latency, on random networks as they are exported."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.stats import spearmanr
from torch import nn

from asc_nas.cost.latency import LatencyTable
from asc_nas.export.latency_measure import measure_models
from asc_nas.export.onnx import export_onnx
from asc_nas.nn.subnet import SubNet
from asc_nas.run.folder import Context
from asc_nas.run.latency import random_genotypes
from asc_nas.space.genotype import Genotype
from asc_nas.training.network_trainer import new_network
from asc_nas.training.trainer import Progress


@dataclass(frozen=True)
class CheckedNetwork:
    """One network: what the table predicts and what was measured, in milliseconds."""

    genotype: Genotype
    macs: int
    predicted: float
    measured: float


def check_latency(
    context: Context, table: LatencyTable, networks: int, progress: Progress | None = None
) -> list[CheckedNetwork]:
    """Measure random networks on this machine that the table has not seen whole.

    They have random weights and norms and go through the exporter that ships models.

    Raises
    ------
    UsageError
        If the table lacks one of their layers.
    """
    seen = [network.genotype for network in table.measured.networks]
    genotypes = unseen_genotypes(context, networks, seen)
    predicted = [table.predict(context.spec(genotype)) for genotype in genotypes]
    with tempfile.TemporaryDirectory() as name:
        files = []
        for i, genotype in enumerate(genotypes):
            files.append(Path(name) / f"{i}.onnx")
            export_random(context, genotype, files[-1])
            if progress is not None:
                progress(i + 1, len(genotypes), "exported")
        measured = measure_models(files, Path(name) / "state.json", progress)
    macs = [context.cost(genotype).macs for genotype in genotypes]
    return [CheckedNetwork(*row) for row in zip(genotypes, macs, predicted, measured, strict=True)]


def agreement(predicted: Sequence[float], measured: Sequence[float]) -> tuple[float, float]:
    """Return Spearman's rank correlation and the mean absolute error as a share of the measured."""
    errors = np.abs(np.array(predicted) / np.array(measured) - 1)
    return float(spearmanr(predicted, measured).statistic), float(errors.mean())


def unseen_genotypes(context: Context, count: int, seen: Sequence[str]) -> list[Genotype]:
    """Return distinct random genotypes of the run's space whose text is not in `seen`."""
    drawn = random_genotypes(context, count + len(seen), "check")
    return [genotype for genotype in drawn if str(genotype) not in seen][:count]


def export_random(context: Context, genotype: Genotype, target: Path) -> None:
    """Export a network with random weights and norms to the ONNX file `target`."""
    frontend = context.config.frontend
    network = new_network(context.spec(genotype), seed=0)
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
