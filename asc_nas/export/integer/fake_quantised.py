"""The network in integers as PyTorch trains it: with the values that its integers stand for."""

from collections.abc import Callable, Iterable, Sequence
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from asc_nas.export.integer.arithmetic import HIGHEST, LOWEST, Scale
from asc_nas.export.integer.folded import FoldedLayer, FoldedNetwork
from asc_nas.export.integer.network import IntegerLayer, IntegerNetwork, feature_integers
from asc_nas.export.integer.quantise import Extremes, Range, quantised
from asc_nas.nn.subnet import ConvNorm, InvertedResidual, SubNet, shortcut
from asc_nas.space.netspec import NetSpec, Shape

Layer = tuple[Tensor, Tensor]
"""Weights (out, in / groups, frequency, time) and bias (out,)."""
_AT_ONCE = 16  # examples
_NUDGE = 1e-3
"""Steps, more than float32 errs by: averages of few integers are halves often, see `average`."""


class FakeQuantised:
    """A network whose weights, biases and maps are rounded as its export to integers rounds them.

    The integers are those of `quantised`, made anew in every call: nothing is rounded by rules of
    its own here. Gradients pass the rounding as if it were not there; of a map's values beyond its
    range there is none (Jacob et al., CVPR 2018, arXiv 1712.05877). Batch norms are folded with
    the statistics that they have, which stay as they are.

    Parameters
    ----------
    network : SubNet
        Its parameters get the gradients; it stays a float network.
    """

    def __init__(self, network: SubNet) -> None:
        self._network = network
        self._ranges: dict[str, Range] = {}

    @torch.no_grad()
    def observe(self, clips: NDArray[np.float32]) -> None:
        """Find the range of every map, with the weights as they are now; needed before a call.

        Parameters
        ----------
        clips : (n, mels, frames) float32, dB
        """
        extremes = Extremes(len(clips))
        layers = _folded_layers(self._network)

        def noted(name: str, values: Tensor) -> Tensor:
            extremes.add(name, values.cpu().numpy())
            return values

        for start in range(0, len(clips), _AT_ONCE):
            norm = self._network.input_norm
            x = torch.from_numpy(clips[start : start + _AT_ONCE, None]).to(norm.mean)
            _logits(self._network.spec, noted("input", norm(x)), layers, noted)
        self._ranges = extremes.ranges()

    def integers(self) -> IntegerNetwork:
        """Return the network in integers, of the weights as they are now."""
        return self._quantised(_folded_layers(self._network))

    def __call__(self, x: Tensor) -> Tensor:
        """Map x (n, 1, mels, frames) in dB to logits (n, classes), always in float32."""
        with torch.autocast(x.device.type, enabled=False):
            return self._in_integers(x)

    def _in_integers(self, x: Tensor) -> Tensor:
        exact = _folded_layers(self._network)
        if not all(values.isfinite().all() for layer in exact.values() for values in layer):
            heard = self._network.input_norm(x)  # no integers of these: the loss will tell
            return _logits(self._network.spec, heard, exact, lambda name, values: values)
        integers = self._quantised(exact)
        scales = _scales(integers)
        layers = {name: _rounded(exact[name], layer) for name, layer in integers.layers.items()}

        mel = integers.input(feature_integers(_array(x[:, 0])))
        values = torch.from_numpy(integers.input.scale.values(mel)).to(x)
        return _logits(
            self._network.spec, values, layers, lambda name, values: _map(values, scales[name])
        )

    def _quantised(self, layers: dict[str, Layer]) -> IntegerNetwork:
        norm, spec = self._network.input_norm, self._network.spec
        folded = {
            name: FoldedLayer(_array(weights), _array(bias), name)
            for name, (weights, bias) in layers.items()
        }
        sums = {
            f"blocks.{i}": f"blocks.{i}.sum"
            for i, block in enumerate(spec.blocks)
            if block is not None and block.shortcut
        }
        mean, gain = _array(norm.mean).ravel(), _array(norm.scale).ravel()
        return quantised(FoldedNetwork(spec, mean, gain, "input", folded, sums), self._ranges)


def _array(values: Tensor) -> NDArray[np.float32]:
    return values.detach().cpu().numpy()


def _scales(network: IntegerNetwork) -> dict[str, Scale]:
    """Return the scale of each map that `_logits` names."""
    scales = {"pooled": network.last.source}
    scales |= {name: layer.target for name, layer in network.layers.items()}
    for name, each in network.sums.items():
        scales |= {f"{name}.shortcut": each.shortcut, f"{name}.sum": each.target}
    return scales


