"""The settings of a run, whole; each group of settings stands beside the code that uses it."""

import re
from itertools import cycle
from typing import Annotated, Any, Self

from pydantic import Field, NonNegativeFloat, PositiveFloat, field_validator, model_validator

from asc_nas.audio.logmel import PRESETS, FrontEnd, frontend_from
from asc_nas.core.config import Amount, Config, Workers
from asc_nas.core.errors import UsageError
from asc_nas.search.config import SearchConfig
from asc_nas.search.shrinking import ShrinkingConfig
from asc_nas.space.genotype import BlockGene, Genotype, Kernel
from asc_nas.space.hearing import frontend_of
from asc_nas.space.search_space import SearchSpace, SpaceConfig
from asc_nas.space.skeleton import Skeleton, skeleton_from
from asc_nas.training.adaptation import AdaptConfig
from asc_nas.training.device import ComputeConfig
from asc_nas.training.supernet_trainer import SupernetConfig
from asc_nas.training.trainer import TrainConfig
from data_prep.splits import SplitConfig


class DataConfig(SplitConfig):
    """Which recordings, and how they are divided."""

    dataset: str
    """Name of a reader, as `asc-nas data list` shows them. For own recordings: `folders` (a folder
    per class) or `csv` (a list)."""
    folder: str | None = None
    """Folder of the recordings, or the list that `csv` reads; usually given with `--data`."""
    split: str | None = None
    """Published split of the training list, for sets that have some (`asc-nas data list` shows
    them): of TAU Urban 2022 Mobile ``5``, ``10``, ``25``, ``50`` or ``100`` per cent, as DCASE Task
    1 asks for since 2024. Its list stands in ``evaluation_setup/split25.csv``. null trains on the
    whole list."""
    skip_unreadable: bool = False
    """Leave out (and list) clips that cannot be read, where otherwise the run stops."""
    workers: Workers | None = None
    """Processes that compute features; null is one per core. Fewer leave cores to other work."""
    exclude: str | None = None
    """Text file with the keys of clips to leave out, one per line, as `asc-nas data check
    --exclude` writes it."""
    licence: str | None = Field(default=None, max_length=200)
    """Licence of the recordings, for the cards of models; null is that of the dataset, which is
    unknown for `folders` and `csv`."""
    source: str = Field(default="", max_length=2000)
    """Who made the recordings and where they are published, for the cards of models."""

    @field_validator("split", mode="before")
    @classmethod
    def _as_name(cls, value: Any) -> Any:
        return str(value) if isinstance(value, int) else value


class FixedNetwork(Config):
    """A hand-made network."""

    network: str | None = None
    """The network as `asc-nas search` and reports write it, in place of `kernels` and `expansion`.
    """
    kernels: tuple[str, ...] = ()
    """Kernels of the blocks, written as in `space.kernels`. Block i uses kernel i, counted around:
    ``[t5, f5]`` alternates, ``[s3]`` is square, ``[f3+t3]`` sums two in every block."""
    expansion: tuple[Annotated[float, Field(ge=1)], ...] = Field((2.0,), min_length=1)
    """Hidden channels as multiples of the input channels, counted around too; a single number is
    that of all blocks. It brings networks to equal MACs."""

    @field_validator("expansion", mode="before")
    @classmethod
    def _as_list(cls, value: Any) -> Any:
        return (value,) if isinstance(value, (int, float)) else value

    @model_validator(mode="after")
    def _check_network(self) -> Self:
        self._check_one()
        return self

    def _check_one(self) -> None:
        if (self.network is None) == (not self.kernels):
            raise ValueError("give either kernels (and expansion) or a network")
        if self.network is not None:
            Genotype.parse(self.network)

    def genotype(self, blocks: int) -> Genotype:
        """Return the genotype for a skeleton of `blocks` blocks."""
        if self.network is not None:
            return Genotype.parse(self.network)
        kernels, expansions = cycle(self.kernels), cycle(self.expansion)
        return Genotype(
            tuple(
                BlockGene(tuple(map(Kernel.parse, next(kernels).split("+"))), next(expansions))
                for _ in range(blocks)
            )
        )


