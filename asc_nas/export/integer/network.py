"""The network in integers: what is stored of it, and the reference that computes it in NumPy."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from asc_nas.export.integer.arithmetic import (
    HIGHEST,
    LOWEST,
    SUM_SHIFT,
    Factor,
    Integers,
    Scale,
    average,
    clamped,
    rescale,
)
from asc_nas.space.netspec import BlockSpec, NetSpec, Shape

FEATURE_STEPS = 128
"""Steps of a decibel: log-mel is a 16-bit integer, in 1/128 dB."""
INPUT_SHIFT = 20
"""Bits behind the point of what turns log-mel into the network's input."""
_AT_ONCE = 16  # examples


def feature_integers(mel: NDArray[np.floating]) -> Integers:
    """Return log-mel in dB as the integers that the device's front end gives."""
    return np.clip(np.rint(mel * float(FEATURE_STEPS)), -(2**15), 2**15 - 1).astype(np.int64)


@dataclass(frozen=True)
class IntegerInput:
    """How log-mel in 1/128 dB becomes the network's 8-bit input, band by band.

    ``(level * multiplier + offset) >> 20``, limited to 8 bits; the level counts from the example's
    loudest value and is at least `-range` where there is a range.

    Attributes
    ----------
    multipliers, offsets : (mels,) int64
        The offset holds the zero and the half that rounds.
    range : int or None
        In 1/128 dB.
    scale : of the input, for who fills it by other means, such as TFLite
    """

    multipliers: Integers
    offsets: Integers
    range: int | None
    scale: Scale

    @classmethod
    def of(
        cls, mean: NDArray[np.floating], gain: NDArray[np.floating], spec: NetSpec, scale: Scale
    ) -> "IntegerInput":
        """Return what standardises with `mean` and `gain` per band, (mels,), on `scale`."""
        gains = np.asarray(gain, np.float64) / scale.scale * 2**INPUT_SHIFT
        offsets = scale.zero * 2**INPUT_SHIFT - np.asarray(mean, np.float64) * gains
        range_db = spec.input_range_db
        return cls(
            np.rint(gains / FEATURE_STEPS).astype(np.int64),
            np.rint(offsets).astype(np.int64) + 2 ** (INPUT_SHIFT - 1),
            None if range_db is None else round(range_db * FEATURE_STEPS),
            scale,
        )

    def __call__(self, features: Integers) -> Integers:
        """Return the input (n, 1, mels, frames) of log-mel (n, mels, frames) in 1/128 dB."""
        if self.range is not None:
            features = np.maximum(features - features.max((1, 2), keepdims=True), -self.range)
        scaled = features * self.multipliers[:, None] + self.offsets[:, None]
        return np.clip(scaled >> INPUT_SHIFT, LOWEST, HIGHEST)[:, None]


@dataclass(frozen=True)
class IntegerLayer:
    """A convolution, with a ReLU or without.

    Attributes
    ----------
    weights : (out, in / groups, frequency, time) int64, from -127 to 127
    bias : (out,) int64, of 32 bits, on the scale of input times weight
    weight_scales : (out,) float32
    factor : one per output, from the sums to the scale of the output
    source, target : scales of input and output
    relu : bool
    """

    weights: Integers
    bias: Integers
    weight_scales: NDArray[np.float32]
    factor: Factor
    source: Scale
    target: Scale
    relu: bool

    @property
    def lowest(self) -> int:
        """The smallest output."""
        return self.target.zero if self.relu else LOWEST

    def finish(self, sums: Integers) -> Integers:
        """Return outputs of sums of products (n, out, frequency, time)."""
        sums = sums + self.bias[:, None, None]
        return clamped(rescale(sums, self.factor, axis=1) + self.target.zero, self.lowest)


@dataclass(frozen=True)
class IntegerSum:
    """The sum of a projection and a shortcut, with a ReLU or without."""

    shortcut: Scale
    projected: Scale
    target: Scale
    relu: bool

    @property
    def factors(self) -> tuple[Factor, Factor, Factor]:
        """Factors of the shortcut, of the projection and of their sum."""
        twice = 2 * max(self.shortcut.scale, self.projected.scale)
        return (
            Factor.of(self.shortcut.scale / twice),
            Factor.of(self.projected.scale / twice),
            Factor.of(twice / (2**SUM_SHIFT * self.target.scale)),
        )

    @property
    def lowest(self) -> int:
        """The smallest output."""
        return self.target.zero if self.relu else LOWEST

    def __call__(self, shortcut: Integers, projected: Integers) -> Integers:
        """Return the sum of two maps of one shape."""
        first, second, both = self.factors
        widened = rescale((shortcut - self.shortcut.zero) << SUM_SHIFT, first)
        widened = widened + rescale((projected - self.projected.zero) << SUM_SHIFT, second)
        return clamped(rescale(widened, both) + self.target.zero, self.lowest)


