"""What the steps share: settings, paths, the clips and their features."""

from dataclasses import dataclass, replace
from functools import cached_property

from asc_nas.core.events import EventLog
from asc_nas.cost.counts import Cost, count
from asc_nas.cost.latency import LatencyTable
from asc_nas.data.examples import Examples
from asc_nas.data.feature_store import FeatureStore
from asc_nas.data.manifest import Manifest
from asc_nas.nn.supernet import Supernet
from asc_nas.run.config import PipelineConfig
from asc_nas.run.paths import RunPaths
from asc_nas.search.shrinking_log import read_events, remaining
from asc_nas.space.genotype import Genotype
from asc_nas.space.netspec import NetSpec, Shape, resolve
from asc_nas.space.search_space import SearchSpace


@dataclass(frozen=True)
class Context:
    """One run: where it lies and how it is set."""

    config: PipelineConfig
    paths: RunPaths

    @cached_property
    def events(self) -> EventLog:
        """What the run logs."""
        return EventLog(self.paths.events, self.paths.tensorboard)

    @cached_property
    def manifest(self) -> Manifest:
        """The clips, with roles."""
        return Manifest.read(self.paths.manifest)

    @cached_property
    def store(self) -> FeatureStore:
        """The features of all clips."""
        return FeatureStore.open(self.paths.features, self.config.frontend)

    def examples(self, *roles: str) -> Examples:
        """The examples of `roles`."""
        return Examples.load(self.manifest, self.store, roles)

    @property
    def input_size(self) -> Shape:
        """(mels, frames)."""
        return self.config.frontend.n_mels, self.config.frontend.frames

    def spec(self, genotype: Genotype) -> NetSpec:
        """Layers of `genotype` for this input and these labels."""
        classes = len(self.manifest.labels)
        return resolve(genotype, self.config.skeleton, self.input_size, classes)

    @cached_property
    def latency_table(self) -> LatencyTable | None:
        """The run's latency table, if the config asks for one and it is there."""
        if self.config.latency is None or not self.paths.latency.exists():
            return None
        return LatencyTable.read(self.paths.latency)

    def cost(self, genotype: Genotype) -> Cost:
        """Cost of `genotype` for one example; a network the table does not cover has no latency."""
        spec, table = self.spec(genotype), self.latency_table
        cost = count(spec, self.config.frontend.seconds)
        if table is None or not table.covers(spec):
            return cost
        return replace(cost, latency_ms=table.predict(spec))

    def remaining_space(self) -> SearchSpace:
        """Return what shrinking has left of the search space by now."""
        return remaining(self.config.search_space(), read_events(self.paths.shrinking))

    def new_supernet(self) -> Supernet:
        """Return a supernet whose weights are yet to be initialised or loaded."""
        config = self.config
        classes = len(self.manifest.labels)
        return Supernet(
            config.search_space(),
            config.skeleton,
            self.input_size,
            classes,
            shadow_norms=config.supernet.shadow_norms,
        )