class TeacherConfig(FixedNetwork):
    """What teaches the networks that are trained from scratch: an ensemble, or files of logits."""

    logits: tuple[str, ...] = ()
    """Files of what teachers say of the training clips, as `asc-nas teach` writes them, in place of
    `kernels` or `network`; their logits are averaged. Of a clip that is shifted or filtered they
    stay the same, of mixed clips they are mixed. What calibrates a network learns from them too: a
    teacher that heard search-val makes probabilities a little too sure."""
    feature_weight: NonNegativeFloat = 0.0
    """Weight of feature distillation (FitNets, Romero et al., arXiv 1412.6550; 0: off): what the
    last layer takes is mapped linearly, and its cosine with the embeddings in the files of `logits`
    is learnt too. The map is dropped after the training; in its share in 8-bit integers, see
    `qat_share`, answers alone are learnt. With teachers that had heard the same clips 1 cost 3.8
    points on a fold of ESC-50."""
    temperature: PositiveFloat = 1.0
    """What the logits of the files are divided by: more makes the targets softer."""
    members: Amount = 3
    """Number of networks in the ensemble, which differ by their seeds; each is one more training.
    """
    share: float = Field(0.5, gt=0, le=1)
    """Share of the targets that is the mean of the teachers' probabilities; the rest are the
    labels."""

    @property
    def trained(self) -> int:
        """Number of networks that are trained first."""
        return 0 if self.logits else self.members

    @model_validator(mode="after")
    def _check_network(self) -> Self:
        if self.logits and (self.kernels or self.network):
            raise ValueError("give either logits or the kernels or network of an ensemble")
        if not self.logits:
            self._check_one()
            if self.feature_weight:
                raise ValueError("feature_weight is of the embeddings in files: give logits too")
        return self


SUPERNET = "supernet"
"""In place of weights to start from: the supernet of the run."""


class RetrainConfig(TrainConfig):
    """How chosen networks are trained from scratch."""

    members: Amount = 4
    """Members of the Pareto set that are trained, spread evenly over it; each is one training. Take
    several: scores of shared weights find good regions, not the best network."""
    use_search_val: bool = True
    """Train on train and search-val together: nothing is chosen on search-val any more."""
    workers: Workers = 1
    """Trainings side by side, on one thread each; with 1 they follow one another on all threads.
    More pay for long trainings of small networks."""
    calibrate: bool = True
    """Fit the temperature of the best member's probabilities. With `use_search_val` this takes one
    more training, of a twin that search-val is kept from; false saves it."""
    qat_share: float = Field(0.0, ge=0, lt=1)
    """Share of the training, at its end, in which the network computes as its exports in 8-bit
    integers do, with fixed batch norms (quantisation-aware training, Jacob et al., arXiv
    1712.05877; 0: off). For networks that lose accuracy as `c` or `tflite`; on ESC-10 none did."""
    start_from: str | None = None
    """Weights that every network begins with, in place of random ones: the folder of a trained
    network (RUN/retrain/NAME), or the name of weights in a folder of models (NAME.safetensors);
    ``esc50`` comes with asc-nas. Each layer takes what it has in common with the other network: the
    leading channels, and kernels of the same size. The layer to the classes is taken if the labels
    are the same. The front end must be the same. `supernet` is the run's own supernet, of which
    every network of the space is a slice; other networks then begin with random weights. What this
    gains was not measured."""
    frozen_share: float = Field(0.0, ge=0, lt=1)
    """Share of the training, at its beginning, in which only the layer to the classes learns; with
    `start_from`."""
    started_rate: float = Field(1.0, gt=0, le=1)
    """Learning rate of all layers but the one to the classes, as a share of `learning_rate`; with
    `start_from`. What this gains was not measured."""
    teacher: TeacherConfig | None = None
    """Networks that are trained first and teach all others; null is none. Three of expansion 2
    gained nothing on ESC-10; two that cost four times the student's gained 1.2 points (0.1 to 2.3)
    on ESC-50."""

    @property
    def starts_from_supernet(self) -> bool:
        """Whether networks begin as slices of the run's supernet."""
        return self.start_from == SUPERNET

    @model_validator(mode="after")
    def _check_start(self) -> Self:
        if self.start_from is None:
            for name, value, off in (
                ("frozen_share", self.frozen_share, 0),
                ("started_rate", self.started_rate, 1),
            ):
                if value != off:
                    raise ValueError(f"{name} is of layers that start_from has filled: give it too")
        return self

    @property
    def roles(self) -> tuple[str, ...]:
        """Roles of the clips that networks are trained on."""
        return ("train", "search_val") if self.use_search_val else ("train",)


