"""Several networks that answer together."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Committee(nn.Module):
    """Networks whose posteriors are averaged (Hansen and Salamon, IEEE TPAMI 1990).

    Its output is the logarithm of the mean posterior, which serves as logits: softmax gives the
    mean posterior back.

    Parameters
    ----------
    networks : modules from log-mel (n, 1, mels, frames) in dB to logits (n, classes)
    """

    def __init__(self, networks: Sequence[nn.Module]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)

    def forward(self, x: Tensor) -> Tensor:
        """Map x (n, 1, mels, frames) in dB to logits (n, classes)."""
        posteriors = torch.stack([network(x).float().log_softmax(1) for network in self.networks])
        return posteriors.logsumexp(0) - math.log(len(self.networks))


def together(networks: Sequence[nn.Module]) -> nn.Module:
    """Return the network, or the committee of several, in evaluation mode."""
    return networks[0] if len(networks) == 1 else Committee(networks).eval()
