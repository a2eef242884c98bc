"""NSGA-II (Deb et al., IEEE Trans. Evolutionary Computation 6(2), 2002) over genotypes, with pymoo.

With weights of the objectives it is the weighted NSGA-II of MoGA (Chu et al., arXiv 1908.01314).
"""

from collections.abc import Sequence

import numpy as np
from pydantic import Field
from pymoo.algorithms.moo.nsga2 import NSGA2
from pymoo.core.evaluator import Evaluator
from pymoo.core.population import Population
from pymoo.core.problem import Problem
from pymoo.operators.survival.rank_and_crowding import RankAndCrowding
from pymoo.problems.static import StaticProblem

from asc_nas.search.objectives import Evaluation, to_minimise
from asc_nas.search.strategies.crowding import WeightedCrowding
from asc_nas.search.strategies.operators import FeasibleSampling, ResetMutation, UniformCrossover
from asc_nas.search.strategies.strategy import STRATEGIES, SearchTask, StrategySettings
from asc_nas.space.genotype import Genotype


@STRATEGIES.register("nsga2")
class NSGA2Settings(StrategySettings):
    """The genetic algorithm NSGA-II."""

    mutation: float | None = Field(None, gt=0, le=1)
    """Probability that `nsga2` draws a gene anew; null is one gene of a genotype in the mean."""

    def strategy(self, task: SearchTask) -> "NSGA2Search":
        """Return the strategy at the beginning of a search."""
        return NSGA2Search(task, self.mutation)


class NSGA2Search:
    """Asks for a random population, then for offspring of the best.

    Limits are constraints, not penalties: a genotype that breaks one is compared by its excess
    alone and never asked for. A generation of nothing else passes unasked.

    Parameters
    ----------
    mutation : float or None
        Probability that a gene is drawn anew; None is 1 / blocks.
    """

    def __init__(self, task: SearchTask, mutation: float | None = None) -> None:
        self._task = task
        space = task.space
        self._problem = Problem(
            n_var=len(space),
            n_obj=len(task.objectives),
            n_ieq_constr=len(task.limits.excess(task.cost_of(space.largest()))),
            xl=0,
            xu=np.array(space.sizes) - 1,
            vtype=int,
        )
        weights = [objective.weight for objective in task.objectives]
        self._algorithm = NSGA2(
            pop_size=task.candidates,
            sampling=FeasibleSampling(space, task.limits, task.cost_of, task.first),
            crossover=UniformCrossover(prob=0.9),
            mutation=ResetMutation(space, mutation),
            survival=RankAndCrowding(crowding_func=WeightedCrowding(weights)),
            eliminate_duplicates=True,
        )
        self._algorithm.setup(self._problem, termination=("n_gen", task.rounds), seed=task.seed)
        self._offspring = Population.empty()
        self._excess = np.zeros((0, 0))  # (offspring, limits), above 0 where a limit is broken

    @property
    def population(self) -> list[Genotype]:
        """The genotypes that survived the last generation."""
        return [self._task.space.decode(vector) for vector in self._algorithm.pop.get("X")]

    def ask(self) -> list[Genotype]:
        """Return the genotypes of the next round; none when the search is done."""
        task = self._task
        while self._algorithm.has_next():
            offspring = self._algorithm.ask()
            if offspring is None:  # the space is exhausted
                self._algorithm.tell()
                break
            self._offspring = offspring
            genotypes = [task.space.decode(vector) for vector in offspring.get("X")]
            costs = [task.cost_of(genotype) for genotype in genotypes]
            self._excess = np.array([list(task.limits.excess(cost).values()) for cost in costs])
            feasible = [g for g, ok in zip(genotypes, self._feasible, strict=True) if ok]
            if feasible:
                return feasible
            self.tell([])
        return []

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Take the evaluations of the genotypes that were asked for last, in their order."""
        # Constrained domination compares infeasible vectors by their excess alone.
        values = np.full((len(self._offspring), self._problem.n_obj), 1e30)
        values[self._feasible] = to_minimise(evaluations, self._task.objectives)
        outcome = {"F": values} | ({"G": self._excess} if self._problem.n_ieq_constr else {})
        Evaluator().eval(StaticProblem(self._problem, **outcome), self._offspring)
        self._algorithm.tell(infills=self._offspring)

    @property
    def _feasible(self) -> np.ndarray:
        return np.all(self._excess <= 0, axis=1)
