"""Quantisation-aware training: what a network computes in the last steps of its training."""

from collections.abc import Callable

from torch import nn

from asc_nas.data.examples import Examples
from asc_nas.export.target import spread
from asc_nas.nn.subnet import SubNet
from asc_nas.training.trainer import Step, TrainConfig, steps_per_epoch


def quantisation_aware(
    network: SubNet,
    examples: Examples,
    config: TrainConfig,
    share: float,
    learner: nn.Module | None = None,
) -> Callable[[int], Step]:
    """Return what is done in each step, for `Trainer.fit`: float first, then as in integers.

    The ranges of the maps are found at the beginning of every epoch in integers, on the clips and
    in the way of an export. So they follow from the weights, and a training that goes on from a
    saved state needs no others.

    Parameters
    ----------
    share : float
        Of the epochs, at the end; 0: all steps are float.
    learner : what does the float steps, by default the network itself
    """
    epoch_steps = steps_per_epoch(examples, config)
    first = epoch_steps * (config.epochs - round(share * config.epochs))

    def in_float(number: int) -> Step:
        return Step((learner or network,), examples)

    if first == epoch_steps * config.epochs:
        return in_float
    from asc_nas.export.integer.fake_quantised import FakeQuantised
    from asc_nas.export.quantize import CLIPS

    in_integers = FakeQuantised(network)

    def steps(number: int) -> Step:
        if number < first:
            return in_float(number)
        if number % epoch_steps == 0:
            in_integers.observe(spread(examples, CLIPS))
        return Step((in_integers,), examples)

    return steps
