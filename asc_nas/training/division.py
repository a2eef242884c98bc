"""What each of several ranks computes of an optimiser step.

Some of its passes or, where there is one only, a part of the batch.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from asc_nas.core.errors import UsageError
from asc_nas.nn.batch_norm import BatchNorm2d
from asc_nas.nn.elastic import BN_MOMENTUM, ElasticBatchNorm2d
from asc_nas.training.parallel import ALONE, Ranks


class Statistics:
    """Running statistics of norms, while every rank sees the batches of some passes only.

    The norms tell what each pass would have changed. Added up over the ranks it is known of all
    passes, and then goes into the running statistics in the order of the passes.

    Attributes
    ----------
    number : int, optional
        The pass that is being computed; None: what is computed does not count.
    told : tensors
        What is to be added up over the ranks after the passes of a step.
    """

    def __init__(self, norms: Sequence[ElasticBatchNorm2d], passes: int) -> None:
        self.number: int | None = None
        self._norms, ends = norms, torch.tensor([norm.running_mean.numel() for norm in norms])
        ends = ends.cumsum(0)
        some = norms[0].running_mean
        self._values = some.new_zeros(passes, 2, int(ends[-1]))  # mean and variance
        self._used = some.new_zeros(passes, 1, int(ends[-1]))
        for norm, end in zip(norms, ends.tolist(), strict=True):
            norm.keep = partial(self._take, end - norm.running_mean.numel())

    @property
    def told(self) -> list[Tensor]:
        """Mean, variance and whether it was used, of each channel in each pass."""
        return [self._values, self._used]

    def _take(self, start: int, *values: Tensor) -> None:
        if self.number is None:
            return
        used = slice(start, start + len(values[0]))
        self._values[self.number, :, used] = torch.stack(values)
        self._used[self.number, :, used] = 1

    @torch.no_grad()
    def update(self) -> None:
        """Bring what all passes told into the running statistics; then begin anew."""
        means = [norm.running_mean for norm in self._norms]
        variances = [norm.running_var for norm in self._norms]
        found = torch.stack([torch.cat(means), torch.cat(variances)])
        for values, used in zip(self._values, self._used, strict=True):
            found = torch.where(used > 0, found.lerp(values, BN_MOMENTUM), found)
        for kept, new in zip((means, variances), found, strict=True):
            for values, own in zip(kept, new.split([len(v) for v in kept]), strict=True):
                values.copy_(own)
        self._values.zero_()
        self._used.zero_()


@dataclass(frozen=True)
class Share:
    """What this rank computes of a step: some of its passes, or its part of the batch.

    Attributes
    ----------
    statistics : Statistics, optional
        Those of the norms, where the passes are divided; None: the batch is.
    """

    ranks: Ranks = ALONE
    statistics: Statistics | None = None

    def part(self, n: int) -> slice:
        """Return which of n examples are this rank's."""
        return self.ranks.part(n) if self.statistics is None else slice(n)

    def require_part(self, least: int, setting: str) -> None:
        """Raise UsageError unless batches of `least` examples, by a setting, can be divided."""
        if self.statistics is None and least < self.ranks.size:
            raise UsageError(
                f"{setting}: a batch of {least} examples cannot be divided among "
                f"{self.ranks.size} ranks; start fewer ranks, or take a larger batch."
            )

    @contextmanager
    def computing(self, number: int) -> Iterator[bool]:
        """Say whether a pass is this rank's; if not, what is computed has no gradient."""
        if self.statistics is None:
            yield True
            return
        own = number % self.ranks.size == self.ranks.number
        self.statistics.number = number if own else None
        with torch.set_grad_enabled(own):
            yield own

    def add_up(self, parameters: Sequence[nn.Parameter], losses: Tensor) -> None:
        """Sum gradients and losses over the ranks; update the statistics.

        A parameter has a gradient in the end if it has one on any rank.
        """
        if self.ranks.size == 1:
            return
        there = losses.new_tensor([float(p.grad is not None) for p in parameters])
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        told = [] if self.statistics is None else self.statistics.told
        self.ranks.add_up([*gradients, there, losses, *told])
        for parameter, gradient, ranks in zip(parameters, gradients, there.tolist(), strict=True):
            parameter.grad = gradient if ranks else None
        if self.statistics is not None:
            self.statistics.update()


WHOLE = Share()
"""All of every step: this process trains alone."""


@contextmanager
def shared(module: nn.Module, ranks: Ranks, passes: int) -> Iterator[Share]:
    """Divide steps of so many passes among the ranks: the passes, or of one pass the batch.

    Passes share nothing but their sums. Of parts of a batch, every norm needs the statistics of the
    whole, forwards and backwards, and in networks this small that takes longer than it saves. So
    with more ranks than passes some have nothing to do.
    """
    norms = [m for m in module.modules() if isinstance(m, BatchNorm2d | ElasticBatchNorm2d)]
    elastic = [norm for norm in norms if isinstance(norm, ElasticBatchNorm2d)]
    by_passes = min(ranks.size, passes) > 1 and len(elastic) == len(norms) > 0
    try:
        if by_passes:
            yield Share(ranks, Statistics(elastic, passes))
        else:
            for norm in norms:
                norm.gather = None if ranks.size == 1 else ranks.gather
            yield Share(ranks)
    finally:
        for norm in norms:
            norm.gather = None
        for norm in elastic:
            norm.keep = None
