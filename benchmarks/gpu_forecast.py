"""Hours of a whole config on GPUs, told from what its steps ask of a card: none is needed.

python benchmarks/gpu_forecast.py tau|task5 FOLDER [--launch 10]

FOLDER is one that `full_size.py` has prepared, with all clips. A step of the supernet, one of a
training, and judging a network are done once on the CPU with few clips, and counted: operators,
bytes that they read and write, operations of convolutions and products. A GPU takes for a step
what is longer: to be handed its operators (--launch microseconds each, two for the gradients of a
convolution), or to do them, each at half of the card's bandwidth or half of its peak, whichever is
slower. Every training counts as the baseline's, and every network of the search is computed from
its first layer on. Not counted are the features, which must be on the card, and what cards say to
one another.

This is a forecast and no measurement. `gpu.py` measures the steps where there is a card.
"""

import copy
import math
from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import full_size
import timing
import torch
import typer
from gpu import batch_on, own_step
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry
from training_step import CLASSES, spec_of

from asc_nas.nn import depthwise
from asc_nas.nn.supernet import Supernet, init_supernet
from asc_nas.run.beginning import specs_of
from asc_nas.run.run import Run
from asc_nas.training.network_trainer import new_network
from asc_nas.training.path_samplers import SAMPLERS

FEW = 8
"""Clips of a batch that is counted; bytes and operations grow with the batch, operators do not."""
JUDGED = 64
"""Clips of a batch where networks are judged."""
CALIBRATION = 512
"""Clips that a network's batch norms are computed on, before it is judged (`SupernetEvaluator`)."""
GB, TERA, MICRO, HOUR = 1e9, 1e12, 1e-6, 3600


@dataclass(frozen=True)
class Card:
    """Bytes a second and operations a second in float32, as the maker gives them."""

    bandwidth: float
    peak: float


CARDS = {"T4": Card(320 * GB, 8.1 * TERA), "A100": Card(2039 * GB, 19.5 * TERA)}
GPUS = (1, 8)


class Counted(TorchDispatchMode):
    """Counts what is computed inside."""

    def __init__(self) -> None:
        super().__init__()
        self.operators = 0
        self.work: Counter[tuple[int, int]] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if is_view(func, args, out):
            return out
        kernels, operations = 1, 0
        if func.overloadpacket is torch.ops.aten.convolution_backward:
            gradient, weight, kernels = args[0], args[2], sum(args[-1][:2])
            operations = kernels * 2 * gradient.numel() * weight[0].numel()
        elif formula := flop_registry.get(func.overloadpacket):
            operations = formula(*args, **(kwargs or {}), out_val=out)
        self.operators += kernels
        moved = sum(map(bytes_of, (args, kwargs or {}, out)))
        self.work[moved, operations] += 1
        return out

    def seconds(self, card: Card, launch: float, times: float) -> float:
        """Return the seconds of so many times the clips that were counted."""
        computing = sum(
            count * times * max(moved / (card.bandwidth / 2), operations / (card.peak / 2))
            for (moved, operations), count in self.work.items()
        )
        return max(self.operators * launch, computing)


def is_view(func: Any, args: Any, out: Any) -> bool:
    """Tell whether an operator only looks at its input in another way: no GPU has work with it."""
    if func._schema.is_mutable or not isinstance(out, torch.Tensor):
        return False
    given = [value for value in args if isinstance(value, torch.Tensor)]
    place = out.untyped_storage().data_ptr()
    return any(value.untyped_storage().data_ptr() == place for value in given)


def bytes_of(value: Any) -> int:
    if isinstance(value, torch.Tensor):
        return value.numel() * value.element_size()
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, list | tuple):
        return 0
    return sum(map(bytes_of, value))


def counted(step: Any) -> Counted:
    step()  # the optimiser's state is made in the first
    with Counted() as found:
        step()
    return found


