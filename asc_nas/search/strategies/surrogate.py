"""Search by a surrogate: predict from the networks that were judged which to judge next.

Made for judgements that are dear, such as real trainings. After NSGANetV2 (Lu et al., arXiv
2007.10396), with a Gaussian process in place of its ensemble: a few dozen trainings are enough for
it, and it says how sure it is.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from pydantic import Field, NonNegativeFloat

from asc_nas.core.config import Amount
from asc_nas.core.randomness import derived_seed, stream
from asc_nas.search.objectives import SCORES, Evaluation, Objective
from asc_nas.search.pareto import hypervolume, pareto_set
from asc_nas.search.ranking import sample_over_cost
from asc_nas.search.strategies.nsga2 import NSGA2Search
from asc_nas.search.strategies.strategy import STRATEGIES, SearchTask, StrategySettings, search_with
from asc_nas.search.surrogate import Surrogate
from asc_nas.space.genotype import Genotype


@STRATEGIES.register("surrogate")
class SurrogateSettings(StrategySettings):
    """A model of the scores, fitted to the networks judged so far, proposes the next ones."""

    first: Amount = 24
    """Networks of the first round: the hand-made ones, and others that share half their choices
    with them, spread over the whole range of cost, which are at least half as many as this. With
    fewer than about twenty the model knows too little."""
    optimism: NonNegativeFloat = 1.0
    """How many standard deviations above its prediction `surrogate` takes a network for: more
    explores, 0 trusts the model."""
    enough: float = Field(0.002, ge=0, lt=1)
    """Share of hypervolume that a network must promise to be judged; the search ends when none
    does. 0 goes on to the last generation."""

    def strategy(self, task: SearchTask) -> "SurrogateSearch":
        """Return the strategy at the beginning of a search."""
        return SurrogateSearch(task, self)


class SurrogateSearch:
    """Asks for networks spread over the cost range, then for what promises most hypervolume."""

    def __init__(self, task: SearchTask, settings: SurrogateSettings) -> None:
        self._task, self._settings = task, settings
        self._judged: list[Evaluation] = []
        self._round = 0

    def ask(self) -> list[Genotype]:
        """Return the genotypes of the next round; none when the search is done."""
        if self._round == self._task.rounds:
            return []
        self._round += 1
        return self._first() if self._round == 1 else self._promising()

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Take the evaluations of the genotypes that were asked for last, in their order."""
        self._judged += evaluations

    def _first(self) -> list[Genotype]:
        task, wanted = self._task, self._settings.first
        rng = stream(task.seed, "surrogate", "first")
        drawn = min(task.space.count, max(wanted - len(task.first), wanted // 2))
        meets = task.limits.met_by
        spread = sample_over_cost(task.space, task.cost_of, drawn, rng, meets, task.first)
        return list(dict.fromkeys([*task.first, *spread]))

    def _promising(self) -> list[Genotype]:
        """Return the genotypes that add most to the front, each beside those chosen before it."""
        task, known = self._task, {evaluation.genotype for evaluation in self._judged}
        ideal, nadir = self._box()
        front = pareto_set(self._judged, task.objectives)
        pool = [e for e in self._predicted_front() if e.genotype not in known]
        chosen: list[Genotype] = []
        volume = hypervolume(front, task.objectives, ideal, nadir)
        while pool and len(chosen) < task.candidates:
            gains = [hypervolume([*front, e], task.objectives, ideal, nadir) - volume for e in pool]
            best = int(np.argmax(gains))
            if gains[best] < max(self._settings.enough, 1e-12):
                break
            front.append(pool.pop(best))
            volume += gains[best]
            chosen.append(front[-1].genotype)
        return chosen

    def _predicted_front(self) -> list[Evaluation]:
        """Return what NSGA-II finds where the surrogate judges, as it hopes they are."""
        task = self._task
        scores = [o for o in task.objectives if o.name in SCORES]
        models = {o.name: Surrogate(task.space, self._judged, o.name) for o in scores}

        def judge(genotypes: Sequence[Genotype]) -> list[Evaluation]:
            found = [_unjudged(genotype, task) for genotype in genotypes]
            for objective in scores:
                mean, spread = models[objective.name].predict(found)
                sign = 1.0 if objective.sense == "max" else -1.0
                hoped = mean + sign * self._settings.optimism * spread
                found = [
                    _with_score(e, objective.name, value)
                    for e, value in zip(found, hoped.tolist(), strict=True)
                ]
            return found

        own = replace(
            task,
            candidates=100,
            rounds=30,
            seed=derived_seed(task.seed, "surrogate", self._round),
            first=tuple(e.genotype for e in pareto_set(self._judged, task.objectives)),
        )
        rounds = search_with(NSGA2Search(own), judge)
        return pareto_set([e for found in rounds for e in found], task.objectives)

    def _box(self) -> tuple[dict[str, float], dict[str, float]]:
        """Return the ideal and the worst value that was judged of each objective."""
        return _ideal(self._task.objectives), {
            o.name: (min if o.sense == "max" else max)(getattr(e, o.name) for e in self._judged)
            for o in self._task.objectives
        }


def _ideal(objectives: Sequence[Objective]) -> dict[str, float]:
    return {o.name: 1.0 if o.sense == "max" else 0.0 for o in objectives}


def _unjudged(genotype: Genotype, task: SearchTask) -> Evaluation:
    """Return a genotype with its cost alone."""
    return Evaluation.of(genotype, task.cost_of(genotype), dict.fromkeys(SCORES, float("nan")))


def _with_score(evaluation: Evaluation, name: str, value: float) -> Evaluation:
    changed: dict[str, Any] = {name: value}
    return replace(evaluation, **changed)
