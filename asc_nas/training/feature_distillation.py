"""Feature distillation: a network learns what a teacher's last layer takes, not its answers alone.

FitNets, Romero et al., arXiv 1412.6550, with the cosine in place of the squared distance, so that
the scale of a teacher's features does not matter.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from asc_nas.core.randomness import derived_seed
from asc_nas.data.examples import Examples
from asc_nas.data.loading import Loader
from asc_nas.nn.subnet import InputNorm, SubNet
from asc_nas.training.device import laid_out


class WithProjection(nn.Module):
    """A network that answers, and maps its features to those of its teachers, while it learns.

    Parameters
    ----------
    network : SubNet
        Trained in place; the map is not part of it.
    dims : int
        Length of the teachers' embeddings.
    seed : int
        Of the map's first weights.
    """

    def __init__(self, network: SubNet, dims: int, seed: int) -> None:
        super().__init__()
        self.network = network
        features = network.embedding_size
        self.projection = nn.Linear(features, dims, bias=False)
        generator = torch.Generator().manual_seed(derived_seed(seed, "projection"))
        nn.init.normal_(self.projection.weight, std=features**-0.5, generator=generator)

    @property
    def input_norm(self) -> InputNorm:
        """That of the network, see `fit_network`."""
        return self.network.input_norm

    def forward(self, x: Tensor) -> Tensor:
        """Map x (n, 1, mels, frames) in dB to logits and embeddings, (n, classes + dims)."""
        features = self.network.features(x)
        return torch.cat(
            [self.network.answer(features), self.projection(features.mean((2, 3)))], dim=1
        )


@dataclass(frozen=True)
class FeatureLoss:
    """What is added to the loss of a `WithProjection`.

    Attributes
    ----------
    weight : float
    classes : int
    dims : tuple of int
        Length of each teacher's embedding; they stand side by side.
    """

    weight: float
    classes: int
    dims: tuple[int, ...]

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return `weight` times one minus the cosine, the mean over batch and teachers.

        Parameters
        ----------
        outputs : (n, classes + dims)
            A network without a projection gives the classes alone: it learns nothing here.
        targets : (n, classes + dims)
        """
        if outputs.shape[1] == self.classes:
            return outputs.new_zeros(())
        ends = np.cumsum([self.classes, *self.dims]).tolist()
        cosines = [
            F.cosine_similarity(outputs[:, start:end], targets[:, start:end]).mean()
            for start, end in pairwise(ends)
        ]
        return self.weight * (1 - torch.stack(cosines).mean())


@torch.inference_mode()
def clip_embeddings(network: SubNet, examples: Examples, batch: int = 64) -> NDArray[np.float32]:
    """Return what the last layer takes of each clip, (clips, features): means over its channels."""
    network.eval()
    device = next(network.parameters()).device
    wanted = ((examples, positions) for positions in examples.batches(batch))
    found = [
        network.features(laid_out(x)).mean((2, 3)).cpu() for x, _ in Loader(device).batches(wanted)
    ]
    return examples.clip_posteriors(torch.cat(found).numpy()).astype(np.float32)
