"""What a report shows, as plain values; gathered by `asc_nas.run.gather.report`."""

from dataclasses import dataclass, field
from statistics import fmean, stdev

from asc_nas.evaluation.result import Result
from asc_nas.search.objectives import Evaluation, Objective, leading_score
from asc_nas.search.pareto import ParetoMember, preferred
from asc_nas.search.ranking import Ranking
from asc_nas.search.shrinking_log import ShrinkingLog
from asc_nas.search.surrogate import Verdict
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
        """Return a score (``accuracy``, ``macro_f1``) on test of every seed."""
        return [getattr(result, name) for result in self.results]

    def test(self, name: str) -> float | None:
        """Return the mean of a score on test over the seeds; None if it is not trained."""
        return fmean(self.scores(name)) if self.results else None

    def spread(self, name: str) -> float | None:
        """Return the standard deviation over the seeds; None with fewer than two."""
        return stdev(self.scores(name)) if len(self.results) > 1 else None


@dataclass(frozen=True)
class Generation:
    """The search after one generation.

    Attributes
    ----------
    evaluated : int
        Distinct genotypes evaluated up to it.
    best, median : float
        macro-F1 of the generation's genotypes.
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
    missing : dict
        Why a part of the report is empty: part, then what is missing and what makes it.
    """

    name: str
    root: str
    settings: str
    versions: dict[str, str]
    objectives: tuple[Objective, ...]
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
    ranking: Ranking | None = None
    mistakes: Mistakes | None = None
    missing: dict[str, str] = field(default_factory=dict)

    def traded(self, cost: str) -> bool:
        """Whether the search traded this cost, and no other, for macro-F1: its front is a line."""
        return {objective.name for objective in self.objectives} == {"macro_f1", cost}

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

    @property
    def supernet_scores(self) -> tuple[str, ...]:
        """The scores that are shown of the supernet: the one searched for, and macro-F1."""
        return tuple(dict.fromkeys([leading_score(self.objectives).name, "macro_f1"]))

    @property
    def preferred(self) -> Network | None:
        """The network that search-val prefers, of the trained ones if there are any."""
        networks = self.trained or self.networks
        if not networks:
            return None
        return networks[preferred([network.supernet for network in networks], self.objectives)]
