"""The run directory: where every step reads and writes."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class RunPaths:
    """The files of one run.

    ``config.yaml``, ``budget.json``, ``events.jsonl``, ``tensorboard/``, ``data/manifest.parquet``,
    ``data/check.json``, ``features/``, ``supernet/``, ``search/``, ``latency/``, ``rank/``,
    ``teachers/``,
    ``retrain/ID/`` and ``models/``.
    """

    root: Path

    @property
    def config(self) -> Path:
        """The settings the run was made with."""
        return self.root / "config.yaml"

    @property
    def budget(self) -> Path:
        """The sizes that fill the time a user has, see `pipeline.budget`."""
        return self.root / "budget.json"

    @property
    def events(self) -> Path:
        """Everything that is logged, one JSON object per line."""
        return self.root / "events.jsonl"

    @property
    def tensorboard(self) -> Path:
        """The same for TensorBoard, if that is wanted."""
        return self.root / "tensorboard"

    @property
    def manifest(self) -> Path:
        """The clips with their roles."""
        return self.root / "data" / "manifest.parquet"

    @property
    def check(self) -> Path:
        """What is wrong with the recordings."""
        return self.root / "data" / "check.json"

    @property
    def features(self) -> Path:
        """The feature store."""
        return self.root / "features"

    @property
    def supernet(self) -> Path:
        """Trained supernet weights."""
        return self.root / "supernet" / "supernet.safetensors"

    @property
    def supernet_state(self) -> Path:
        """State of an unfinished supernet training."""
        return self.root / "supernet" / "state.safetensors"

    @property
    def supernet_log(self) -> Path:
        """Training curve of the supernet."""
        return self.root / "supernet" / "log.json"

    @property
    def updates(self) -> Path:
        """How often each candidate was trained."""
        return self.root / "supernet" / "updates.json"

    @property
    def shrinking(self) -> Path:
        """Which candidates were turned off in supernet training, when and why."""
        return self.root / "supernet" / "shrinking.json"

    @property
    def history(self) -> Path:
        """Everything the search evaluated."""
        return self.root / "search" / "history.parquet"

    @property
    def pareto(self) -> Path:
        """The Pareto set."""
        return self.root / "search" / "pareto.json"

    @property
    def latency(self) -> Path:
        """The latency table that the run uses."""
        return self.root / "latency" / "latency.json"

    @property
    def rank(self) -> Path:
        """Supernet scores against stand-alone trainings."""
        return self.root / "rank" / "rank.json"

    @property
    def standalone(self) -> Path:
        """The scores of stand-alone trainings, one file each."""
        return self.root / "rank" / "standalone"

    def retrain(self, network: str) -> Path:
        """The folder of one retrained network."""
        return self.root / "retrain" / network

    def teacher(self, name: str) -> Path:
        """The folder of one network that teaches the retrained ones."""
        return self.root / "teachers" / name

    @property
    def models(self) -> Path:
        """Exported models with their cards."""
        return self.root / "models"
