"""A model of scores, from which what is not judged yet is predicted."""

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asc_nas.search.evaluator import Evaluate
from asc_nas.search.objectives import Evaluation
from asc_nas.space.genotype import BlockGene, Genotype
from asc_nas.space.search_space import SearchSpace
from asc_nas.space.shape_gene import ShapeGene

OF_ONE_BLOCK = 0.3
"""How much what one block chose counts beside what the whole network is: which block has a kernel
matters less than that the kernel is there, and a few dozen networks cannot tell more."""


Further = Callable[[Sequence[Genotype]], Sequence[Sequence[float]]]
"""What else is known of networks before they are judged: as many numbers for each."""


def nothing_further(genotypes: Sequence[Genotype]) -> Sequence[Sequence[float]]:
    """Return no numbers for each."""
    return [()] * len(genotypes)


def scored_by(evaluate: Evaluate | None, score: str) -> Further:
    """Return what gives a score by another judge, such as a supernet; nothing where there is none.

    Parameters
    ----------
    score : name of the score
    """
    if evaluate is None:
        return nothing_further
    return lambda genotypes: [[getattr(e, score)] for e in evaluate(genotypes)]


class Surrogate:
    """A Gaussian process on costs, shape, means over the blocks and, counting less, every block.

    Costs and what else is known have a linear trend, too: the process alone forgets in a few dozen
    networks of many genes that larger ones are better.

    Parameters
    ----------
    judged : evaluations to fit
    score : name of the score that is predicted
    further : further features
    """

    def __init__(
        self,
        space: SearchSpace,
        judged: Sequence[Evaluation],
        score: str,
        further: Further = nothing_further,
    ) -> None:
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.gaussian_process import GaussianProcessRegressor
        from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
        from sklearn.preprocessing import StandardScaler

        self._space, self._further = space, further
        self._kernels = [space.kernels(block) for block in range(len(space.blocks))]
        values = np.array([getattr(e, score) for e in judged], dtype=np.float64)
        self._mean, self._scale = values.mean(), values.std() or 1.0
        self._scaler = StandardScaler().fit(self._features(judged))
        known = 2 + len(further([judged[0].genotype])[0])
        trend = ConstantKernel() * _trend_of(known)
        kernel = ConstantKernel() * RBF(5.0) + trend + WhiteKernel(0.3)
        self._model = GaussianProcessRegressor(kernel)
        with warnings.catch_warnings():  # scores without noise reach a bound of the kernel
            warnings.simplefilter("ignore", ConvergenceWarning)
            self._model.fit(self._weighted(judged), (values - self._mean) / self._scale)

    def predict(
        self, evaluations: Sequence[Evaluation]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the expected score of each and its standard deviation, (evaluations,).

        The noise of a single training is not in it.
        """
        mean, spread = self._model.predict(self._weighted(evaluations), return_std=True)
        noise = self._model.kernel_.k2.noise_level
        sure = np.sqrt(np.maximum(spread**2 - noise, 0))
        return self._mean + self._scale * mean, self._scale * sure

    def _weighted(self, evaluations: Sequence[Evaluation]) -> NDArray[np.float64]:
        rows: NDArray[np.float64] = self._scaler.transform(self._features(evaluations))
        of_blocks = sum(len(kernels) + 2 for kernels in self._kernels)
        rows[:, rows.shape[1] - of_blocks :] *= OF_ONE_BLOCK
        return rows

    def _features(self, evaluations: Sequence[Evaluation]) -> NDArray[np.float64]:
        """Return (evaluations, features): costs, shape, means over blocks, then every block's."""
        rows = []
        further = self._further([evaluation.genotype for evaluation in evaluations])
        for evaluation, known in zip(evaluations, further, strict=True):
            row = [np.log(evaluation.macs), np.log(evaluation.params), *known]
            for candidates in self._space.shape:
                place = candidates[0].place
                own = [gene for gene in evaluation.genotype.shape if gene.place == place]
                row += _shape_features(own[0] if own else None, candidates)
            row += _mean_features(evaluation.genotype.blocks)
            for kernels, gene in zip(self._kernels, evaluation.genotype.blocks, strict=True):
                row += [float(kernel in gene.kernels) for kernel in kernels]
                row += [0.0, 0.0] if gene.is_skip else [gene.expansion, gene.width]
            rows.append(row)
        return np.array(rows, dtype=np.float64)


def _mean_features(blocks: Sequence[BlockGene]) -> list[float]:
    """Return how many blocks there are, and the means of what they are."""
    active = [
        [
            len(gene.kernels),
            max(kernel.time for kernel in gene.kernels),
            max(kernel.frequency for kernel in gene.kernels),
            gene.expansion,
            gene.width,
        ]
        for gene in blocks
        if not gene.is_skip
    ]
    return [float(len(active)), *np.mean(active or [[0.0] * 5], axis=0).tolist()]


def _shape_features(own: ShapeGene | None, candidates: Sequence[ShapeGene]) -> list[float]:
    """Return the logarithms of a gene's numbers; of words, which of the candidates it is."""
    if candidates[0].kind in ("down", "sum"):
        return [float(gene == own) for gene in candidates]
    if own is None:  # a network from outside the space: as the first of them
        own = candidates[0]
    numbers = np.array(own.numeric, dtype=float)
    if own.kind == "input":  # window and hop in seconds
        numbers[1:3] /= numbers[0]
    return np.log(numbers + (own.kind == "head")).tolist()


def _trend_of(columns: int) -> Any:
    """Return a kernel that is linear in the first columns."""
    from sklearn.gaussian_process.kernels import DotProduct

    class Trend(DotProduct):
        def __init__(self, columns: int) -> None:
            super().__init__(sigma_0=0.0, sigma_0_bounds="fixed")
            self.columns = columns

        def __call__(self, x: Any, y: Any = None, eval_gradient: bool = False) -> Any:
            others = None if y is None else y[:, : self.columns]
            return super().__call__(x[:, : self.columns], others, eval_gradient)

        def diag(self, x: Any) -> Any:
            return super().diag(x[:, : self.columns])

    return Trend(columns)
