import numpy as np
import torch
from torch import nn

from asc_nas.audio.logmel import FrontEnd
from asc_nas.data.examples import Examples
from asc_nas.nn.elastic import ElasticBatchNorm2d
from asc_nas.nn.supernet import init_weights
from asc_nas.search.strategies import STRATEGIES
from asc_nas.space.netspec import resolve

HEARD = FrontEnd(
    sample_rate=16000, n_mels=40, win_length=640, hop_length=320, n_fft=640, seconds=2.0
)
"""Two seconds as 40 bands x 101 frames."""
SEARCHES = sorted({*STRATEGIES} - {"hand_made"})
"""Strategies that search."""


def make_examples(clips=24, channels=1, labels=("a", "b", "c"), size=(16, 24), seed=0):
    """Clips whose label is the mel region that is loud: learnable in a few epochs."""
    rng = np.random.default_rng(seed)
    targets = np.repeat(np.arange(clips) % len(labels), channels)
    features = rng.normal(-60, 6, (clips * channels, *size))
    band = size[0] // len(labels)
    for row, target in enumerate(targets):
        features[row, target * band : (target + 1) * band] += 15
    return Examples(
        features.astype(np.float16),
        np.arange(clips * channels),
        targets,
        np.repeat(np.arange(clips), channels),
        tuple(f"clip{i}" for i in range(clips)),
        tuple(labels),
        FrontEnd(
            sample_rate=8000,
            n_mels=size[0],
            win_length=256,
            hop_length=128,
            n_fft=256,
            seconds=size[1] * 128 / 8000,
        ),
    )


def far_from_identity(net, seed=0):
    """Draw weights and norms that would show a wrong slice, which norms near identity hide."""
    generator = torch.Generator().manual_seed(seed)
    init_weights(net, generator)
    for module in net.modules():
        if isinstance(module, ElasticBatchNorm2d | nn.BatchNorm2d):
            for tensor in (module.weight.data, module.running_var):
                tensor.copy_(torch.rand(tensor.shape, generator=generator) + 0.5)
            for tensor in (module.bias.data, module.running_mean):
                tensor.copy_(torch.randn(tensor.shape, generator=generator))


def specs_on(skeleton, size, classes):
    """Return the function from a genotype to its layers, as a supernet takes it."""
    return lambda genotype: resolve(genotype, skeleton, size, classes)
