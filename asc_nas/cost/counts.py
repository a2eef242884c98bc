"""MACs, parameters and bytes of a network, from its layer list and its front end.

MACs (multiply-accumulates) are those of the convolutions and the linear layer for one example, as
PyTorch profilers count them; batch norm, pooling and sums are left out, since inference folds or
fuses them. Parameters are the learned numbers of the network as built: weights and the two affine
parameters per channel of every batch norm. Of summed depthwise kernels those count that are
left when they are joined, see `asc_nas.space.netspec.joined`.

NeSsi, the calculator of DCASE Task 1 (https://github.com/AlbertoAncilotto/NeSsi), counts PyTorch
networks with torchinfo: the same parameters, and a MAC more for every parameter of a batch norm and
every bias of a linear layer. `Cost.nessi_macs` is that count, of the network as built: torchinfo
counts the bias of a convolution at every output position, so that a network with folded batch norms
would get a larger one.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from asc_nas.audio.logmel import FrontEnd
from asc_nas.cost.memory import memory_of
from asc_nas.space.netspec import ConvSpec, NetSpec, joined


@dataclass(frozen=True)
class LayerCost:
    """What one layer costs for one example.

    Attributes
    ----------
    name : str
        Place and role, as in ``blocks.3.expand``; the summed kernels of a block are one layer.
    macs, params : int
    affine : int
        Those of the parameters that belong to a batch norm or are the bias of the linear layer.
    """

    name: str
    macs: int
    params: int
    affine: int


@dataclass(frozen=True)
class Cost:
    """What one network costs for one example of `seconds` length.

    `ram_bytes` is the working memory of a device: activations in int8, and the buffers of the front
    end, see `asc_nas.cost.memory`.
    `latency_ms` is the time of one example on the device of a latency table; None without one.
    `affine` are those of the parameters that belong to batch norms or are a linear layer's bias.
    """

    macs: int
    params: int
    seconds: float
    ram_bytes: int
    latency_ms: float | None = None
    affine: int = 0

    @property
    def macs_per_second(self) -> float:
        """MACs per second of audio, the unit of the DCASE Task 1 limit."""
        return self.macs / self.seconds

    @property
    def nessi_macs(self) -> int:
        """MACs as NeSsi counts them: one more for each affine parameter."""
        return self.macs + self.affine

    def param_bytes(self, bytes_per_param: int = 4) -> int:
        """Bytes of the parameters in a numeric type of `bytes_per_param` bytes."""
        return self.params * bytes_per_param


def count(spec: NetSpec, frontend: FrontEnd) -> Cost:
    """Return the cost of `spec` for one example that it hears through `frontend`."""
    layers = layer_costs(spec)
    return Cost(
        macs=sum(layer.macs for layer in layers),
        params=sum(layer.params for layer in layers),
        seconds=frontend.seconds,
        ram_bytes=memory_of(spec, frontend).total,
        affine=sum(layer.affine for layer in layers),
    )


def layer_costs(spec: NetSpec) -> tuple[LayerCost, ...]:
    """Return the cost of every layer of `spec` for one example, in order."""
    return tuple(_layer_costs(joined(spec)))


def _layer_costs(spec: NetSpec) -> Iterator[LayerCost]:
    for i, conv in enumerate(spec.stem):
        yield _with_norm(f"stem.{i}", conv)
    for i, block in enumerate(spec.blocks):
        if block is None:
            continue
        if block.expand is not None:
            yield _with_norm(f"blocks.{i}.expand", block.expand)
        yield _with_norm(f"blocks.{i}.depthwise", *block.depthwise)
        yield _with_norm(f"blocks.{i}.project", block.project)
    yield _with_norm("head", spec.head)
    if spec.classifier is not None:
        outputs = spec.classifier.out_features
        weights = spec.classifier.in_features * outputs
        yield LayerCost("classifier", weights, weights + outputs, outputs)


def _with_norm(name: str, *convs: ConvSpec) -> LayerCost:
    """Return the cost of convolutions whose sum goes through one batch norm."""
    macs = params = 0
    for conv in convs:
        macs += conv.weights * conv.out_size[0] * conv.out_size[1]
        params += conv.weights
    affine = 2 * convs[0].out_channels
    return LayerCost(name, macs, params + affine, affine)
