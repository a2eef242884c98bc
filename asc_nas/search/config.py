"""The settings of a search."""

from typing import Any, Literal, Self

from pydantic import Field, SerializeAsAny, field_validator, model_validator

from asc_nas.core.config import Amount, Config, Workers
from asc_nas.search.limits import Limits
from asc_nas.search.objectives import DEFAULT_OBJECTIVES, Objective
from asc_nas.search.strategies import STRATEGIES, StrategySettings


class SearchConfig(Config):
    """How networks are searched."""

    population: int = Field(40, ge=4, le=10_000)
    """Candidates of a generation; more make a finer Pareto set and take longer."""
    generations: Amount = 20
    """Rounds in which candidates are judged, the first, random one included. Time grows with them.
    """
    strategy: SerializeAsAny[StrategySettings] = Field("nsga2", validate_default=True)
    """How candidates are proposed: the name of a strategy, such as `nsga2` or `hand_made`, or a
    mapping with its `name` and its own settings, as in `{name: nsga2, mutation: 0.2}`."""
    objectives: tuple[Objective, ...] = Field(DEFAULT_OBJECTIVES, min_length=2)
    """What is traded against what, two things at least. The first score among them decides which
    member of the Pareto set is the best; macro-F1 if there is none."""
    limits: Limits = Limits()
    """What a network may cost at most: the name of ready-made limits, or a mapping. Set it to what
    the device can do."""
    judge: Literal["supernet", "training"] = "supernet"
    """What judges candidates: shared weights of the supernet, or a training of each alone, by the
    recipe of `rank` and with one seed. Trainings are true and dear: use `surrogate`, and a small
    `population`. Give `rank.epochs` what `retrain.epochs` has: on ESC-50 trainings of a fifth chose
    what learns fast, which was behind networks made by hand. A supernet is trained then only for a
    strategy that asks it."""
    folds: Amount = 1
    """Parts of the training clips, cut by group. For every part the supernet (or with `judge:
    training` each network) is trained once without it, and networks are judged on all parts
    together, out-of-fold. More clips tell networks apart, at as many trainings. 1 trains on train
    and judges on search-val."""
    recalibration: bool = True
    """Judge every candidate with batch-norm statistics of its own, computed on training clips; else
    with those that all candidates left behind in training. On spoken digits scores say nothing
    without it; on ESC-10 it did not help."""
    stop_sign: bool = True
    """Where real trainings judge: end after the first round if nothing that steers the search
    orders networks of equal cost (Kendall's tau below 0.2), and take the hand-made networks.
    `false` goes on and takes what is found: for a small first round, of which little can be told.
    Of a run that has ended so, `rank.folder` gives the trainings to another.
    The strategy `random` is never stopped."""
    workers: Workers = 1
    """Processes that judge a generation, on one thread each; with 1 it is judged on all threads of
    this one. Set it to the number of free cores."""

    @property
    def trains_supernet(self) -> bool:
        """Whether the search needs supernets: to judge, or for a strategy that asks them first."""
        return self.judge == "supernet" or self.strategy.asks > 0

    @property
    def rounds(self) -> int:
        """Generations that there are: one where nothing is searched."""
        return self.generations if self.strategy.searches else 1

    @model_validator(mode="after")
    def _check_asked(self) -> Self:
        if self.judge == "supernet" and self.strategy.asks:
            raise ValueError(
                "the supernet judges already; for search.strategy.supernet set search.judge to "
                "training, or leave it out"
            )
        return self

    @model_validator(mode="before")
    @classmethod
    def _take_over_mutation(cls, values: Any) -> Any:
        """Take over what stood beside the strategy before there were several."""
        if not isinstance(values, dict) or "mutation" not in values:
            return values
        others = {key: value for key, value in values.items() if key != "mutation"}
        if values["mutation"] is None:
            return others
        strategy = _as_mapping(values.get("strategy", {}))
        return others | {"strategy": strategy | {"mutation": values["mutation"]}}

    @field_validator("strategy", mode="before")
    @classmethod
    def _resolve_strategy(cls, value: Any) -> Any:
        if isinstance(value, StrategySettings):
            return value
        settings = {"name": "nsga2"} | _as_mapping(value)
        return STRATEGIES[str(settings["name"])].parse(settings, "search.strategy")


def _as_mapping(strategy: Any) -> dict[str, Any]:
    if not isinstance(strategy, (str, dict)):
        raise ValueError("give a search strategy by its name, or by a mapping that has it")
    return {"name": strategy} if isinstance(strategy, str) else strategy
