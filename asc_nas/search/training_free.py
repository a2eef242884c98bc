"""What a network tells before it is trained: measures of its random weights on a few batches.

Each takes a fraction of a second, where a training takes minutes. They are compared in
Abdelfattah et al., arXiv 2101.08134, and White et al., arXiv 2206.09012: none is best everywhere,
and counting parameters is hard to beat.
"""

import copy
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from asc_nas.nn.subnet import SubNet

Batch = tuple[Tensor, Tensor]
"""Examples (n, 1, mels, frames) in dB and their classes (n,)."""

Measure = Callable[[SubNet, Sequence[Batch]], float]


def naswot(network: SubNet, batches: Sequence[Batch]) -> float:
    """Return how differently the ReLUs of a network answer to examples: the log-determinant.

    Of the matrix (n, n) of how many ReLUs two examples of the first batch have in common (Mellor et
    al., arXiv 2006.04647). Minus infinity if two examples cannot be told apart.
    """
    kernel: Tensor | float = 0.0
    own = copy.deepcopy(network).train()
    with torch.no_grad(), _Codes() as codes:
        own(batches[0][0])
    for code in codes.found:
        kernel = kernel + code @ code.T + (1 - code) @ (1 - code).T
    assert isinstance(kernel, Tensor)
    return float(torch.linalg.slogdet(kernel).logabsdet)


def synflow(network: SubNet, batches: Sequence[Batch]) -> float:
    """Return the logarithm of what flows through all weights, signs set aside: no data is needed.

    Sum of weight times gradient, for an input of ones and without norms (Tanaka et al., arXiv
    2006.05467).
    """
    of_size = batches[0][0][:1].double()
    own = copy.deepcopy(network).double().eval()
    own.input_norm = nn.Identity()  # type: ignore[assignment]
    weights = [p for p in own.parameters() if p.dim() > 1]
    with torch.no_grad():
        for weight in weights:
            weight.abs_()
    gradients = torch.autograd.grad(own(torch.ones_like(of_size)).sum(), weights)
    flow = sum(float((w.detach() * g).sum()) for w, g in zip(weights, gradients, strict=True))
    return float(torch.tensor(flow, dtype=torch.float64).log())


def grad_norm(network: SubNet, batches: Sequence[Batch]) -> float:
    """Return the logarithm of the norm of the loss's gradient on the first batch (see above)."""
    gradients = _gradients(network, batches[0])
    return float(torch.stack([g.square().sum() for g in gradients]).sum().log() / 2)


def zico(network: SubNet, batches: Sequence[Batch]) -> float:
    """Return how large gradients are, for how much they change from batch to batch.

    Per layer the logarithm of the sum of mean over deviation, summed (Li et al., arXiv 2301.11300).
    """
    by_batch = [_gradients(network, batch) for batch in batches]
    total = 0.0
    for layer in zip(*by_batch, strict=True):
        stacked = torch.stack(layer).double()
        deviation = stacked.std(0, correction=0)
        ratio = stacked.abs().mean(0) / deviation
        total += float(ratio[deviation > 0].sum().log())
    return total


MEASURES: dict[str, Measure] = {
    "naswot": naswot,
    "synflow": synflow,
    "grad_norm": grad_norm,
    "zico": zico,
}


def _gradients(network: SubNet, batch: Batch) -> list[Tensor]:
    """Return the gradient of the loss of every layer, batch norms in training."""
    own = copy.deepcopy(network).train()
    weights = [p for p in own.parameters() if p.dim() > 1]
    x, targets = batch
    return list(torch.autograd.grad(F.cross_entropy(own(x), targets), weights))


class _Codes(TorchFunctionMode):
    """Writes down which ReLUs are open, (n, ReLUs) as 0 and 1, for each call."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Tensor] = []

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if func is F.relu:
            self.found.append((args[0] > 0).flatten(1).float())
        return func(*args, **(kwargs or {}))
