"""NSGA-II (Deb et al. 2002) over genotypes, with pymoo."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from pydantic import Field, PositiveInt
from pymoo.algorithms.moo.nsga2 import NSGA2
from pymoo.core.problem import Problem
from pymoo.operators.survival.rank_and_crowding import RankAndCrowding

from asc_nas.core.config import Config
from asc_nas.cost.counts import Cost
from asc_nas.search.evaluator import Evaluate
from asc_nas.search.objectives import (
    DEFAULT_OBJECTIVES,
    Evaluation,
    Limits,
    Objective,
    to_minimise,
)
from asc_nas.search.strategies.crowding import WeightedCrowding
from asc_nas.search.strategies.operators import FeasibleSampling, ResetMutation, UniformCrossover
from asc_nas.space.genotype import Genotype
from asc_nas.space.search_space import SearchSpace

CostOf = Callable[[Genotype], Cost]
OnGeneration = Callable[[int, list[Evaluation]], None]


class SearchConfig(Config):
    """Settings of the search.

    Attributes
    ----------
    population, generations : int
        `generations` counts the first, random one.
    objectives : list of Objective
        Their weights enter the crowding distance.
    limits : Limits
        Constraints, not penalties.
    mutation : float or None
        Probability that a gene is drawn anew; None is 1 / blocks.
    recalibration : bool
        Judge every candidate with batch-norm statistics of its own, see `SupernetEvaluator`.
    workers : int
        Processes that judge a generation, on one thread each; with 1 it is judged in this process,
        on all its threads.
    """

    population: int = Field(40, ge=4)
    generations: PositiveInt = 20
    objectives: tuple[Objective, ...] = Field(DEFAULT_OBJECTIVES, min_length=2)
    limits: Limits = Limits()
    mutation: float | None = Field(None, gt=0, le=1)
    recalibration: bool = True
    workers: PositiveInt = 1


class GenotypeProblem(Problem):
    """Objectives and constraints of integer vectors; a vector that breaks a limit is not judged."""

    def __init__(
        self,
        space: SearchSpace,
        evaluate: Evaluate,
        cost_of: CostOf,
        objectives: Sequence[Objective],
        limits: Limits,
    ) -> None:
        self.space = space
        self.evaluate_genotypes = evaluate
        self.cost_of = cost_of
        self.objectives = objectives
        self.limits = limits
        self.last: list[Evaluation] = []
        some_cost = cost_of(space.largest())
        super().__init__(
            n_var=len(space),
            n_obj=len(objectives),
            n_ieq_constr=len(limits.excess(some_cost)),
            xl=0,
            xu=np.array(space.sizes) - 1,
            vtype=int,
        )

    def _evaluate(self, x: np.ndarray, out: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        genotypes = [self.space.decode(vector) for vector in x]
        costs = [self.cost_of(genotype) for genotype in genotypes]
        excess = np.array([list(self.limits.excess(cost).values()) for cost in costs])
        feasible = [self.limits.met_by(cost) for cost in costs]
        self.last = self.evaluate_genotypes(
            [genotype for genotype, ok in zip(genotypes, feasible, strict=True) if ok]
        )
        # Constrained domination compares infeasible vectors by their excess alone.
        values = np.full((len(x), self.n_obj), 1e30)
        values[feasible] = to_minimise(self.last, self.objectives)
        out["F"] = values
        if self.n_ieq_constr:
            out["G"] = excess


def nsga2(
    space: SearchSpace,
    evaluate: Evaluate,
    cost_of: CostOf,
    config: SearchConfig,
    *,
    seed: int,
    on_generation: OnGeneration | None = None,
) -> list[Genotype]:
    """Run the search; what it finds is what `evaluate` was asked, generation by generation.

    The course depends on the seed and the evaluations alone. A search that was interrupted is
    resumed by running it again over an evaluator that remembers: it takes the same course, and only
    what is new costs time.

    Parameters
    ----------
    on_generation : called with the generation (from 1) and its offspring's evaluations

    Returns
    -------
    list of Genotype
        The population that survived the last generation.
    """
    problem = GenotypeProblem(space, evaluate, cost_of, config.objectives, config.limits)
    weights = [objective.weight for objective in config.objectives]
    algorithm = NSGA2(
        pop_size=config.population,
        sampling=FeasibleSampling(space, config.limits, cost_of),
        crossover=UniformCrossover(prob=0.9),
        mutation=ResetMutation(space, config.mutation),
        survival=RankAndCrowding(crowding_func=WeightedCrowding(weights)),
        eliminate_duplicates=True,
    )
    algorithm.setup(problem, termination=("n_gen", config.generations), seed=seed)
    generation = 0
    while algorithm.has_next():
        problem.last = []
        algorithm.next()
        generation += 1
        if on_generation is not None:
            on_generation(generation, problem.last)
    return [space.decode(vector) for vector in algorithm.pop.get("X")]