def counted_steps(run: Run) -> tuple[Counted, Counted, Counted]:
    """Return what a step of the supernet, a step of a training and judging a network ask for."""
    config = run.config
    clips = batch_on("cpu", FEW, (config.frontend.n_mels, config.frontend.frames))
    supernet = Supernet(config.search_space(), specs_of(config, CLASSES))
    init_supernet(supernet, torch.Generator().manual_seed(0))
    sampler = SAMPLERS[config.supernet.sampler](config.search_space(), 0, config.supernet.passes)
    passes = partial(list, [partial(supernet, genotype=g) for g in sampler.step(0)])
    shared = counted(own_step(supernet, config.supernet, "cpu", "float32", clips, passes))

    network = new_network(spec_of(config, "baseline"), 0)
    judged = copy.deepcopy(network).eval()
    alone = counted(
        own_step(network, config.retrain, "cpu", "float32", clips, partial(tuple, [network]))
    )
    with torch.no_grad():
        return shared, alone, counted(partial(judged, clips[0]))


def hours_of(
    run: Run, steps: tuple[Counted, Counted, Counted], card: Card, gpus: int, launch: float
) -> tuple[float, float, float]:
    """Return the hours of supernet, search and trainings, on so many cards of a kind."""
    config, (shared, alone, judged) = run.config, steps
    examples: Counter[str] = Counter()
    for clip in run.first.clips:
        examples[clip.role] += clip.channels
    search, supernet, retrain = config.search, config.supernet, config.retrain

    def trained(settings: Any, count: int, step: Counted) -> float:
        updates = settings.epochs * max(1, count // settings.batch_size)
        return updates * step.seconds(card, launch, settings.batch_size / FEW)

    passes = len(SAMPLERS[supernet.sampler](config.search_space(), 0, supernet.passes).step(0))
    of_supernet = trained(supernet, examples["train"], shared) * math.ceil(passes / gpus) / passes
    batches = math.ceil((examples["search_val"] + CALIBRATION) / JUDGED)
    of_network = batches * judged.seconds(card, launch, JUDGED / FEW)
    of_search = search.generations * math.ceil(search.population / gpus) * of_network
    trainings = retrain.members + len(config.baselines)
    of_one = trained(retrain, examples["train"] + examples["search_val"], alone)
    return (of_supernet / HOUR, of_search / HOUR, math.ceil(trainings / gpus) * of_one / HOUR)


def main(
    which: Annotated[str, typer.Argument(help="tau or task5")],
    folder: Annotated[Path, typer.Argument(help="prepared by full_size.py, with all clips")],
    launch: Annotated[float, typer.Option(help="microseconds to hand an operator to a GPU")] = 10,
) -> None:
    run = full_size.opened(which, folder)
    depthwise._on_cpu = lambda x: False  # what a GPU computes
    run.begin()
    steps = counted_steps(run)
    print(f"{'step, batch':<28} {'operators':>10} {'GB':>7} {'Tera operations':>16}")
    for name, step, batch in zip(
        ("supernet", "training", "judging"),
        steps,
        (run.config.supernet.batch_size, run.config.retrain.batch_size, JUDGED),
        strict=True,
    ):
        moved, done = (
            sum(kind[part] * count for kind, count in step.work.items()) * batch / FEW
            for part in (0, 1)
        )
        print(
            f"{name + f', {batch} clips':<28} {step.operators:>10,} {moved / GB:>7.2f} "
            f"{done / TERA:>16.3f}"
        )
    print(f"\n{'hours':<12} {'supernet':>9} {'search':>7} {'trainings':>10} {'all':>6}")
    for name, card in CARDS.items():
        for gpus in GPUS:
            hours = hours_of(run, steps, card, gpus, launch * MICRO)
            told = "".join(
                f"{each:>{width}.2f}" for each, width in zip(hours, (10, 8, 11), strict=True)
            )
            print(f"{f'{gpus} x {name}':<12}{told} {sum(hours):>6.2f}")


if __name__ == "__main__":
    timing.run(main)
