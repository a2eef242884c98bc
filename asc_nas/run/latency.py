"""The latency table of a run: measured here, or copied from another device's."""

import shutil
from pathlib import Path

from asc_nas.core.files import write_json
from asc_nas.core.randomness import stream
from asc_nas.cost.latency import LatencyTable
from asc_nas.cost.layers import Layer, layers_of, layers_of_space
from asc_nas.export.latency_kit import write_kit
from asc_nas.export.latency_measure import measure
from asc_nas.run.folder import Context
from asc_nas.space.genotype import Genotype
from asc_nas.training.trainer import Progress

KIT_NETWORKS = 12


def latency_step(context: Context, progress: Progress | None = None) -> None:
    """Put the table that the config asks for into the run, unless it is there or none is asked for.

    Raises
    ------
    UsageError
        If a given table lacks a layer of the search space.
    """
    source, target = context.config.latency, context.paths.latency
    if source is None:
        return
    if not target.exists():
        if source == "measure":
            measure_latency(context, progress)
        else:
            table = LatencyTable.read(Path(source))
            table.require(space_layers(context))
            write_json(target, table.measured.model_dump(mode="json"))
    LatencyTable.read(target).require(space_layers(context))


def measure_latency(context: Context, progress: Progress | None = None) -> None:
    """Measure the run's search space on this machine; goes on where it was stopped."""
    target = context.paths.latency
    kit = target.parent / "kit"
    latency_kit(context, kit)
    write_json(target, measure(kit, report=progress))
    shutil.rmtree(kit)


def latency_kit(context: Context, folder: Path) -> None:
    """Write the kit of the run's search space and baselines."""
    networks = {str(g): context.spec(g) for g in random_genotypes(context, KIT_NETWORKS, "kit")}
    write_kit(folder, context.config.name, _all_layers(context), networks)


def space_layers(context: Context) -> tuple[Layer, ...]:
    """Return every layer that a network of the run's search space can contain."""
    config = context.config
    classes = len(context.manifest.labels)
    return layers_of_space(config.search_space(), config.skeleton, context.input_size, classes)


def _all_layers(context: Context) -> list[Layer]:
    """Return the layers of the space and those of the baselines, each once."""
    config = context.config
    found = {layer.key: layer for layer in space_layers(context)}
    for baseline in config.baselines.values():
        spec = context.spec(baseline.genotype(len(config.skeleton.block_plans)))
        found |= {layer.key: layer for layer in layers_of(spec)}
    return list(found.values())


def random_genotypes(context: Context, count: int, name: str) -> list[Genotype]:
    """Return distinct genotypes drawn uniformly, or all of them where there are fewer."""
    space, rng = context.config.search_space(), stream(0, "latency", name)
    drawn: dict[Genotype, None] = {}
    while len(drawn) < min(count, space.count):
        drawn[space.sample(rng)] = None
    return list(drawn)
