"""The skeleton: what all networks of a space have in common, as data.

Stem convolutions, stages of blocks with their channels and strides, and the head. The named ones
are YAML files in ``skeletons/``; a config gives a name or its own mapping.
"""

from functools import lru_cache
from importlib import resources
from typing import Any

import yaml
from pydantic import PositiveFloat, PositiveInt, model_validator

from asc_nas.core.config import Config
from asc_nas.core.errors import UsageError, closest
from asc_nas.space.shape_gene import ShapeGene

Stride = tuple[PositiveInt, PositiveInt]


class StemConv(Config):
    """A full convolution of the stem."""

    channels: PositiveInt
    """Output channels of the convolution. The last one's are the input of the first block."""
    kernel: PositiveInt = 3
    """Size of the square kernel, bands and frames."""
    stride: Stride = (2, 2)
    """Stride along frequency and time. A larger one makes all that follows cheaper, and coarser."""


class Stage(Config):
    """Blocks of one nominal output width."""

    channels: PositiveInt
    """Nominal output channels of each block of the stage. Of all shapes tried on ESC-10 only
    wider ones gained; MACs grow faster than the width."""
    strides: tuple[Stride, ...]
    """Stride along frequency and time of each block: as many blocks as there are strides."""


class Skeleton(Config):
    """Everything that is not searched."""

    input_range_db: PositiveFloat | None = None
    """The input is the level below the loudest bin of the clip, at most this many dB, so that the
    level of a recording does not matter; null is the level as the front end gives it. Set 60 for
    recordings of any level, not for scenes that differ in loudness itself."""
    stem: tuple[StemConv, ...]
    """Convolutions before the first block, at least one."""
    stages: tuple[Stage, ...]
    """Groups of blocks in their order, at least one. Their blocks are what is searched."""
    head_channels: PositiveInt | None = None
    """null: a 1 x 1 convolution to the classes, batch norm, global average pooling (CP-Mobile).
    A number: a 1 x 1 convolution to that many features, pooling, a linear layer (MobileNetV2); 256
    gained nothing on ESC-10."""
    channel_multiple: PositiveInt = 8
    """Searched widths and hidden widths are rounded to a multiple of this. Narrow skeletons take 4.
    """
    activation_after_sum: bool = True
    """ReLU after the shortcut's sum (CP-Mobile), or a linear bottleneck (MobileNetV2). Equally good
    on ESC-10."""

    @model_validator(mode="after")
    def _check(self) -> "Skeleton":
        if not self.stem or not self.stages:
            raise ValueError("a skeleton needs at least one stem convolution and one stage")
        return self

    @property
    def block_plans(self) -> tuple["BlockPlan", ...]:
        """The blocks in order, with their nominal widths and strides."""
        plans, before = [], self.stem[-1].channels
        for stage in self.stages:
            for stride in stage.strides:
                plans.append(BlockPlan(before, stage.channels, stride))
                before = stage.channels
        return tuple(plans)

    def shaped(self, shape: tuple[ShapeGene, ...]) -> "Skeleton":
        """Return the skeleton with what the genes of a genotype's shape choose.

        Raises
        ------
        UsageError
            If a gene does not suit the skeleton: another number of stem convolutions, or a stage or
            block that is not there.
        """
        return _shaped(self, shape) if shape else self


@lru_cache(maxsize=4096)
def _shaped(skeleton: Skeleton, shape: tuple[ShapeGene, ...]) -> Skeleton:
    changed: dict[str, Any] = {"stages": list(skeleton.stages)}
    for gene in shape:
        if gene.kind == "stem":
            changed["stem"] = _stem(skeleton.stem, gene)
        elif gene.kind == "stage":
            if gene.stage > len(skeleton.stages):
                raise UsageError(f"gene '{gene}': the skeleton has {len(skeleton.stages)} stages.")
            old = changed["stages"][gene.stage - 1]
            changed["stages"][gene.stage - 1] = old.model_copy(update={"channels": gene.numbers[0]})
        elif gene.kind == "head":
            changed["head_channels"] = gene.numbers[0] or None
        elif gene.kind == "sum":
            changed["activation_after_sum"] = gene.value == "relu"
    for gene in shape:
        if gene.kind == "down":
            strides = iter(gene.strides(len(skeleton.block_plans)))
            changed["stages"] = [
                stage.model_copy(update={"strides": tuple(next(strides) for _ in stage.strides)})
                for stage in changed["stages"]
            ]
    changed["stages"] = tuple(changed["stages"])
    return skeleton.model_copy(update=changed)


def _stem(stem: tuple[StemConv, ...], gene: ShapeGene) -> tuple[StemConv, ...]:
    if len(gene.numbers) != len(stem):
        raise UsageError(f"gene '{gene}': the skeleton's stem has {len(stem)} convolutions.")
    return tuple(
        conv.model_copy(update={"channels": channels})
        for conv, channels in zip(stem, gene.numbers, strict=True)
    )


class BlockPlan:
    """Place of one block in the skeleton."""

    def __init__(self, in_channels: int, out_channels: int, stride: Stride) -> None:
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.stride = stride

    @property
    def may_skip(self) -> bool:
        """Whether leaving the block out keeps shape and nominal width."""
        return self.stride == (1, 1) and self.in_channels == self.out_channels


def skeleton_names() -> list[str]:
    """Return the names of the skeletons that come with the package."""
    folder = resources.files("asc_nas.space") / "skeletons"
    return sorted(f.name.removesuffix(".yaml") for f in folder.iterdir() if f.name[0] not in "._")


def skeleton_from(value: Any) -> Skeleton:
    """Return a skeleton from its name, a mapping, or a skeleton.

    A mapping has all fields, or those that differ from a named one: ``{like: cp_mobile,
    input_range_db: 60}``.

    Raises
    ------
    UsageError
        If there is no skeleton of that name, or the mapping is not one.
    """
    if isinstance(value, Skeleton):
        return value
    if isinstance(value, str):
        return Skeleton.parse(_named(value), f"skeleton '{value}'")
    if isinstance(value, dict) and "like" in value:
        changed = {key: field for key, field in value.items() if key != "like"}
        return Skeleton.parse(_named(value["like"]) | changed, "skeleton")
    return Skeleton.parse(value, "skeleton")


def _named(name: Any) -> dict[str, Any]:
    names = skeleton_names()
    if name not in names:
        raise UsageError(
            f"skeleton: no '{name}'.{closest(str(name), names)} Known: {', '.join(names)}."
        )
    text = (resources.files("asc_nas.space") / "skeletons" / f"{name}.yaml").read_text("utf-8")
    fields: dict[str, Any] = yaml.safe_load(text)
    return fields
