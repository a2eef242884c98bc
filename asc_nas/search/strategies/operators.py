"""Sampling and variation of genotypes for pymoo: genes are unordered categories."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from pymoo.core.mutation import Mutation
from pymoo.core.sampling import Sampling
from pymoo.operators.crossover.ux import UniformCrossover

from asc_nas.cost.counts import Cost
from asc_nas.search.feasibility import require_feasible
from asc_nas.search.limits import Limits
from asc_nas.space.genotype import Genotype
from asc_nas.space.search_space import SearchSpace

__all__ = ["FeasibleSampling", "ResetMutation", "UniformCrossover"]


class FeasibleSampling(Sampling):
    """Distinct genotypes: the `first` ones, then drawn uniformly, those that meet the limits first.

    Draws at most `tries` times as many as needed; what is then missing is filled up with genotypes
    that break a limit, which constrained selection sorts out; where no draw met the limits, one
    that does, if there is any.
    """

    def __init__(
        self,
        space: SearchSpace,
        limits: Limits,
        cost_of: Any,
        first: Sequence[Genotype] = (),
        tries: int = 50,
    ) -> None:
        super().__init__()
        self.space = space
        self.limits = limits
        self.cost_of = cost_of
        self.first = first
        self.tries = tries

    def _do(
        self, problem: Any, n_samples: int, *args: Any, random_state: Any = None, **kwargs: Any
    ) -> np.ndarray:
        encoded = [self.space.encode(genotype) for genotype in self.first]
        feasible = dict.fromkeys(tuple(map(int, vector)) for vector in encoded)
        others: dict[tuple[int, ...], None] = {}
        for _ in range(self.tries * n_samples):
            genotype = self.space.sample(random_state)
            cost: Cost = self.cost_of(genotype)
            vector = tuple(int(i) for i in self.space.encode(genotype))
            (feasible if self.limits.met_by(cost) else others)[vector] = None
            if len(feasible) == n_samples:
                break
        if not feasible:  # they are rare: the feasibility check knows how to find one
            rare = require_feasible(self.space, self.cost_of, self.limits)
            feasible[tuple(int(i) for i in self.space.encode(rare))] = None
        return np.array([*feasible, *others][:n_samples], dtype=np.int64)


class ResetMutation(Mutation):
    """Each gene is, with probability `prob_var` (default 1 / genes), drawn anew.

    The new value is uniform over the other candidates of the block, so a mutated gene does change.
    """

    def __init__(self, space: SearchSpace, prob_var: float | None = None) -> None:
        super().__init__(prob=1.0, prob_var=prob_var)
        self.space = space

    def _do(
        self, problem: Any, x: np.ndarray, *args: Any, random_state: Any = None, **kwargs: Any
    ) -> np.ndarray:
        sizes = np.array(self.space.sizes)
        prob_var = self.get_prob_var(problem, size=len(x))
        chosen = random_state.random(x.shape) < np.reshape(prob_var, (-1, 1))
        shift = random_state.integers(1, np.maximum(sizes, 2), size=x.shape)
        return np.where(chosen, (x + shift) % sizes, x)
