"""What the steps share: settings, paths, the clips and their features."""

from dataclasses import dataclass
from functools import cached_property

from asc_nas.cost.counts import Cost, count
from asc_nas.data.dataset import Examples
from asc_nas.data.feature_store import FeatureStore
from asc_nas.data.manifest import Manifest
from asc_nas.nn.supernet import Supernet
from asc_nas.pipeline.config import PipelineConfig
from asc_nas.runs import RunPaths
from asc_nas.space.genotype import Genotype
from asc_nas.space.netspec import NetSpec, Shape, resolve


@dataclass(frozen=True)
class Context:
    """One run: where it lies and how it is set."""

    config: PipelineConfig
    paths: RunPaths

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

    def cost(self, genotype: Genotype) -> Cost:
        """Cost of `genotype` for one example."""
        return count(self.spec(genotype), self.config.frontend.seconds)

    def new_supernet(self) -> Supernet:
        """Return a supernet whose weights are yet to be initialised or loaded."""
        config = self.config
        classes = len(self.manifest.labels)
        return Supernet(config.search_space(), config.skeleton, self.input_size, classes)
