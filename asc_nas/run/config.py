"""The settings of an experiment, all but its data."""

from itertools import cycle
from typing import Annotated, Any

from pydantic import Field, PositiveInt, field_validator, model_validator

from asc_nas.audio.logmel import PRESETS, FrontEnd, frontend_from
from asc_nas.core.config import Config
from asc_nas.search.shrinking import ShrinkingConfig
from asc_nas.search.strategies.nsga2 import SearchConfig
from asc_nas.space.genotype import BlockGene, Genotype, Kernel
from asc_nas.space.search_space import SearchSpace, SpaceConfig
from asc_nas.space.skeleton import Skeleton, skeleton_from
from asc_nas.training.supernet_trainer import SupernetConfig
from asc_nas.training.trainer import TrainConfig


class FixedNetwork(Config):
    """A hand-made network.

    Attributes
    ----------
    kernels : block i uses kernel i, counted around; ``[t5, f5]`` alternates, ``[s3]`` is square,
        ``[f3+t3]`` sums two in every block
    expansion : counted around too; a single number is that of all blocks
    """

    kernels: tuple[str, ...] = Field(min_length=1)
    expansion: tuple[Annotated[float, Field(ge=1)], ...] = Field((2.0,), min_length=1)

    @field_validator("expansion", mode="before")
    @classmethod
    def _as_list(cls, value: Any) -> Any:
        return (value,) if isinstance(value, (int, float)) else value

    def genotype(self, blocks: int) -> Genotype:
        """Return the genotype for a skeleton of `blocks` blocks."""
        kernels, expansions = cycle(self.kernels), cycle(self.expansion)
        return Genotype(
            tuple(
                BlockGene(tuple(map(Kernel.parse, next(kernels).split("+"))), next(expansions))
                for _ in range(blocks)
            )
        )


class TeacherConfig(FixedNetwork):
    """The ensemble that teaches the networks that are trained from scratch.

    Attributes
    ----------
    members : int
        Networks, which differ by their seeds.
    share : float
        Of the targets that is the mean of their posteriors; the rest are the labels.
    """

    members: PositiveInt = 3
    share: float = Field(0.5, gt=0, le=1)


class RetrainConfig(TrainConfig):
    """How chosen networks are trained from scratch.

    Attributes
    ----------
    members : int
        How many members of the Pareto set, spread evenly over it.
    use_search_val : bool
        Train on train and search-val together: nothing is chosen on search-val any more.
    workers : int
        Trainings side by side, on one thread each; with 1 they follow one another on all threads.
    calibrate : bool
        Fit the temperature of the best member's probabilities. With `use_search_val` this takes one
        more training, of a twin that search-val is kept from.
    teacher : TeacherConfig or None
        Networks that are trained first and teach all others.
    """

    members: PositiveInt = 4
    use_search_val: bool = True
    workers: PositiveInt = 1
    calibrate: bool = True
    teacher: TeacherConfig | None = None

    @property
    def roles(self) -> tuple[str, ...]:
        """Roles of the clips that networks are trained on."""
        return ("train", "search_val") if self.use_search_val else ("train",)


class RankConfig(TrainConfig):
    """How architectures are trained alone to see whether the supernet orders them rightly.

    Attributes
    ----------
    networks : int
        Architectures, spread over the whole range of MACs.
    repeats : int
        Trainings of each, with seeds 0, 1, ...
    """

    networks: int = Field(32, ge=4)
    repeats: PositiveInt = 2


class PipelineConfig(Config):
    """Everything that follows from the features.

    `frontend` and `skeleton` are the name of a ready-made one or a mapping. `latency` is a table
    of measured layers (``latency.json``, a relative path being relative to the working directory),
    or ``measure``: the run measures its layers on this machine before the search.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][\w.-]*$")
    seed: int = Field(0, ge=0)
    frontend: FrontEnd = PRESETS["esc10"]
    skeleton: Skeleton = skeleton_from("cp_mobile")
    space: SpaceConfig = SpaceConfig()
    supernet: SupernetConfig = SupernetConfig()
    shrinking: ShrinkingConfig | None = None
    latency: str | None = None
    search: SearchConfig = SearchConfig()
    retrain: RetrainConfig = RetrainConfig()
    rank: RankConfig = RankConfig()
    baselines: dict[str, FixedNetwork] = Field(default_factory=dict)

    @field_validator("frontend", mode="before")
    @classmethod
    def _resolve_frontend(cls, value: Any) -> FrontEnd:
        return frontend_from(value)

    @field_validator("skeleton", mode="before")
    @classmethod
    def _resolve_skeleton(cls, value: Any) -> Skeleton:
        return skeleton_from(value)

    @model_validator(mode="after")
    def _check_shrinking(self) -> "PipelineConfig":
        if self.shrinking is not None:
            supernet = self.supernet
            self.shrinking.check(self.search_space(), supernet.epochs, supernet.broadening_epochs)
        return self

    @model_validator(mode="after")
    def _check_latency(self) -> "PipelineConfig":
        asked = self.search.limits.max_latency_ms is not None or any(
            objective.name == "latency_ms" for objective in self.search.objectives
        )
        if asked and self.latency is None:
            raise ValueError(
                "an objective or a limit on latency needs a table of measured layers: add "
                "'latency: measure' (this machine) or 'latency: FILE' (another device, see "
                "'asc-nas latency kit')"
            )
        return self

    def search_space(self) -> SearchSpace:
        """Return the search space on this skeleton."""
        return SearchSpace.build(self.space, self.skeleton)
