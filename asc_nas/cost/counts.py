"""MACs, parameters and bytes of a network, from its layer list.

MACs (multiply-accumulates) are those of the convolutions and the linear layer for one example, as
PyTorch profilers count them; batch norm, pooling and sums are left out, since inference folds or
fuses them. Parameters are the learned numbers of the network as built: weights and the two affine
parameters per channel of every batch norm.
"""

from dataclasses import dataclass

from asc_nas.space.netspec import NetSpec


@dataclass(frozen=True)
class Cost:
    """What one network costs for one example of `seconds` length.

    `latency_ms` is the time of one example on the device of a latency table; None without one.
    """

    macs: int
    params: int
    seconds: float
    latency_ms: float | None = None

    @property
    def macs_per_second(self) -> float:
        """MACs per second of audio, the unit of the DCASE Task 1 limit."""
        return self.macs / self.seconds

    def param_bytes(self, bytes_per_param: int = 4) -> int:
        """Bytes of the parameters in a numeric type of `bytes_per_param` bytes."""
        return self.params * bytes_per_param


def count(spec: NetSpec, seconds: float) -> Cost:
    """Return the cost of `spec` for one example of `seconds` of audio."""
    macs = params = 0
    for _, conv in spec.convolutions():
        weights = conv.in_channels // conv.groups * conv.out_channels
        weights *= conv.kernel[0] * conv.kernel[1]
        macs += weights * conv.out_size[0] * conv.out_size[1]
        params += weights
    norms = [conv.out_channels for conv in (*spec.stem, spec.head)]
    for block in filter(None, spec.blocks):
        # One norm after the expansion, one after the sum of kernels, one after the projection.
        norms += [block.hidden_channels] * (2 if block.expand else 1) + [block.out_channels]
    params += 2 * sum(norms)
    if spec.classifier is not None:
        weights = spec.classifier.in_features * spec.classifier.out_features
        macs += weights
        params += weights + spec.classifier.out_features
    return Cost(macs, params, seconds)
