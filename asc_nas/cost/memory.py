"""Peak memory of a network on a device: what is alive at once, from its layer list.

The plan is that of the exported C code (`asc_nas.export.targets.c`), which takes its offsets from
here, so that the figure is the code's own and not an estimate:

- Maps are stored plane by plane (channel, frequency, time), one value after the other.
- A block's expansion and depthwise kernels are one step: `PLANES` expanded planes at a time are
  made and convolved, so that the expanded map itself is never there.
- A block's projection adds the shortcut as it writes, with its pooling and its cut or padding. Of
  the same shape as the block's input, its output is written over it.
- A head with a classifier is averaged as it is computed; without one the average comes first and
  the convolution works on it, which is the same, since both are linear.
- Buffers whose times do not overlap share memory: each, the largest first, is put at the lowest
  free place (greedy by size, as in TensorFlow Lite Micro; Pisarchyk and Lee, arXiv 2001.03288).

What the front end holds beside it: the samples of one transform and the log-mel of one example, 16
bits a value, and the transform's own working memory, which the activations use too when it is done.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod

from asc_nas.audio.logmel import FrontEnd
from asc_nas.space.netspec import BlockSpec, ConvSpec, NetSpec

PLANES = 4
"""Planes that a fused step computes together: each value read is used as often."""
_SAMPLE_BYTES, _FEATURE_BYTES, _BIN_BYTES = 2, 2, 8


@dataclass(frozen=True)
class Buffer:
    """Values that are alive from the step `first` to the step `last`, both counted."""

    name: str
    values: int
    first: int
    last: int

    def meets(self, other: "Buffer") -> bool:
        """Whether both are alive at one time."""
        return self.first <= other.last and other.first <= self.last


@dataclass(frozen=True)
class MemoryPlan:
    """Where each value of a network lies.

    Attributes
    ----------
    offsets : dict
        Place of the first value of each map, by the name of what makes it: ``input``, ``stem.0``,
        ``blocks.3.depthwise``, ``blocks.3``, ``pooled``, ``logits``; and of the planes of a fused
        step, ``blocks.3.planes``.
    values : int
        Values of the whole; in int8 their number of bytes.
    """

    offsets: dict[str, int]
    values: int


@dataclass(frozen=True)
class Memory:
    """Bytes that a device needs beside its program, for one example at a time.

    Attributes
    ----------
    activations : int
        Of the network, in the type of its values.
    audio, features, transform : int
        The samples of one transform, the log-mel of an example, and the transform's own.
    """

    activations: int
    audio: int
    features: int
    transform: int

    @property
    def total(self) -> int:
        """All together; activations and transform are never needed at the same time."""
        return self.audio + self.features + max(self.activations, self.transform)


def memory_of(spec: NetSpec, frontend: FrontEnd, value_bytes: int = 1) -> Memory:
    """Return what a network and its front end need on a device.

    Networks that run one after the other, as a committee's do, need no more than one of them.

    Parameters
    ----------
    frontend : the one that the network hears through
    value_bytes : bytes of a value of the network's: 1 for int8, 4 for float32
    """
    return Memory(
        activations=value_bytes * plan(spec).values,
        audio=_SAMPLE_BYTES * frontend.n_fft,
        features=_FEATURE_BYTES * frontend.n_mels * frontend.frames,
        transform=_BIN_BYTES * (1 + frontend.n_fft // 2),
    )


def plan(spec: NetSpec) -> MemoryPlan:
    """Return the place of every map of a network."""
    buffers, written_over = _buffers(spec)
    offsets = _place(buffers)
    offsets |= {name: offsets[owner] for name, owner in written_over.items()}
    return MemoryPlan(offsets, max(offsets[buffer.name] + buffer.values for buffer in buffers))


def in_place(block: BlockSpec) -> bool:
    """Whether a block's output is written over its input."""
    same = block.in_channels == block.out_channels and block.stride == (1, 1)
    return block.shortcut and same


def _buffers(spec: NetSpec) -> tuple[list[Buffer], dict[str, str]]:
    """Return the buffers, and the owner of each map that has none of its own."""
    ends: dict[str, int] = {}
    starts = {"input": 0}
    values = {"input": prod(spec.input_size)}
    owner: dict[str, str] = {}
    step, current = 0, "input"

    def make(name: str, size: int) -> None:
        starts[name], values[name], ends[name] = step, size, step

    def use(name: str) -> None:
        ends[owner.get(name, name)] = step

    for i, conv in enumerate(spec.stem):
        use(current)
        make(f"stem.{i}", _values(conv))
        step, current = step + 1, f"stem.{i}"
    for i, block in enumerate(spec.blocks):
        if block is None:
            continue
        hidden, out = f"blocks.{i}.depthwise", f"blocks.{i}"
        use(current)
        if block.expand is not None:
            make(f"blocks.{i}.planes", PLANES * prod(block.expand.out_size))
        make(hidden, _values(block.depthwise[0]))
        step += 1
        use(hidden)
        if block.shortcut:
            use(current)
        if in_place(block):
            owner[out] = owner.get(current, current)
        else:
            make(out, _values(block.project))
        step, current = step + 1, out
    use(current)
    if spec.classifier is None:
        make("pooled", spec.head.in_channels)
    else:
        make("pooled", spec.head.out_channels)
    step += 1
    use("pooled")
    linear = spec.classifier
    make("logits", spec.head.out_channels if linear is None else linear.out_features)
    return [Buffer(name, values[name], starts[name], ends[name]) for name in values], owner


def _values(conv: ConvSpec) -> int:
    return conv.out_channels * prod(conv.out_size)


def _place(buffers: Iterable[Buffer]) -> dict[str, int]:
    """Return the offset of each buffer: the largest first, at the lowest place that is free."""
    placed: list[tuple[int, Buffer]] = []
    for buffer in sorted(buffers, key=lambda buffer: -buffer.values):
        offset = 0
        for start, other in sorted((entry for entry in placed), key=lambda entry: entry[0]):
            if buffer.meets(other) and offset < start + other.values:
                if offset + buffer.values <= start:
                    break
                offset = start + other.values
        placed.append((offset, buffer))
    return {buffer.name: offset for offset, buffer in placed}