def _rounded(exact: Layer, layer: IntegerLayer) -> Layer:
    """Return what a layer's integers stand for, with the gradients of the exact values."""
    scales = layer.weight_scales.astype(np.float64)
    weights = layer.weights * scales.reshape(-1, 1, 1, 1)
    bias = layer.bias * (scales * layer.source.scale)
    return _straight_through(exact[0], weights), _straight_through(exact[1], bias)


def _straight_through(values: Tensor, rounded: NDArray[np.float64]) -> Tensor:
    return values + (torch.from_numpy(rounded).to(values) - values).detach()


def _folded_layers(network: SubNet) -> dict[str, Layer]:
    """Return every layer with its batch norm folded in, by its name in `FoldedNetwork`."""
    layers: dict[str, Layer] = {}

    def add(name: str, layer: ConvNorm) -> None:
        layers[name] = _folded([layer.conv.weight], layer.norm)

    for i, conv in enumerate(cast(Iterable[ConvNorm], network.stem)):
        add(f"stem.{i}", conv)
    for place, block in cast(Iterable[tuple[str, InvertedResidual]], network.blocks.items()):
        name = f"blocks.{place}"
        if block.expand is not None:
            add(f"{name}.expand", block.expand)
        kernels = [conv.weight for conv in cast(Iterable[nn.Conv2d], block.depthwise)]
        layers[f"{name}.depthwise"] = _folded(kernels, block.depthwise_norm)
        add(f"{name}.project", block.project)
    add("head", network.head)
    if network.classifier is not None:
        weights, bias = network.classifier.weight, network.classifier.bias
        layers["classifier"] = weights[:, :, None, None], bias
    return layers


def _folded(kernels: Sequence[Tensor], norm: nn.BatchNorm2d) -> Layer:
    """Return the one layer that is the sum of convolutions with these kernels, and its norm."""
    mean, variance = norm.running_mean, norm.running_var
    assert mean is not None
    assert variance is not None
    extent = max(k.shape[2] for k in kernels), max(k.shape[3] for k in kernels)
    gain = norm.weight / torch.sqrt(variance + norm.eps)
    weights = torch.stack([_centred(kernel, extent) for kernel in kernels]).sum(0)
    return weights * gain.reshape(-1, 1, 1, 1), norm.bias - mean * gain


def _centred(kernel: Tensor, extent: Shape) -> Tensor:
    """Return a kernel with zeros around it."""
    around: list[int] = []
    for size, own in zip(reversed(extent), reversed(kernel.shape[2:]), strict=True):
        first = (size - own) // 2
        around += [first, size - own - first]
    return F.pad(kernel, around)


def _map(values: Tensor, scale: Scale) -> Tensor:
    """Return a map rounded and limited to what 8 bits represent; halves go away from integer 0."""
    integers = values.detach() / scale.scale + scale.zero
    nudge = integers.sign() * (_NUDGE * scale.scale)
    return torch.fake_quantize_per_tensor_affine(
        values + nudge, scale.scale, scale.zero, LOWEST, HIGHEST
    )


def _logits(
    spec: NetSpec, x: Tensor, layers: dict[str, Layer], mapped: Callable[[str, Tensor], Tensor]
) -> Tensor:
    """Return logits (n, classes) of the standardised x (n, 1, mels, frames), as integers do.

    Every map, averages included, goes through `mapped` with its name.
    """

    def layer(
        name: str, x: Tensor, relu: bool = True, stride: Shape = (1, 1), groups: int = 1
    ) -> Tensor:
        weights, bias = layers[name]
        padding = weights.shape[2] // 2, weights.shape[3] // 2
        out = F.conv2d(x, weights, bias, stride, padding, groups=groups)
        return mapped(name, F.relu(out) if relu else out)

    for i, conv in enumerate(spec.stem):
        x = layer(f"stem.{i}", x, stride=conv.stride)
    for i, block in enumerate(spec.blocks):
        if block is None:
            continue
        name, relu = f"blocks.{i}", block.activation_after_sum
        hidden = x if block.expand is None else layer(f"{name}.expand", x)
        groups = block.hidden_channels
        hidden = layer(f"{name}.depthwise", hidden, stride=block.stride, groups=groups)
        out = layer(f"{name}.project", hidden, relu and not block.shortcut)
        if block.shortcut:
            total = out + mapped(f"{name}.shortcut", shortcut(x, block))
            out = mapped(f"{name}.sum", F.relu(total) if relu else total)
        x = out
    last = "head"
    if spec.classifier is not None:
        x, last = layer("head", x), "classifier"
    pooled = mapped("pooled", x.mean((2, 3), keepdim=True))
    return layer(last, pooled, relu=False).flatten(1)
