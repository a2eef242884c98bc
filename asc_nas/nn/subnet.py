"""The stand-alone network: plain torch layers built from a `NetSpec`."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from asc_nas.nn.batch_norm import BatchNorm2d
from asc_nas.nn.depthwise import DepthwiseConv2d
from asc_nas.nn.elastic import BN_EPSILON, BN_MOMENTUM
from asc_nas.space.netspec import BlockSpec, ConvSpec, NetSpec


class InputNorm(nn.Module):
    """Standardise each mel band with fixed statistics of the training clips.

    It stands inside the network, so that an exported model takes the front end's output as it is.

    Parameters
    ----------
    mels : int
    range_db : float or None
        Levels count from the example's loudest bin, down to this far below it, so that the level of
        a recording does not matter; None: they stay as they are.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, mels: int, range_db: float | None = None) -> None:
        super().__init__()
        self.range_db = range_db
        self.register_buffer("mean", torch.zeros(1, 1, mels, 1))
        self.register_buffer("scale", torch.ones(1, 1, mels, 1))

    def level(self, x: Tensor) -> Tensor:
        """Return what is standardised, of x (n, 1, mels, frames) in dB."""
        if self.range_db is None:
            return x
        return (x - x.amax((1, 2, 3), keepdim=True)).clamp(min=-self.range_db)

    def set_statistics(self, mean: Tensor, std: Tensor) -> None:
        """Take mean and standard deviation of `level` per mel band, each (mels,), in dB."""
        self.mean.copy_(mean.reshape(1, 1, -1, 1))
        self.scale.copy_(1 / std.clamp(min=1e-3).reshape(1, 1, -1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Map x (n, 1, mels, frames) in dB to zero mean and unit deviation per band."""
        return (self.level(x) - self.mean) * self.scale


def conv_layer(spec: ConvSpec) -> nn.Conv2d:
    """Return the plain convolution of `spec`."""
    return nn.Conv2d(
        spec.in_channels,
        spec.out_channels,
        spec.kernel,
        spec.stride,
        spec.padding,
        groups=spec.groups,
        bias=False,
    )


def norm_layer(channels: int) -> BatchNorm2d:
    """Return the batch norm used everywhere."""
    return BatchNorm2d(channels, eps=BN_EPSILON, momentum=BN_MOMENTUM)


class ConvNorm(nn.Module):
    """Convolution and batch norm."""

    def __init__(self, spec: ConvSpec) -> None:
        super().__init__()
        self.conv = conv_layer(spec)
        self.norm = norm_layer(spec.out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, in, frequency, time) to (n, out, frequency, time)."""
        return self.norm(self.conv(x))


class InvertedResidual(nn.Module):
    """MobileNetV2's block with one or several depthwise kernels, see `BlockSpec`."""

    def __init__(self, spec: BlockSpec) -> None:
        super().__init__()
        self.expand = ConvNorm(spec.expand) if spec.expand else None
        self.depthwise = nn.ModuleList(DepthwiseConv2d(conv) for conv in spec.depthwise)
        self.depthwise_norm = norm_layer(spec.hidden_channels)
        self.project = ConvNorm(spec.project)
        self.spec = spec

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, in, frequency, time) to (n, out, frequency / stride, time / stride)."""
        hidden = x if self.expand is None else F.relu(self.expand(x), inplace=True)
        paths = [conv(hidden) for conv in self.depthwise]
        hidden = F.relu(self.depthwise_norm(sum_paths(paths)), inplace=True)
        return join_shortcut(x, self.project(hidden), self.spec)


def sum_paths(paths: list[Tensor]) -> Tensor:
    """Sum the outputs of the active kernels."""
    total = paths[0]
    for path in paths[1:]:
        total = total + path
    return total


def join_shortcut(x: Tensor, out: Tensor, spec: BlockSpec) -> Tensor:
    """Add the block's shortcut, if it has one, and apply its last activation."""
    if spec.shortcut:
        out = out + shortcut(x, spec)
    return F.relu(out, inplace=True) if spec.activation_after_sum else out


def shortcut(x: Tensor, spec: BlockSpec) -> Tensor:
    """Return what is added of the block's input: average-pooled where the block strides.

    Of searched widths that differ, the narrower one's channels are the leading ones of the wider.
    """
    if spec.stride != (1, 1):
        x = F.avg_pool2d(x, spec.stride, ceil_mode=True, count_include_pad=False)
    missing = spec.out_channels - spec.in_channels
    return F.pad(x, (0, 0, 0, 0, 0, missing)) if missing > 0 else x[:, : spec.out_channels]


class SubNet(nn.Module):
    """One network: log-mel in dB to logits.

    Parameters
    ----------
    spec : NetSpec
    """

    def __init__(self, spec: NetSpec) -> None:
        super().__init__()
        self.spec = spec
        self.input_norm = InputNorm(spec.input_size[0], spec.input_range_db)
        self.stem = nn.ModuleList(ConvNorm(conv) for conv in spec.stem)
        self.blocks = nn.ModuleDict(
            {str(i): InvertedResidual(b) for i, b in enumerate(spec.blocks) if b is not None}
        )
        self.head = ConvNorm(spec.head)
        linear = spec.classifier
        self.classifier = nn.Linear(linear.in_features, linear.out_features) if linear else None

    def forward(self, x: Tensor) -> Tensor:
        """Map x (n, 1, mels, frames) in dB to logits (n, classes)."""
        return self.answer(self.features(x))

    @property
    def embedding_size(self) -> int:
        """Channels of `features`."""
        head = self.spec.head
        return head.in_channels if self.classifier is None else head.out_channels

    def features(self, x: Tensor) -> Tensor:
        """Map x (n, 1, mels, frames) in dB to what the layer to the classes takes (n, c, f, t)."""
        x = self.input_norm(x)
        for conv in self.stem:
            x = F.relu(conv(x), inplace=True)
        for block in self.blocks.values():
            x = block(x)
        return x if self.classifier is None else F.relu(self.head(x), inplace=True)

    def answer(self, features: Tensor) -> Tensor:
        """Map `features` to logits (n, classes)."""
        if self.classifier is None:
            return pool_and_classify(self.head(features), None)
        return self.classifier(features.mean((2, 3)))


def pool_and_classify(x: Tensor, classifier: Callable[[Tensor], Tensor] | None) -> Tensor:
    """Pool the head's output over frequency and time and, if there is one, apply the classifier."""
    if classifier is None:
        return x.mean((2, 3))
    return classifier(F.relu(x, inplace=True).mean((2, 3)))
