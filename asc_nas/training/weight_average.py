"""Averages of weights over training (Polyak and Juditsky 1992)."""

from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel


def new_average(module: nn.Module, decay: float, equal_share: float) -> AveragedModel | None:
    """Return the average that is asked for: moving, with a decay; equal, over a share; or none."""
    if decay:
        return moving_average(module, decay)
    return equal_average(module) if equal_share else None


def moving_average(module: nn.Module, decay: float) -> AveragedModel:
    """Return the average of `module`'s weights and buffers; ``update_parameters`` once per step.

    The decay grows with the number of updates n, as min(decay, (1 + n) / (10 + n)), so that the
    initial weights are soon forgotten.
    """

    def average(mean: Tensor, current: Tensor, updates: Tensor | int) -> Tensor:
        if not current.is_floating_point():
            return current
        n = int(updates)
        return mean.lerp(current, 1 - min(decay, (1 + n) / (10 + n)))

    return AveragedModel(module, avg_fn=average, use_buffers=True)


def equal_average(module: nn.Module) -> AveragedModel:
    """Return the average of weights and buffers over all calls of ``update_parameters``."""
    return AveragedModel(module, use_buffers=True)
