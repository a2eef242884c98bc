"""How well supernet scores order architectures, compared with training each one alone."""

from collections.abc import Callable, Sequence
from typing import Annotated, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, FiniteFloat, model_validator

from asc_nas.core.documents import Count, Document, Measure, Part
from asc_nas.core.errors import UsageError
from asc_nas.cost.counts import Cost
from asc_nas.search.objectives import Objective, leading_score
from asc_nas.space.genotype import Genotype, GenotypeText
from asc_nas.space.search_space import SearchSpace

TITLES = {
    "macro_f1": "supernet macro-F1",
    "log_loss": "supernet log loss",
    "macro_f1_as_trained": "supernet macro-F1, no recalibration",
    "log_loss_as_trained": "supernet log loss, no recalibration",
    "macs": "MACs alone",
    "params": "parameters alone",
}
"""What is compared with stand-alone training, as people read it: supernet scores on search-val with
the candidate's own batch-norm statistics, the same with those left from training, and, as what any
supernet has to beat, cost alone."""
PREDICTORS = {name: -1 if name.startswith("log_loss") else 1 for name in TITLES}
"""1 where more is better and -1 where less is."""


def ranking_score(objectives: Sequence[Objective]) -> str:
    """Return the score by which a ranking is drawn: the leading one, or macro-F1 for accuracy.

    A ranking knows macro-F1 and log loss.
    """
    score = leading_score(objectives).name
    return score if score in ("macro_f1", "log_loss") else "macro_f1"


class Agreement(Part):
    """Kendall's tau-b between two scores of the same architectures.

    Attributes
    ----------
    tau : float
        1 where both order alike, 0 for chance, NaN if a score is constant.
    low, high : float
        Bounds of the 95 % bootstrap interval, architectures drawn with replacement.
    """

    tau: Measure
    low: Measure
    high: Measure


def agreement(
    first: Sequence[float], second: Sequence[float], rng: np.random.Generator, draws: int = 2000
) -> Agreement:
    """Return Kendall's tau-b of two scores, each (architectures,), with its interval."""
    return agreement_of_pairs(differences(first), differences(second), rng, draws)


def differences(scores: Sequence[float]) -> NDArray[np.float64]:
    """Return how much more each has than each other, (architectures, architectures)."""
    values = np.asarray(scores, dtype=np.float64)
    return values[:, None] - values


def agreement_of_pairs(
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    rng: np.random.Generator,
    draws: int = 2000,
) -> Agreement:
    """Return Kendall's tau-b of two opinions on every pair, each (architectures, architectures).

    Where both are `differences` of scores, it is that of the scores.
    """
    a, b = np.sign(first), np.sign(second)
    drawn = rng.integers(0, len(a), (draws, len(a)))
    tau = _tau(a, b)
    taus = np.array([_tau(a[np.ix_(rows, rows)], b[np.ix_(rows, rows)]) for rows in drawn])
    taus = taus[~np.isnan(taus)]
    if not len(taus):
        return Agreement(tau=tau, low=float("nan"), high=float("nan"))
    low, high = np.quantile(taus, (0.025, 0.975))
    return Agreement(tau=tau, low=float(low), high=float(high))


