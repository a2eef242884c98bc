"""Judging many genotypes together: blocks that they begin with are computed once for all."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from asc_nas.nn.subnet import SubNet, pool_and_classify
from asc_nas.nn.supernet import Supernet
from asc_nas.search.evaluator import JudgedPart, SupernetEvaluator
from asc_nas.space.genotype import BlockGene, Genotype
from asc_nas.space.shape_gene import ShapeGene
from asc_nas.training.device import laid_out, to_device
from asc_nas.training.recalibration import own_statistics


@dataclass
class _Node:
    """A layer that all genotypes with one beginning share, and how they go on.

    Attributes
    ----------
    layer : module or None
        None for a skipped block, which passes its input on.
    children : dict
        By the next block's gene.
    ends : dict
        Head and classifier of the genotypes that end here.
    """

    layer: nn.Module | None
    children: dict[BlockGene, "_Node"] = field(default_factory=dict)
    ends: dict[Genotype, "_End"] = field(default_factory=dict)

    def branches(self) -> list["_Node | _End"]:
        """Return what takes this layer's output."""
        return [*self.children.values(), *self.ends.values()]


@dataclass
class _End:
    """What comes after the blocks of one genotype."""

    genotype: Genotype
    layer: nn.Module

    def branches(self) -> list["_Node | _End"]:
        """Return nothing: this is the last layer."""
        return []


class _Stem(nn.Module):
    """A network's layers before its first block."""

    def __init__(self, network: SubNet) -> None:
        super().__init__()
        self.input_norm, self.convolutions = network.input_norm, network.stem

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, 1, mels, frames) to the first block's input."""
        x = self.input_norm(x)
        for conv in self.convolutions:
            x = F.relu(conv(x))
        return x


class _Head(nn.Module):
    """A network's layers after its last block."""

    def __init__(self, network: SubNet) -> None:
        super().__init__()
        self.head, self.classifier = network.head, network.classifier

    def forward(self, x: Tensor) -> Tensor:
        """Map the last block's output to logits (n, classes)."""
        return pool_and_classify(self.head(x), self.classifier)


class PrefixEvaluator(SupernetEvaluator):
    """Equals `SupernetEvaluator`, with less work where genotypes begin alike.

    A layer's output and its batch-norm statistics depend on the shape and on the blocks up to it
    only. The genotypes of one shape are therefore put in a tree by their blocks and every node is
    computed once: first for the calibration clips, one level of whose outputs is held per block,
    then for the clips that are held out, batch by batch, however many they are; one part after the
    other.
    """

    def _posteriors(
        self, part: JudgedPart, calibration: Sequence[Tensor], genotypes: Sequence[Genotype]
    ) -> list[NDArray[np.float64]]:
        """Return the posteriors of the held-out clips, (clips, classes), by each genotype."""
        by_shape: dict[tuple[ShapeGene, ...], list[Genotype]] = {}
        for genotype in genotypes:
            by_shape.setdefault(genotype.shape, []).append(genotype)
        found: dict[Genotype, NDArray[np.float64]] = {}
        for alike in by_shape.values():
            found |= self._of_one_shape(part, calibration, alike)
        return [found[genotype] for genotype in genotypes]

    def _of_one_shape(
        self, part: JudgedPart, calibration: Sequence[Tensor], genotypes: Sequence[Genotype]
    ) -> dict[Genotype, NDArray[np.float64]]:
        root, held_out = _tree(part.supernet, genotypes, self.device), part.held_out
        if self.recalibration:
            with torch.no_grad():
                _recalibrate(root, list(calibration))
        said: dict[Genotype, list[Tensor]] = {genotype: [] for genotype in genotypes}
        for x, _ in self._loader.batches((held_out, chosen) for chosen in held_out.batches(64)):
            with torch.no_grad():
                for genotype, logits in _outputs(root, laid_out(x)):
                    said[genotype].append(logits.softmax(1))
        return {
            genotype: held_out.clip_posteriors(torch.cat(found).cpu().numpy())
            for genotype, found in said.items()
        }


def _tree(supernet: Supernet, genotypes: Sequence[Genotype], device: str) -> _Node:
    root: _Node | None = None
    for genotype in dict.fromkeys(genotypes):
        network = to_device(supernet.extract(genotype).eval(), device)
        root = root or _Node(_Stem(network))
        node = root
        for i, gene in enumerate(genotype.blocks):
            if gene not in node.children:
                node.children[gene] = _Node(None if gene.is_skip else network.blocks[str(i)])
            node = node.children[gene]
        node.ends[genotype] = _End(genotype, _Head(network))
    assert root is not None
    return root


def _recalibrate(node: _Node | _End, batches: list[Tensor]) -> None:
    """Give every layer from `node` on the statistics of `batches`, which are used up."""
    layer = node.layer
    outputs = batches
    if layer is not None:
        with own_statistics(layer):
            outputs = []
            while batches:
                outputs.append(layer(batches.pop(0)))
    branches = node.branches()
    for i, branch in enumerate(branches):
        last = i == len(branches) - 1
        _recalibrate(branch, outputs if last else list(outputs))


def _outputs(node: _Node | _End, x: Tensor) -> Iterator[tuple[Genotype, Tensor]]:
    """Yield every genotype below `node` with its logits for the input `x`."""
    if node.layer is not None:
        x = node.layer(x)
    if isinstance(node, _End):
        yield node.genotype, x
    for branch in node.branches():
        yield from _outputs(branch, x)
