"""Supernet training: the sampler's networks share each batch and each update."""

from functools import partial
from pathlib import Path
from typing import Any

from asc_nas.data.dataset import Examples
from asc_nas.nn.supernet import Supernet
from asc_nas.training.loop import Progress, TrainConfig, fit
from asc_nas.training.path_samplers import SAMPLERS


class SupernetConfig(TrainConfig):
    """Training settings and the name of the path sampler, see `path_samplers`."""

    sampler: str = "strict_fair"


def train_supernet(
    supernet: Supernet,
    examples: Examples,
    config: SupernetConfig,
    *,
    seed: int,
    state_file: Path,
    progress: Progress | None = None,
) -> list[dict[str, Any]]:
    """Train the shared weights in place and return the log, see `loop.fit`."""
    sampler = SAMPLERS[config.sampler](supernet.space, seed)

    def passes(step: int) -> list[partial]:
        return [partial(supernet, genotype=genotype) for genotype in sampler.step(step)]

    return fit(
        supernet,
        passes,
        examples,
        config,
        seed=seed,
        name="supernet",
        state_file=state_file,
        progress=progress,
    )
