"""What the synthetic set consists of: sessions, their activity, fold, nodes and segments."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from types import MappingProxyType

from asc_nas.core.files import fingerprint
from asc_nas.core.randomness import stream

NODES = ("DevNode1", "DevNode2", "DevNode3", "DevNode4")
FOLDS = 4

# label: (sessions, segments per session); absence, working and television prevail, as they do
# in a real home
_SESSIONS: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        "absence": (9, 2),
        "cooking": (7, 1),
        "dishwashing": (5, 1),
        "eating": (7, 1),
        "other": (6, 1),
        "social_activity": (7, 1),
        "vacuum_cleaner": (6, 1),
        "watching_tv": (15, 1),
        "working": (15, 1),
    }
)


@dataclass(frozen=True)
class Session:
    """One continuous activity, recorded by some nodes in segments."""

    name: str
    label: str
    fold: str
    nodes: tuple[str, ...]
    segments: int

    def audio(self, node: str, segment: int) -> str:
        """Return the path of one clip, relative to the set's folder."""
        return f"audio/{node}_{self.name}_{segment}.flac"


@dataclass(frozen=True)
class Plan:
    """Size of the set.

    Attributes
    ----------
    sessions : mapping
        Label -> (sessions, segments per session).
    seconds : float
        Length of a clip.
    nodes : int
        How many of the four nodes record a session.
    """

    sessions: Mapping[str, tuple[int, int]] = field(default_factory=lambda: dict(_SESSIONS))
    seconds: float = 10.0
    nodes: int = 2

    @classmethod
    def tiny(cls, seconds: float = 1.0) -> "Plan":
        """Return a plan for tests: every label once in every fold, one node, short clips."""
        return cls({label: (FOLDS, 1) for label in _SESSIONS}, seconds, 1)

    def with_labels(self, *labels: str) -> "Plan":
        """Return the same plan with only `labels`."""
        return replace(self, sessions={label: self.sessions[label] for label in labels})

    @property
    def unseen(self) -> tuple[str, ...]:
        """Activities of the recordings that are in no fold: one of every label."""
        return tuple(self.sessions)

    def fingerprint(self) -> str:
        """Return a short hash of the plan."""
        return fingerprint(asdict(self))

    def draw(self, seed: int) -> list[Session]:
        """Return the sessions, in the order of their names ex1, ex2, ...

        Every class is dealt to the folds in turn, and each goes on where the one before it ended,
        so that both classes and folds come out even.
        """
        rng = stream(seed, "plan")
        dealt = []
        for label, (sessions, segments) in self.sessions.items():
            dealt += [(label, segments)] * sessions
        cards = [(label, segments, str(i % FOLDS + 1)) for i, (label, segments) in enumerate(dealt)]
        drawn = []
        for number, index in enumerate(rng.permutation(len(cards)).tolist(), start=1):
            label, segments, fold = cards[index]
            chosen = sorted(rng.choice(len(NODES), self.nodes, replace=False).tolist())
            nodes = tuple(NODES[i] for i in chosen)
            drawn.append(Session(f"ex{number}", label, fold, nodes, segments))
        return drawn