class RankConfig(TrainConfig):
    """How architectures are trained alone: where trainings judge a search, and for `asc-nas rank`.

    `asc-nas rank` sees whether the supernet orders them rightly.
    """

    group = "rank"

    networks: int = Field(32, ge=4, le=10_000)
    """Number of architectures, spread over the whole range of MACs. More narrow the interval."""
    repeats: Amount = 2
    """Trainings of each architecture, with seeds 0, 1, ... Two single seeds agree badly on spoken
    digits (tau 0.36), so more make a better judge; time grows with them."""
    folder: str | None = None
    """Where their scores are kept. Give several runs the same folder, and what one has trained
    with the same clips, roles and recipe no other trains again: a search under other limits starts
    from what is known. null: in the run's own folder."""

    def recipe(self) -> dict[str, Any]:
        """Return the settings that scores depend on."""
        return self.model_dump(mode="json", exclude={"networks", "repeats", "folder"})


NAME = r"[A-Za-z0-9][A-Za-z0-9._+-]*"
"""What names a file or a folder: it is one everywhere, and in a model's card."""

_TAKEN = re.compile(
    r"\d+|best|searched|skip|g[0-9a-f]{8}|.*-(int8|together|seed-?\d+)|[tfs]\d+.*e\d.*"
)


def check_network_name(name: str) -> None:
    """Raise ValueError unless a hand-made network can be called so, among all files of a run."""
    if not re.fullmatch(NAME, name):
        raise ValueError(f"'{name}' is no name: use letters, digits and . _ + - only")
    if _TAKEN.fullmatch(name):
        raise ValueError(
            f"'{name}' is, or may be, the name of another network or file of a run (a member's id, "
            "a genotype, best, searched, or one that ends in -int8, -together or -seedN); rename it"
        )


