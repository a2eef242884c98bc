"""What a report shows, as plain values; gathered by `asc_nas.run.gather.report`."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean, stdev

from asc_nas.core.units import amount
from asc_nas.evaluation.gain import Adapted
from asc_nas.evaluation.intervals import Interval
from asc_nas.evaluation.result import Result
from asc_nas.report.best import BestNetwork
from asc_nas.search.objectives import SCORES, Evaluation, Objective, leading_score
from asc_nas.search.pareto import ParetoMember, preferred
from asc_nas.search.ranking import Ranking, ranking_score
from asc_nas.search.shrinking_log import ShrinkingLog
from asc_nas.search.verdict import Verdict
from asc_nas.space.netspec import NetSpec
from asc_nas.training.path_schedule import Updates
from data_prep.checks import Report


@dataclass(frozen=True)
class Network:
    """One network of a run: a member of the Pareto set, a baseline, or one given by hand.

    Attributes
    ----------
    name : str
        Its folder's name.
    argument : str
        What ``asc-nas train`` takes for it: name or genotype.
    macs, params, ram_bytes, latency_ms : cost of one example
        RAM is None where an earlier version counted, latency without a table.
    supernet : Evaluation, ParetoMember or None
        Scores in the search; None if the search did not find it.
    spec : NetSpec or None
        Its layers; None if they are not known.
    results : tuple of Result
        Of every training from scratch, the run's own seed first.
    models : tuple of str
        Exported models, relative to the run.
    """

    name: str
    argument: str
    genotype: str
    macs: int
    params: int
    ram_bytes: int | None
    latency_ms: float | None
    supernet: Evaluation | ParetoMember | None = None
    spec: NetSpec | None = None
    results: tuple[Result, ...] = ()
    models: tuple[str, ...] = ()

    @property
    def is_member(self) -> bool:
        """Whether it is a member of the Pareto set."""
        return self.supernet is not None

    @property
    def title(self) -> str:
        """What it is called in text."""
        return f"Pareto member {self.name}" if self.is_member else self.name

    def on_search_val(self, name: str) -> float | None:
        """Return a score with the supernet's weights on search-val; None if it is not known."""
        return getattr(self.supernet, name, None)

    def scores(self, name: str) -> list[float]:
        """Return a score (``accuracy``, ``macro_f1``, ``log_loss``) on test of every seed."""
        return [getattr(result, name) for result in self.results]

    def test(self, name: str) -> float | None:
        """Return the mean of a score on test over the seeds; None if it is not trained."""
        return fmean(self.scores(name)) if self.results else None

    def interval(self, name: str) -> Interval | None:
        """Return the 95 % interval of a score on test; None with several seeds, or if unknown."""
        return self.results[0].interval(name) if len(self.results) == 1 else None

    def spread(self, name: str) -> float | None:
        """Return the standard deviation over the seeds; None with fewer than two."""
        return stdev(self.scores(name)) if len(self.results) > 1 else None


@dataclass(frozen=True)
class CostLimit:
    """The most of a cost that a network may have.

    Attributes
    ----------
    setting, bound : its name in the settings, and its value there
    cost, most : name of the cost (``macs``, ``params``, ...), and the most of it in its own unit
    """

    setting: str
    bound: float
    cost: str
    most: float

    def __str__(self) -> str:
        return f"{self.setting} {amount(self.bound)}"


@dataclass(frozen=True)
class Generation:
    """The search after one generation.

    Attributes
    ----------
    evaluated : int
        Distinct genotypes evaluated up to it.
    best, median : float
        The leading score of the generation's genotypes.
    hypervolume : float, 0 to 1
        Of everything found up to it.
    """

    number: int
    evaluated: int
    best: float
    median: float
    hypervolume: float


@dataclass(frozen=True)
class Mistake:
    """A test clip that a network got wrong.

    Attributes
    ----------
    label, decided : true and decided label
    probabilities : (of the true label, of the decided one)
    spectrogram : bytes
        PNG of the first channel's log-mel, low bands at the bottom.
    audio : bytes or None
        Ogg of the first channel; None where the recording is not at hand, for the `reason`.
    """

    clip: str
    label: str
    decided: str
    probabilities: tuple[float, float]
    details: str
    spectrogram: bytes
    audio: bytes | None
    reason: str = ""


@dataclass(frozen=True)
class Mistakes:
    """The worst mistakes of one network; `wrong` of `clips` clips are wrong in all."""

    network: Network
    seed: int
    clips: int
    wrong: int
    shown: tuple[Mistake, ...]
    seconds: float
    highest_hz: float


@dataclass(frozen=True)
class DataSummary:
    """The clips of a run: how many of each label in each role could be read, and which could not.

    `left_out` holds the reason by the clip's key.
    """

    name: str
    licence: str
    labels: tuple[str, ...]
    counts: dict[str, tuple[int, ...]]
    groups: dict[str, int]
    devices: dict[str, int]
    left_out: dict[str, str]