def _tau(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Return tau-b of signs; NaN if one of both sees no difference."""
    pairs = np.sqrt(np.count_nonzero(a) * np.count_nonzero(b))
    return float((a * b).sum() / pairs) if pairs else float("nan")


def sample_over_cost(
    space: SearchSpace,
    cost_of: Callable[[Genotype], Cost],
    count: int,
    rng: np.random.Generator,
    fits: Callable[[Cost], bool] = lambda cost: True,
    near: Sequence[Genotype] = (),
) -> list[Genotype]:
    """Draw `count` different genotypes spread evenly over the space's whole range of MACs.

    Uniform draws crowd around the middle of the range. Here each draw leans towards cheap or dear
    candidates by a random amount, and one genotype is taken from each of `count` equal parts of the
    range that is reached (a second one where a part is empty).

    Parameters
    ----------
    fits : function of a genotype's cost
        Only genotypes that fit are drawn, and only their range counts; fewer than `count` if more
        are not found, none if there are none.
    near : sequence of Genotype
        Each draw has about half of the choices of one of these.

    Raises
    ------
    UsageError
        If the space has fewer than `count` genotypes.
    """
    if space.count < count:
        raise UsageError(f"the space has {space.count} genotypes, fewer than the {count} to rank.")
    by_cost = [_by_cost(space, cost_of, block) for block in range(len(space))]
    pool: dict[Genotype, int] = {}
    for _ in range(100):
        for _ in range(20 * count):
            genotype = _leaning_draw(by_cost, rng.uniform(-1, 1), space, rng)
            if near:
                genotype = _crossed(genotype, near[int(rng.integers(len(near)))], rng)
            cost = cost_of(genotype)
            if fits(cost):
                pool.setdefault(genotype, cost.macs)
        if len(pool) >= count:
            break
    if not pool:
        return []
    genotypes = list(pool)
    macs = np.array([pool[genotype] for genotype in genotypes], dtype=float)
    edges = np.linspace(macs.min(), macs.max(), count + 1)
    part = np.clip(np.searchsorted(edges, macs, side="right") - 1, 0, count - 1)
    order = rng.permutation(len(genotypes))
    # Of every part first one genotype, then (where others are empty) a second one, and so on.
    turn = np.zeros(len(genotypes), dtype=int)
    seen = np.zeros(count, dtype=int)
    for i in order:
        turn[i] = seen[part[i]]
        seen[part[i]] += 1
    chosen = sorted(order, key=lambda i: turn[i])[:count]
    return sorted((genotypes[i] for i in chosen), key=lambda g: (pool[g], str(g)))


def _crossed(first: Genotype, second: Genotype, rng: np.random.Generator) -> Genotype:
    """Return a genotype that has every choice of either of two with equal chances."""
    pairs = zip(first, second, strict=True)
    return Genotype.of(pair[int(rng.integers(2))] for pair in pairs)


def _by_cost(
    space: SearchSpace, cost_of: Callable[[Genotype], Cost], block: int
) -> tuple[int, ...]:
    """Return the positions of a choice's candidates by what each adds to the largest network."""
    genes = list(space.largest().genes)

    def macs(position: int) -> int:
        trial = [*genes]
        trial[block] = space.candidates[block][position]
        return cost_of(Genotype.of(trial)).macs

    return tuple(sorted(range(space.sizes[block]), key=macs))


def _leaning_draw(
    by_cost: Sequence[tuple[int, ...]], lean: float, space: SearchSpace, rng: np.random.Generator
) -> Genotype:
    """Draw a genotype; `lean` from -1 (cheapest of several draws per block) to 1 (dearest)."""
    vector = []
    for ranked in by_cost:
        draws = rng.integers(0, len(ranked), 1 + rng.binomial(4, abs(lean)))
        vector.append(ranked[int(draws.max() if lean > 0 else draws.min())])
    return space.decode(vector)


def regret(scores: Sequence[float], truth: Sequence[float]) -> float:
    """Return how much worse than the best the truth of the architecture with the top score is."""
    return float(np.max(truth) - np.asarray(truth)[int(np.argmax(scores))])


class StandaloneScores(Part):
    """Scores on search-val of one training alone."""

    macro_f1: FiniteFloat
    log_loss: Measure


class RankedNetwork(Part):
    """A network that was ranked; its scores are on search-val.

    Attributes
    ----------
    macro_f1, log_loss : float
        With the supernet's weights and batch-norm statistics of its own.
    macro_f1_as_trained, log_loss_as_trained : float
        The same with the statistics left from training.
    standalone : list of StandaloneScores
        One per seed; `standalone_macro_f1` and `standalone_log_loss` are the means.
    """

    genotype: GenotypeText
    macs: Count
    params: Count
    macro_f1: FiniteFloat
    log_loss: Measure
    macro_f1_as_trained: Measure
    log_loss_as_trained: Measure
    standalone: Annotated[list[StandaloneScores], Field(min_length=1)]
    standalone_macro_f1: FiniteFloat
    standalone_log_loss: float

    @model_validator(mode="after")
    def _check_mean(self) -> Self:
        scores = [alone.macro_f1 for alone in self.standalone]
        if not min(scores) - 1e-9 <= self.standalone_macro_f1 <= max(scores) + 1e-9:
            raise ValueError("'standalone_macro_f1' is not the mean of 'standalone'")
        return self


class SeedAgreement(Part):
    """How well two stand-alone trainings agree: what limits every predictor's tau."""

    macro_f1: Agreement
    log_loss: Agreement


class PredictorAgreement(Part):
    """How well a predictor agrees with either truth, and its `regret` in macro-F1."""

    predictor: str
    macro_f1: Agreement
    log_loss: Agreement
    regret: float

    @property
    def title(self) -> str:
        """The predictor as people read it."""
        return TITLES.get(self.predictor, self.predictor)


class Ranking(Document):
    """``rank/rank.json``.

    Attributes
    ----------
    data : str
        Name of the dataset.
    repeats : int
        Stand-alone trainings of each network.
    agreement : list of PredictorAgreement
        One per entry of `PREDICTORS`.
    between_seeds : SeedAgreement or None
        None with one training each.
    """

    format_name = "asc-nas/rank/2"
    remedy = "delete it: 'asc-nas rank' makes it again from the stand-alone scores"

    data: str
    repeats: int
    agreement: list[PredictorAgreement]
    between_seeds: SeedAgreement | None
    networks: Annotated[list[RankedNetwork], Field(min_length=1)]

    @classmethod
    def of(cls, data: str, networks: Sequence[RankedNetwork], rng: np.random.Generator) -> Self:
        """Compare all predictors; `rng` draws the intervals."""
        return cls(
            data=data,
            repeats=len(networks[0].standalone),
            agreement=ranking_table(networks, PREDICTORS, rng),
            between_seeds=_between_seeds(networks, rng),
            networks=list(networks),
        )


def ranking_table(
    networks: Sequence[RankedNetwork], predictors: dict[str, int], rng: np.random.Generator
) -> list[PredictorAgreement]:
    """Compare every predictor with the stand-alone macro-F1 and with the stand-alone log loss.

    Macro-F1 is what a search is after. Log loss tells the same networks apart with less noise: it
    changes with every clip, not only with those that change sides.

    Parameters
    ----------
    predictors : name of an attribute of `networks` to its sign: 1 where more is better, else -1
    """
    macro_f1 = [network.standalone_macro_f1 for network in networks]
    log_loss = [-network.standalone_log_loss for network in networks]
    table = []
    for name, sign in predictors.items():
        scores = [sign * getattr(network, name) for network in networks]
        table.append(
            PredictorAgreement(
                predictor=name,
                macro_f1=agreement(scores, macro_f1, rng),
                log_loss=agreement(scores, log_loss, rng),
                regret=regret(scores, macro_f1),
            )
        )
    return table


def _between_seeds(
    networks: Sequence[RankedNetwork], rng: np.random.Generator
) -> SeedAgreement | None:
    if len(networks[0].standalone) < 2:
        return None

    def compared(name: str) -> Agreement:
        first, second = ([getattr(n.standalone[i], name) for n in networks] for i in (0, 1))
        return agreement(first, second, rng)

    return SeedAgreement(macro_f1=compared("macro_f1"), log_loss=compared("log_loss"))
