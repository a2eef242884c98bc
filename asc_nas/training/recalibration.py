"""Batch-norm recalibration: a candidate's own statistics in place of the supernet's mixture."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn


@torch.no_grad()
def recalibrate(network: nn.Module, batches: Sequence[Tensor]) -> None:
    """Replace the running statistics of every batch norm by their mean over `batches`.

    The weights stay as they are; the network is left in evaluation mode.

    Parameters
    ----------
    batches : sequence of (n, 1, mels, frames)
        Training clips, without augmentation.
    """
    with own_statistics(network):
        for batch in batches:
            network(batch)


@contextmanager
def own_statistics(module: nn.Module) -> Iterator[None]:
    """Collect new batch-norm statistics while the context lasts: the mean over all calls.

    The module is in training mode inside, in evaluation mode afterwards.
    """
    norms = [m for m in module.modules() if isinstance(m, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # cumulative mean
    module.train()
    yield
    module.eval()
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