@dataclass(frozen=True)
class RunReport:
    """Everything that is known of a run; None or empty where a step was not done.

    Attributes
    ----------
    root : str
        The run directory as the commands of the report name it.
    objectives : tuple of Objective
        Those of the search.
    limits : tuple of CostLimit
        Those of the search.
    best : BestNetwork or None
        What ``asc-nas run`` says at its end; None if no network is chosen and trained.
    curves : dict
        Training loss by epoch of the supernet (``"supernet"``), or of that of each part, and of
        trained networks.
    updates : dict
        How often the candidates of each supernet were trained, by its name in `curves`.
    candidates : tuple of Evaluation
        Every genotype that the search evaluated, once.
    judge : str
        What judged the candidates of the search, see `search.judge`.
    folds : int
        On how many parts of the clips, see `search.folds`.
    verdict : Verdict or None
        Whether searching adds anything, where real trainings judged.
    adapted : tuple of Adapted
        What networks adapted to recording devices gain, by general network.
    missing : dict
        Why a part of the report is empty: part, then what is missing and what makes it.
    """

    name: str
    root: str
    settings: str
    versions: dict[str, str]
    objectives: tuple[Objective, ...]
    limits: tuple[CostLimit, ...] = ()
    best: BestNetwork | None = None
    data: DataSummary | None = None
    check: Report | None = None
    curves: dict[str, list[float]] = field(default_factory=dict)
    updates: dict[str, Updates] = field(default_factory=dict)
    shrinking: ShrinkingLog | None = None
    candidates: tuple[Evaluation, ...] = ()
    generations: tuple[Generation, ...] = ()
    judge: str = "supernet"
    folds: int = 1
    verdict: Verdict | None = None
    networks: tuple[Network, ...] = ()
    adapted: tuple[Adapted, ...] = ()
    ranking: Ranking | None = None
    mistakes: Mistakes | None = None
    missing: dict[str, str] = field(default_factory=dict)

    def traded(self, cost: str) -> bool:
        """Whether the search traded this cost, and no other, for a score: its front is a line."""
        return {objective.name for objective in self.objectives} == {self.score, cost}

    @property
    def score(self) -> str:
        """The score that leads the search, by which networks are compared."""
        return leading_score(self.objectives).name

    @property
    def judged(self) -> str:
        """How the scores of the search came about, in a few words."""
        clips = "search-val" if self.folds == 1 else "out-of-fold"
        return f"supernet, {clips}" if self.judge == "supernet" else "trained alone, unseen clips"

    @property
    def members(self) -> tuple[Network, ...]:
        """The Pareto set."""
        return tuple(network for network in self.networks if network.is_member)

    @property
    def trained(self) -> tuple[Network, ...]:
        """The networks that were trained from scratch."""
        return tuple(network for network in self.networks if network.results)

    def drawn(self, networks: Sequence[Network]) -> tuple[Network, ...]:
        """Return those whose leading score in the search is known: a plot can show them."""
        return tuple(n for n in networks if n.on_search_val(self.score) is not None)

    @property
    def joined(self) -> tuple[tuple[Network, float, float], ...]:
        """Networks that have both leading scores, with that in the search and that on test."""
        both = ((n, n.on_search_val(self.score), n.test(self.score)) for n in self.members)
        return tuple((n, a, b) for n, a, b in both if a is not None and b is not None)

    @property
    def ranked(self) -> tuple[Network, ...]:
        """All networks by the leading score: members as in the search, then the others on test."""
        sign = -1 if leading_score(self.objectives).sense == "max" else 1

        def place(network: Network) -> tuple[bool, float]:
            judged = network.on_search_val if network.is_member else network.test
            value = judged(self.score)
            unknown = value is None or math.isnan(value)
            return not network.is_member, math.inf if unknown else sign * (value or 0.0)

        return tuple(sorted(self.networks, key=place))

    @property
    def test_scores(self) -> tuple[str, ...]:
        """The scores on test that are shown: the one searched for first."""
        return tuple(dict.fromkeys([self.score, "accuracy", "macro_f1"]))

    @property
    def ranking_score(self) -> str:
        """The score that the ranking is drawn by: the leading one, or macro-F1 for accuracy."""
        return ranking_score(self.objectives)

    @property
    def search_scores(self) -> tuple[str, ...]:
        """The scores that are shown of the search: the one searched for, and macro-F1."""
        return tuple(dict.fromkeys([self.score, "macro_f1"]))

    @property
    def preferred(self) -> Network | None:
        """The best network; without one, what the search prefers, of the trained ones if any."""
        if self.best is not None:
            return next(n for n in self.networks if n.name == self.best.network)
        networks = self.trained or self.networks
        if not networks:
            return None
        return networks[preferred([network.supernet for network in networks], self.objectives)]


def score_title(name: str) -> str:
    """Return a score as the title of an axis."""
    return "log loss, nats (lower is better)" if name == "log_loss" else SCORES[name]


NEAR = 1.5
"""How many times the largest cost a limit may be to be drawn: beyond, it would press the points
together."""


def near_limits(report: RunReport, cost: str, largest: float) -> list[CostLimit]:
    """Return the limits on a cost that lie near what is drawn, of which `largest` is the most."""
    return [x for x in report.limits if x.cost == cost and x.most <= NEAR * largest]
