"""Batch norm over a batch of which several processes hold a part each.

Mean and variance are those of the whole batch, so that the processes together compute what one
would. PyTorch's ``SyncBatchNorm`` does so on CUDA only, and knows no elastic channels.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

Gather = Callable[[Tensor], Tensor]
"""From the values of this process to those of all, (ranks, ...), in their order."""


class BatchNorm2d(nn.BatchNorm2d):
    """PyTorch's; while `gather` is set, a batch in training is a part of one."""

    gather: Gather | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Normalise x (n, channels, frequency, time); in training, update the statistics."""
        if self.gather is None or not self.training:
            return super().forward(x)
        mean, variance, momentum = self.running_mean, self.running_var, self.momentum
        assert mean is not None
        assert variance is not None
        assert momentum is not None
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
        return of_a_part(
            x, mean, variance, self.weight, self.bias, momentum, self.eps, gather=self.gather
        )


def of_a_part(
    x: Tensor,
    running_mean: Tensor,
    running_var: Tensor,
    weight: Tensor,
    bias: Tensor,
    momentum: float,
    eps: float,
    *,
    gather: Gather,
) -> Tensor:
    """Equal ``F.batch_norm`` in training, x (n, channels, ...) being one part of a batch.

    Gradients of weight and bias are those of this part; summed over all parts they are the whole
    ones. The parts may be of several sizes.
    """
    with torch.no_grad():
        dims = [d for d in range(x.dim()) if d != 1]
        own_variance, own_mean = torch.var_mean(x.to(weight.dtype), dims, correction=0)
        own_count = torch.full_like(own_mean, x.numel() / x.shape[1])
        counts, means, variances = gather(torch.stack([own_count, own_mean, own_variance])).unbind(
            1
        )
        count = counts.sum(0)
        shares = counts / count
        mean = (shares * means).sum(0)
        variance = (shares * (variances + (means - mean).square())).sum(0)
        running_mean.lerp_(mean, momentum)
        running_var.lerp_(variance * (count / (count - 1)), momentum)
    normalised: Tensor = _OfAPart.apply(x, weight, bias, mean, variance, count, eps, gather)
    return normalised


class _OfAPart(torch.autograd.Function):
    """Normalises by given statistics, which depend on all parts: so does the gradient of x.

    Ioffe and Szegedy, arXiv 1502.03167, section 3; the kernel takes the statistics for constants,
    and what flows through them is added.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        mean: Tensor,
        variance: Tensor,
        count: Tensor,
        eps: float,
        gather: Gather,
    ) -> Tensor:
        ctx.save_for_backward(x, weight, mean, variance, count)
        ctx.eps, ctx.gather = eps, gather
        return nn.functional.batch_norm(x, mean, variance, weight, bias, False, 0.0, eps)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, mean, variance, count = ctx.saved_tensors
        of_x, of_weight, of_bias = torch.ops.aten.native_batch_norm_backward(
            gradients[0], x, weight, mean, variance, None, None, False, ctx.eps, (True, True, True)
        )
        weight_sum, bias_sum = ctx.gather(torch.stack([of_weight, of_bias])).sum(0)
        per_deviation = torch.rsqrt(variance + ctx.eps)
        slope = -weight * per_deviation.square() * weight_sum / count
        offset = -weight * per_deviation * bias_sum / count - slope * mean
        shape = (1, -1, *[1] * (x.dim() - 2))
        of_x = of_x + (slope.view(shape) * x + offset.view(shape)).to(of_x.dtype)
        return of_x, of_weight, of_bias, None, None, None, None, None