class RunConfig(Config):
    """Everything a run needs."""

    name: str = Field(pattern=f"^{NAME}$")
    """Name of the run: letters (a to z), digits, ``_``, ``.``, ``+`` and ``-``. The run is written
    into ``runs/NAME`` and its models are called after it."""
    seed: int = Field(0, ge=0)
    """Seed of all that is drawn: the split, the supernet, the search, the retraining. Another one
    repeats the whole run with other draws."""
    frontend: FrontEnd = PRESETS["esc10"]
    """The log-mel front end: the name of a preset, or a mapping."""
    skeleton: Skeleton = skeleton_from("cp_mobile")
    """What all networks have in common: the name of a ready-made one, or a mapping, in which
    ``like: NAME`` stands for the settings that are not given."""
    space: SpaceConfig = SpaceConfig()
    """Which kernels and channel numbers the search may choose from."""
    supernet: SupernetConfig = SupernetConfig()
    """How the shared weights are trained."""
    shrinking: ShrinkingConfig | None = None
    """When and how far the space shrinks while the supernet trains; null is never."""
    latency: str | None = None
    """Table of measured layers, which objectives and limits on latency need. ``measure``: the run
    measures its layers on this machine before the search. Or a ``latency.json`` of another device;
    a relative path starts at the working directory."""
    search: SearchConfig = SearchConfig()
    """How networks are searched: objectives, limits, size."""
    retrain: RetrainConfig = RetrainConfig()
    """How the chosen networks and the baselines are trained from scratch."""
    rank: RankConfig = RankConfig()
    """How `asc-nas rank` trains networks alone."""
    adapt: AdaptConfig = AdaptConfig()
    """How `asc-nas adapt` trains networks on for single recording devices."""
    compute: ComputeConfig = ComputeConfig()
    """Where networks are trained and judged."""
    baselines: dict[str, FixedNetwork] = Field(default_factory=dict)
    """Hand-made networks by name, trained like the chosen ones, whatever they cost. `{}` is none.
    """
    data: DataConfig
    """The recordings, and which of them train, steer the search and test."""
    budget: str | None = None
    """Time that `asc-nas run` may take, as in ``30m`` or ``1h30m``: the run measures its work,
    then chooses the epochs of supernet and retraining and the generations to fit. With
    `search.judge: training` it measures a training, and the generations are trainings. A search
    that takes longer than planned ends early."""

    @field_validator("baselines")
    @classmethod
    def _check_names(cls, baselines: dict[str, FixedNetwork]) -> dict[str, FixedNetwork]:
        folders: dict[str, str] = {}
        for name in baselines:
            check_network_name(name)
            if (other := folders.setdefault(name.casefold(), name)) != name:
                raise ValueError(f"'{other}' and '{name}' are one folder where case does not count")
        return baselines

    @field_validator("budget", mode="before")
    @classmethod
    def _check_budget(cls, value: Any) -> Any:
        if value is not None:
            parse_duration(str(value))  # YAML makes a number of one without a unit
        return value

    @field_validator("frontend", mode="before")
    @classmethod
    def _resolve_frontend(cls, value: Any) -> FrontEnd:
        return frontend_from(value)

    @field_validator("skeleton", mode="before")
    @classmethod
    def _resolve_skeleton(cls, value: Any) -> Skeleton:
        return skeleton_from(value)

    @model_validator(mode="after")
    def _check_shrinking(self) -> "RunConfig":
        if self.shrinking is not None:
            supernet, search = self.supernet, self.search
            if search.trains_supernet and search.folds > 1:
                raise ValueError(
                    "shrinking would leave the supernet of every part another space; set "
                    "search.folds to 1, or shrinking to null"
                )
            self.shrinking.check(self.search_space(), supernet.epochs, supernet.broadening_epochs)
        return self

    @model_validator(mode="after")
    def _check_supernet_to_start_from(self) -> "RunConfig":
        search = self.search
        if self.retrain.starts_from_supernet and (not search.trains_supernet or search.folds > 1):
            raise ValueError(
                "retrain.start_from: supernet needs one supernet: search.folds 1, and search.judge "
                "supernet or search.strategy.supernet true"
            )
        return self

    @model_validator(mode="after")
    def _check_space(self) -> "RunConfig":
        self.search_space()
        teacher = self.retrain.teacher
        if teacher is not None and teacher.trained and len(self.frontends()) > 1:
            raise ValueError(
                "retrain.teacher: teachers hear what their students hear, so they cannot teach "
                "networks with several front ends; leave out the teacher or space.frontends"
            )
        return self

    @model_validator(mode="after")
    def _check_latency(self) -> "RunConfig":
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
        return SearchSpace.build(self.space, self.skeleton, self.frontend)

    def frontends(self) -> list[FrontEnd]:
        """Return the run's front end, and those that networks of the space hear through."""
        own = self.frontend
        every = [frontend_of((change.gene(own),), own) for change in self.space.frontends]
        return list(dict.fromkeys([own, *every]))

    @property
    def beside_members(self) -> tuple[str, ...]:
        """The hand-made networks that a run trains besides its members; none if these are so."""
        return tuple(self.baselines) if self.search.strategy.searches else ()

    def fixed_genotype(self, name: str) -> Genotype:
        """Return the genotype of a baseline."""
        return self.baselines[name].genotype(len(self.skeleton.block_plans))


_UNITS = {"s": 1, "m": 60, "h": 3600}


def parse_duration(text: str) -> float:
    """Return the seconds of ``90s``, ``30m``, ``2h`` or ``1h30m``.

    Raises
    ------
    UsageError
        If it is none of these.
    """
    if not re.fullmatch(r"(\d+(\.\d+)?[hms])+", text.strip()):
        raise UsageError(f"'{text}' is no duration; write it as 90s, 30m, 2h or 1h30m.")
    return sum(float(n) * _UNITS[unit] for n, unit in re.findall(r"([\d.]+)([hms])", text))
