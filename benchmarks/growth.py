"""How seconds and memory grow with clips, blocks, candidates per block and population.

python benchmarks/growth.py [--plot growth.png] [--rounds 3]

One epoch of supernet training (strict fairness, one thread) on random log-mel of 64 x 251 while one
number grows and the others stay: 64 clips, 4 blocks, 4 candidates; and the judging of a population
with 128 clips for recalibration and 64 for the score. Every point is a process of its own: seconds
of the second run of the work, peak memory of the process; medians. The exponent is the slope of a
line through the points in double logarithm: 1 is linear.
"""

import resource
import statistics
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import timing
import torch

from asc_nas.audio.logmel import PRESETS
from asc_nas.core.machine import keep_freed_memory
from asc_nas.cost.counts import count
from asc_nas.data.examples import Examples
from asc_nas.nn.supernet import Supernet, init_supernet
from asc_nas.search.evaluator import JudgedPart
from asc_nas.search.prefix_evaluator import PrefixEvaluator
from asc_nas.space.netspec import resolve
from asc_nas.space.search_space import SearchSpace, SpaceConfig
from asc_nas.space.skeleton import Skeleton
from asc_nas.training.supernet_trainer import SupernetConfig, train_supernet
from asc_nas.training.trainer import Trainer

SIZE = (64, 251)
LABELS = tuple("abcdefghij")
BASE = {"clips": 64, "blocks": 4, "candidates": 4, "population": 0}
SERIES = {
    "clips": [64, 256, 1024],
    "blocks": [2, 4, 8, 16],
    "candidates": [4, 8, 16],
    "population": [10, 20, 40, 80],
}
EXPANSIONS = (1.5, 2.0, 2.5, 3.0)


FRONT_END = PRESETS["esc10"].model_copy(update={"n_mels": SIZE[0]})


def random_examples(clips):
    rng = np.random.default_rng(0)
    features = rng.normal(-40, 10, (clips, *SIZE)).astype(np.float16)
    rows = np.arange(clips)
    keys = tuple(map(str, rows))
    return Examples(features, rows, rows % len(LABELS), rows, keys, LABELS, FRONT_END)


def new_supernet(blocks, candidates):
    skeleton = Skeleton.parse(
        {
            "stem": [{"channels": 8, "stride": [2, 2]}, {"channels": 32, "stride": [2, 2]}],
            "stages": [{"channels": 32, "strides": [[1, 1]] * blocks}],
        },
        "growth",
    )
    space = SearchSpace.build(
        SpaceConfig(kernels=(("t3", "t5", "f3", "f5"),), expansions=EXPANSIONS[: candidates // 4]),
        skeleton,
    )
    supernet = Supernet(space, lambda genotype: resolve(genotype, skeleton, SIZE, len(LABELS)))
    init_supernet(supernet, torch.Generator().manual_seed(0))
    return supernet


def measure(clips, blocks, candidates, population):
    """Return seconds and peak memory in MB."""
    torch.set_num_threads(1)
    keep_freed_memory()
    supernet = new_supernet(blocks, candidates)
    if population:
        evaluate = PrefixEvaluator(
            [JudgedPart(supernet, random_examples(128), random_examples(64))],
            lambda genotype: count(supernet.spec(genotype), FRONT_END),
        )
        rng = np.random.default_rng(0)
        genotypes = [supernet.space.sample(rng) for _ in range(population)]

        def work():
            evaluate(genotypes)

    else:
        examples = random_examples(clips)
        config = SupernetConfig(epochs=1, batch_size=32)

        def work():
            with tempfile.TemporaryDirectory() as folder:
                state = Path(folder) / "state.safetensors"
                train_supernet(supernet, examples, Trainer(config, 0, state))

    work()
    return timing.seconds(work), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def point(name, value):
    numbers = {**BASE, name: value}
    return timing.in_a_process(measure, *numbers.values())


def main(plot: Path | None = None, rounds: int = 3) -> None:
    figure, axes = plt.subplots(1, len(SERIES), figsize=(12, 3.2), layout="constrained")
    print(f"{'':<12}{'value':>8}{'seconds':>10}{'MB':>8}")
    for axis, (name, values) in zip(axes, SERIES.items(), strict=True):
        points = [[point(name, value) for value in values] for _ in range(rounds)]
        medians = [
            [statistics.median(r[place][column] for r in points) for place in range(len(values))]
            for column in (0, 1)
        ]
        for value, seconds, megabytes in zip(values, *medians, strict=True):
            print(f"{name:<12}{value:>8}{seconds:>10.2f}{megabytes:>8.0f}")
        exponent = np.polyfit(np.log(values), np.log(medians[0]), 1)[0]
        print(f"{name:<12}exponent of the seconds {exponent:.2f}")
        linear = [medians[0][0] * value / values[0] for value in values]
        axis.loglog(values, medians[0], "o-", label="seconds")
        axis.loglog(values, linear, "--", color="grey", label="linear")
        axis.loglog(values, [m / 1000 for m in medians[1]], "s-", label="peak memory, GB")
        axis.set_title(f"{name} (exponent {exponent:.2f})")
        axis.set_xlabel(name)
        axis.set_xticks(values, map(str, values))
        axis.minorticks_off()
    axes[0].legend()
    if plot:
        figure.savefig(plot, dpi=72)


if __name__ == "__main__":
    timing.run(main)