@dataclass(frozen=True)
class IntegerNetwork:
    """A whole network.

    Attributes
    ----------
    spec : NetSpec
    input : IntegerInput
    layers : by name: ``stem.0``, ``blocks.3.expand``, ``.depthwise``, ``.project``, ``head``,
        ``classifier``
    sums : of the blocks with a shortcut, by name
    """

    spec: NetSpec
    input: IntegerInput
    layers: dict[str, IntegerLayer]
    sums: dict[str, IntegerSum]

    @property
    def last(self) -> IntegerLayer:
        """The layer that gives the logits."""
        return self.layers["head" if self.spec.classifier is None else "classifier"]

    def logits(self, features: Integers) -> Integers:
        """Return the 8-bit logits (n, classes) of log-mel (n, mels, frames) in 1/128 dB."""
        places = range(0, len(features), _AT_ONCE)
        return np.concatenate([self._logits(features[i : i + _AT_ONCE]) for i in places])

    def _logits(self, features: Integers) -> Integers:
        x = self.input(features)
        for i, conv in enumerate(self.spec.stem):
            x = _convolved(self.layers[f"stem.{i}"], x, conv.stride)
        for i, block in enumerate(self.spec.blocks):
            if block is not None:
                x = self._block(f"blocks.{i}", block, x)
        head = self.layers["head"]
        if self.spec.classifier is not None:
            x = _pointwise(head, x)
        size = x.shape[2] * x.shape[3]
        pooled = average(x.sum((2, 3), keepdims=True), size)
        return _pointwise(self.last, pooled)[:, :, 0, 0]

    def _block(self, name: str, block: BlockSpec, x: Integers) -> Integers:
        hidden = x
        if block.expand is not None:
            hidden = _pointwise(self.layers[f"{name}.expand"], x)
        hidden = _depthwise(self.layers[f"{name}.depthwise"], hidden, block.stride)
        out = _pointwise(self.layers[f"{name}.project"], hidden)
        if not block.shortcut:
            return out
        zero = self.sums[name].shortcut.zero
        return self.sums[name](_shortcut(x, block, zero), out)


def _pointwise(layer: IntegerLayer, x: Integers) -> Integers:
    """Return a 1 x 1 convolution of x (n, in, frequency, time)."""
    centred = (x - layer.source.zero).reshape(*x.shape[:2], -1).astype(np.float64)
    sums = np.matmul(layer.weights[:, :, 0, 0].astype(np.float64), centred)  # exact: below 2^53
    return layer.finish(sums.astype(np.int64).reshape(len(x), -1, *x.shape[2:]))


def _taps(layer: IntegerLayer, x: Integers, stride: Shape) -> NDArray[np.float64]:
    """Return what each output is made of: (n, in, frequency, time, kernel rows, kernel columns)."""
    kernel = layer.weights.shape[2:]
    around = [(0, 0), (0, 0), *((extent // 2, extent // 2) for extent in kernel)]
    padded = np.pad((x - layer.source.zero).astype(np.float64), around)
    taps = np.lib.stride_tricks.sliding_window_view(padded, kernel, (2, 3))
    return taps[:, :, :: stride[0], :: stride[1]]


def _convolved(layer: IntegerLayer, x: Integers, stride: Shape) -> Integers:
    taps = _taps(layer, x, stride)
    sums = np.tensordot(taps, layer.weights.astype(np.float64), ((1, 4, 5), (1, 2, 3)))
    return layer.finish(sums.transpose(0, 3, 1, 2).astype(np.int64))


def _depthwise(layer: IntegerLayer, x: Integers, stride: Shape) -> Integers:
    taps = _taps(layer, x, stride)
    sums = np.einsum("ncyxij,cij->ncyx", taps, layer.weights[:, 0].astype(np.float64))
    return layer.finish(sums.astype(np.int64))


def _shortcut(x: Integers, block: BlockSpec, zero: int) -> Integers:
    """Return a block's input as it is added: averaged where the block strides, cut or padded."""
    if block.stride != (1, 1):
        x = _pooled(x, block.stride)
    missing = block.out_channels - block.in_channels
    if missing > 0:
        return np.pad(x, ((0, 0), (0, missing), (0, 0), (0, 0)), constant_values=zero)
    return x[:, : block.out_channels]


def _pooled(x: Integers, stride: Shape) -> Integers:
    """Return averages of neighbours; at the end of a map there may be fewer of them."""
    totals, counts = x, np.ones((1, 1, *x.shape[2:]), np.int64)
    for axis, step in zip((2, 3), stride, strict=True):
        starts = np.arange(0, x.shape[axis], step)
        totals = np.add.reduceat(totals, starts, axis)
        counts = np.add.reduceat(counts, starts, axis)
    return average(totals, counts)


def probabilities(logits: list[Integers], scales: list[Scale], temperature: float) -> np.ndarray:
    """Return the probabilities (n, classes) of one network's logits, or the mean of several's."""
    values = [scale.values(each) for each, scale in zip(logits, scales, strict=True)]
    shifted = [np.exp(each - each.max(1, keepdims=True)) for each in values]
    mean = np.mean([each / each.sum(1, keepdims=True) for each in shifted], axis=0)
    sharpened = np.exp(np.log(np.maximum(mean, 1e-30)) / temperature)
    return sharpened / sharpened.sum(1, keepdims=True)
