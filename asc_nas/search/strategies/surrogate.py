"""Search by a surrogate: predict from the networks that were judged which to judge next.

Made for judgements that are dear, such as real trainings. After NSGANetV2 (Lu et al., arXiv
2007.10396), with a Gaussian process in place of its ensemble: a few dozen trainings are enough for
it, and it says how sure it is.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
from pydantic import Field, NonNegativeFloat

from asc_nas.core.config import Amount
from asc_nas.core.randomness import derived_seed, stream
from asc_nas.search.evaluator import Evaluate
from asc_nas.search.objectives import SCORES, Evaluation, Objective, leading_score
from asc_nas.search.pareto import choose, hypervolume, pareto_set
from asc_nas.search.ranking import sample_over_cost
from asc_nas.search.strategies.nsga2 import NSGA2Search
from asc_nas.search.strategies.random import drawn_uniformly
from asc_nas.search.strategies.strategy import STRATEGIES, SearchTask, StrategySettings, search_with
from asc_nas.search.surrogate import Surrogate, scored_by
from asc_nas.space.genotype import Genotype

EXPECTED = 100, 30
"""Candidates and generations of NSGA-II where the model alone judges."""
ASKED = 40, 10
"""The same where each candidate is judged with shared weights first, which takes longer."""


@STRATEGIES.register("surrogate")
class SurrogateSettings(StrategySettings):
    """A model of the scores, fitted to the networks judged so far, proposes the next ones."""

    first: Amount = 24
    """Networks of the first round: the hand-made ones, and others, which are at least half as many
    as this. Half of the others share half their choices with the hand-made ones and are spread over
    the whole range of cost; half are drawn as `random` draws its own. With `supernet` half of all
    others are of its front. With fewer than about twenty the model knows too little."""
    optimism: NonNegativeFloat = 1.0
    """How many standard deviations above its prediction `surrogate` takes a network for: more
    explores, 0 trusts the model."""
    enough: float = Field(0.002, ge=0, lt=1)
    """Share of hypervolume, or of the range of scores, that a network must promise to be judged;
    the search ends when none does. 0 goes on to the last generation."""
    best: float = Field(0.5, ge=0, le=1)
    """Share of a round that is to have the best score, whatever it costs within the limits; the
    others are to widen the whole front. The network with the best score is the one that is kept."""

    supernet: bool = False
    """Train a supernet first, where candidates are trained (`search.judge`): networks that it
    favours are among the first, and its score is one more thing that the model knows of each."""

    @property
    def asks(self) -> int:
        """Networks that it has judged with shared weights before it proposes a round, at most."""
        return ASKED[0] * ASKED[1] if self.supernet else 0

    def strategy(self, task: SearchTask) -> "SurrogateSearch":
        """Return the strategy at the beginning of a search."""
        return SurrogateSearch(task, self)


class SurrogateSearch:
    """Asks for hand-made networks, others near them and at random, then for what promises most."""

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
        drawn = max(wanted - len(task.first), wanted // 2)
        favoured = [g for g in self._favoured(drawn // 2) if g not in task.first]
        near = self._near((drawn - len(favoured)) // 2)
        known = list(dict.fromkeys([*task.first, *favoured, *near]))
        left = len(task.first) + drawn - len(known)
        return [*known, *islice(drawn_uniformly(task, known), left)]

    def _near(self, count: int) -> list[Genotype]:
        """Return networks near the hand-made ones, spread over the range of cost."""
        task, rng = self._task, stream(self._task.seed, "surrogate", "first")
        count, meets = min(count, task.space.count), task.limits.met_by
        return sample_over_cost(task.space, task.cost_of, count, rng, meets, task.first)

    def _favoured(self, count: int) -> list[Genotype]:
        """Return networks of the front by shared weights, spread over it, if there are any."""
        task = self._task
        if task.shared is None or not count:
            return []
        front = pareto_set(self._evolved(task.shared, task.first), task.objectives)
        return [front[i].genotype for i in choose(front, task.objectives, count)]

    def _promising(self) -> list[Genotype]:
        """Return what promises most, each beside those chosen before it; first the best scores.

        A network that was chosen counts as judged with what is expected of it, so that the next is
        not all but the same.
        """
        task = self._task
        believed, pool = list(self._judged), self._predicted()
        for_score = round(self._settings.best * task.candidates)
        for number in range(task.candidates):
            models = self._models(believed)
            hoped = self._hoped(pool, models)
            choose = self._best_score if number < for_score else self._most_volume
            chosen = choose(hoped, believed)
            if chosen is None:
                continue
            believed.append(self._hoped([pool.pop(chosen)], models, optimism=0.0)[0])
        return [evaluation.genotype for evaluation in believed[len(self._judged) :]]

    def _best_score(
        self, hoped: Sequence[Evaluation], believed: Sequence[Evaluation]
    ) -> int | None:
        """Return the place of the best hoped score, if it is enough above all that are known."""
        score = leading_score(self._task.objectives)
        sign = 1.0 if score.sense == "max" else -1.0
        scores = [sign * getattr(e, score.name) for e in hoped]
        known = [sign * getattr(e, score.name) for e in believed]
        enough = max(self._settings.enough * (max(known) - min(known)), 1e-12)
        first = int(np.argmax(scores)) if scores else -1
        return first if scores and scores[first] >= max(known) + enough else None

    def _most_volume(
        self, hoped: Sequence[Evaluation], believed: Sequence[Evaluation]
    ) -> int | None:
        """Return the place of what adds most to the front, if that is enough."""
        objectives = self._task.objectives
        ideal, nadir = self._box()
        front = pareto_set(believed, objectives)
        volume = hypervolume(front, objectives, ideal, nadir)
        promising = pareto_set(hoped, objectives)
        gains = [hypervolume([*front, e], objectives, ideal, nadir) - volume for e in promising]
        if not gains or max(gains) < max(self._settings.enough, 1e-12):
            return None
        return hoped.index(promising[int(np.argmax(gains))])

    def _predicted(self) -> list[Evaluation]:
        """Return what NSGA-II asks for where the surrogate judges, without what is judged."""
        task, models = self._task, self._models(self._judged)

        def judge(genotypes: Sequence[Genotype]) -> list[Evaluation]:
            return self._hoped([_unjudged(genotype, task) for genotype in genotypes], models)

        first = [e.genotype for e in pareto_set(self._judged, task.objectives)]
        known = {evaluation.genotype for evaluation in self._judged}
        found = {e.genotype: e for e in self._evolved(judge, first) if e.genotype not in known}
        return list(found.values())

    def _evolved(self, judge: Evaluate, first: Sequence[Genotype]) -> list[Evaluation]:
        """Return all that NSGA-II asks for where `judge` judges."""
        task = self._task
        candidates, rounds = EXPECTED if task.shared is None else ASKED
        seed = derived_seed(task.seed, "surrogate", self._round)
        own = replace(
            task, candidates=candidates, rounds=rounds, seed=seed, first=tuple(first), shared=None
        )
        found = search_with(NSGA2Search(own), judge)
        return [evaluation for each in found for evaluation in each]

    def _models(self, believed: Sequence[Evaluation]) -> dict[str, Surrogate]:
        """Return a surrogate of each score that is an objective."""
        task, names = self._task, [o.name for o in self._task.objectives if o.name in SCORES]
        return {
            name: Surrogate(task.space, believed, name, scored_by(task.shared, name))
            for name in names
        }

    def _hoped(
        self,
        evaluations: Sequence[Evaluation],
        models: dict[str, Surrogate],
        optimism: float | None = None,
    ) -> list[Evaluation]:
        """Return evaluations with the scores that they have at best, or, without optimism, likely.

        Parameters
        ----------
        optimism : that of the settings by default
        """
        found = list(evaluations)
        if not found:
            return found
        hope = self._settings.optimism if optimism is None else optimism
        senses = {o.name: 1.0 if o.sense == "max" else -1.0 for o in self._task.objectives}
        for name, model in models.items():
            mean, spread = model.predict(found)
            hoped = (mean + senses[name] * hope * spread).tolist()
            found = [_with_score(e, name, value) for e, value in zip(found, hoped, strict=True)]
        return found

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
