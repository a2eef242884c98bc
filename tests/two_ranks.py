"""Tiny trainings with the ranks that there are; as a script it is for ``torchrun``.

In double precision: what is left between one process and several is rounding, and AdamW makes much
of the rounding of float32 (a gradient that is nearly zero may get another sign).
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import torch
from toy import make_examples, specs_on

from asc_nas.cli.main import main
from asc_nas.nn.supernet import Supernet, init_supernet
from asc_nas.run.run import Run
from asc_nas.space.genotype import Genotype
from asc_nas.space.netspec import resolve
from asc_nas.space.search_space import SearchSpace, SpaceConfig
from asc_nas.space.skeleton import Skeleton
from asc_nas.training import checkpoint
from asc_nas.training.network_trainer import fit_network, new_network
from asc_nas.training.parallel import ALONE, join
from asc_nas.training.supernet_trainer import SupernetConfig, train_supernet
from asc_nas.training.trainer import TrainConfig, Trainer

SKELETON = Skeleton.parse(
    {
        "stem": [{"channels": 4, "stride": [1, 1]}, {"channels": 8, "stride": [2, 2]}],
        "stages": [{"channels": 8, "strides": [[1, 1], [2, 2]]}],
    },
    "toy",
)
MIXED = SpaceConfig(kernels=(("t3", "f3"),), max_paths=2, expansions=(1.5, 3), skip=True)
SIZE = (16, 24)
# 26 examples in batches of 8 or 9, and so in parts of 4 or 5.
COMMON = dict(batch_size=8, learning_rate=1e-2, warmup_epochs=0)


@dataclass(frozen=True)
class Double(Trainer):
    """Computes in double precision."""

    def step(self, optimizer, scaler, forwards, x, targets, share):
        return super().step(optimizer, scaler, forwards, x.double(), targets.double(), share)


def shared_weights(folder, ranks, **settings):
    space = SearchSpace.build(MIXED, SKELETON)
    supernet = Supernet(space, specs_on(SKELETON, SIZE, 3))
    init_supernet(supernet, torch.Generator().manual_seed(0))
    examples = make_examples(clips=26)
    supernet.input_norm.set_statistics(*examples.mel_statistics())
    config = SupernetConfig(epochs=4, **COMMON, **settings)
    log = train_supernet(supernet.double(), examples, Double(config, 1, folder, ranks=ranks))
    return supernet, log.epochs.epochs, log.updates.model_dump(mode="json")


def alone(folder, ranks, **settings):
    network = new_network(resolve(Genotype.parse("t5e2w1 t3+f3e2w1"), SKELETON, SIZE, 3), 0)
    examples, config = make_examples(clips=26), TrainConfig(epochs=4, **COMMON, **settings)
    trainer = Double(config, 0, folder, ranks=ranks)
    return network, fit_network(network.double(), examples, trainer), None


CASES = {  # the first three divide the passes, the others the batches
    "strictly fair": (shared_weights, {}),
    "taught in place": (shared_weights, {"distillation": 0.5, "sampler": "uniform", "passes": 2}),
    "broadening": (shared_weights, {"broadening_epochs": 3}),
    "one pass": (shared_weights, {"sampler": "uniform", "passes": 1}),
    "alone": (alone, {}),
    "averaged, balanced": (alone, {"ema_decay": 0.9, "balanced": True}),
}


def train(case, folder, ranks=ALONE):
    """Return the weights, the losses of all epochs, and how often what was trained."""
    function, settings = CASES[case]
    module, log, updates = function(folder / case, ranks, **settings)
    return module.state_dict(), [epoch.loss for epoch in log], updates


def whole_run(place, out):
    """Train the supernet and the networks of a run with all ranks; ends this process."""
    run = Run.open(place / "tiny.yaml", place / "recordings", out=out, together=True)
    run.supernet()
    main(["train", str(out), "baseline", "square"])


if __name__ == "__main__":
    work, save = Path(sys.argv[1]), checkpoint.save
    joined, _ = join("cpu")

    def noted(*arguments):
        (work / f"saved-by-{joined.number}").touch()
        save(*arguments)

    checkpoint.save = noted
    trained = {case: train(case, work, joined) for case in CASES}
    torch.save(trained, work / f"rank{joined.number}.pt")
    whole_run(work, work / "together")
