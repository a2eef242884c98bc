"""The settings of an experiment, all but its data."""

from typing import Any

from pydantic import Field, PositiveInt, field_validator

from asc_nas.audio.logmel import PRESETS, FrontEnd, frontend_from
from asc_nas.config import Config
from asc_nas.search.nsga2 import SearchConfig
from asc_nas.space.genotype import BlockGene, Genotype, Kernel
from asc_nas.space.search_space import SearchSpace, SpaceConfig
from asc_nas.space.skeleton import Skeleton, skeleton_from
from asc_nas.training.loop import TrainConfig
from asc_nas.training.supernet_trainer import SupernetConfig


class FixedNetwork(Config):
    """A hand-made network: every block alike.

    Attributes
    ----------
    kernels : block i uses kernel i, counted around; ``[t5, f5]`` alternates, ``[s3]`` is square
    expansion : float
    """

    kernels: tuple[str, ...] = Field(min_length=1)
    expansion: float = Field(2.0, ge=1)

    def genotype(self, blocks: int) -> Genotype:
        """Return the genotype for a skeleton of `blocks` blocks."""
        kernels = [Kernel.parse(text) for text in self.kernels]
        return Genotype(
            tuple(BlockGene((kernels[i % len(kernels)],), self.expansion) for i in range(blocks))
        )


class RetrainConfig(TrainConfig):
    """How chosen networks are trained from scratch.

    Attributes
    ----------
    members : int
        How many members of the Pareto set, spread evenly over it.
    use_search_val : bool
        Train on train and search-val together: nothing is chosen on search-val any more.
    """

    members: PositiveInt = 4
    use_search_val: bool = True


class PipelineConfig(Config):
    """Everything that follows from the features.

    `frontend` and `skeleton` are the name of a ready-made one or a mapping.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][\w.-]*$")
    seed: int = Field(0, ge=0)
    frontend: FrontEnd = PRESETS["esc10"]
    skeleton: Skeleton = skeleton_from("cp_mobile")
    space: SpaceConfig = SpaceConfig()
    supernet: SupernetConfig = SupernetConfig()
    search: SearchConfig = SearchConfig()
    retrain: RetrainConfig = RetrainConfig()
    baselines: dict[str, FixedNetwork] = Field(default_factory=dict)

    @field_validator("frontend", mode="before")
    @classmethod
    def _resolve_frontend(cls, value: Any) -> FrontEnd:
        return frontend_from(value)

    @field_validator("skeleton", mode="before")
    @classmethod
    def _resolve_skeleton(cls, value: Any) -> Skeleton:
        return skeleton_from(value)

    def search_space(self) -> SearchSpace:
        """Return the search space on this skeleton."""
        return SearchSpace.build(self.space, self.skeleton)
