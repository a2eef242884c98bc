"""The run directory: where every step reads and writes."""

from dataclasses import dataclass
from pathlib import Path

from asc_nas.audio.logmel import FrontEnd


class _Below:
    """A file or folder below `root`."""

    def __init__(self, place: str) -> None:
        self._place = place

    def __get__(self, paths: "RunPaths | SupernetPaths", owner: object = None) -> Path:
        return paths.root / self._place


@dataclass(frozen=True)
class SupernetPaths:
    """The files of one supernet in its folder `root`.

    Attributes
    ----------
    part : str
        Which of several it is; empty if there is one.
    """

    root: Path
    part: str = ""

    weights = _Below("supernet.safetensors")
    state = _Below("state.safetensors")
    log = _Below("log.json")
    updates = _Below("updates.json")


@dataclass(frozen=True)
class RunPaths:
    """The files of one run in its directory `root`; docs/FILES.md says what is in them."""

    root: Path

    config = _Below("config.yaml")
    budget = _Below("budget.json")
    events = _Below("events.jsonl")
    tensorboard = _Below("tensorboard")
    manifest = _Below("data/manifest.parquet")
    check = _Below("data/check.json")
    features = _Below("features")
    shrinking = _Below("supernet/shrinking.json")
    history = _Below("search/history.parquet")
    shared_scores = _Below("search/shared_scores.parquet")
    pareto = _Below("search/pareto.json")
    verdict = _Below("search/verdict.json")
    latency = _Below("latency/latency.json")
    rank = _Below("rank/rank.json")
    standalone = _Below("rank/standalone")
    models = _Below("models")

    def features_of(self, frontend: FrontEnd, own: FrontEnd) -> Path:
        """Return the folder of the features of a front end, where `own` is the run's."""
        if frontend == own:
            return self.features
        return self.root / f"features-{frontend.fingerprint[:8]}"

    def supernets(self, folds: int) -> tuple[SupernetPaths, ...]:
        """Return the files of the supernet, or of those of so many parts of the clips."""
        parts = [""] if folds == 1 else [f"part-{number}" for number in range(folds)]
        return tuple(SupernetPaths(self.root / "supernet" / part, part) for part in parts)

    def retrain(self, network: str) -> Path:
        """Return the folder of one retrained network."""
        return self.root / "retrain" / network

    def teacher(self, name: str) -> Path:
        """Return the folder of one network that teaches the retrained ones."""
        return self.root / "teachers" / name

    def adapted(self, name: str) -> Path:
        """Return the folder of one network that was adapted to a recording device."""
        return self.root / "adapted" / name
