"""Networks of a run that were adapted to single recording devices: their names and folders."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from asc_nas.core.documents import Count, Document
from asc_nas.core.errors import AscNasError, UsageError, command
from asc_nas.core.files import fingerprint, sha256
from asc_nas.evaluation.result import Result
from asc_nas.run.folder import RunFolder
from asc_nas.run.network_folder import WEIGHTS, NetworkFolder
from asc_nas.run.networks import AT, NamedNetwork, find_network
from asc_nas.training.adaptation import AdaptConfig


class Adaptation(Document):
    """``adaptation.json``: how a network was, or is being, adapted.

    Attributes
    ----------
    network : str
        The general one.
    recorder : str
        The recording device.
    weights : str
        SHA-256 of the file of the general network's weights, with which the training begins.
    settings : dict
        See `AdaptConfig`.
    """

    format_name: ClassVar[str] = "asc-nas/adaptation/1"
    remedy: ClassVar[str] = "delete its folder to adapt the network again"

    network: str
    recorder: str
    seed: Count
    weights: str
    settings: dict[str, Any]

    def differing(self, other: "Adaptation") -> str:
        """Return what is another in `other`, which is to be done now; empty if nothing is."""
        if (self.network, self.recorder, self.seed) != (other.network, other.recorder, other.seed):
            return f"it holds {self.network} for {self.recorder}, seed {self.seed}"
        if self.weights != other.weights:
            return "the general network has other weights now"
        was, now = (
            AdaptConfig.parse(d.settings, AdaptConfig.group).model_dump() for d in (self, other)
        )
        told = [
            f"adapt.{key} is {now[key]!r}, was {was[key]!r}" for key in now if now[key] != was[key]
        ]
        return "; ".join(told)


@dataclass(frozen=True)
class AdaptedFolder(NetworkFolder):
    """The folder of a network that was adapted to a recording device.

    Attributes
    ----------
    general : Path
        Folder of the network that it was.
    """

    general: Path = Path()

    @property
    def model_name(self) -> str:
        """What its exported model is called, behind the name of the config."""
        return f"{self.general.name}{AT}{_as_file(self.recorder)}"

    @property
    def adaptation_file(self) -> Path:
        """How it was adapted."""
        return self.path / "adaptation.json"

    def adaptation(self) -> Adaptation:
        """Return how it is adapted with the settings of now."""
        settings = self.run.config.adapt.model_dump(mode="json", exclude={"checkpoint_every"})
        return Adaptation(
            network=self.general.name,
            recorder=self.recorder,
            seed=self.seed,
            weights=sha256(self.general / WEIGHTS),
            settings=settings,
        )

    def require_same(self) -> None:
        """Raise AscNasError if it was adapted otherwise than it would be now."""
        if not self.adaptation_file.exists():
            return
        if told := Adaptation.read(self.adaptation_file).differing(self.adaptation()):
            raise AscNasError(
                f"{self.path}: was adapted otherwise ({told}); delete this folder to adapt the "
                "network again."
            )

    def require_result(self) -> Result:
        """Return the scores; it is an error, too, if the general network has other weights now."""
        result = super().require_result()
        if Adaptation.read(self.adaptation_file).weights != sha256(self.general / WEIGHTS):
            raise AscNasError(
                f"{self.path}: was adapted from other weights of {self.general.name}; delete this "
                f"folder and run '{self.trained_by()}'."
            )
        return result

    def trained_by(self) -> str:
        """Return the call that adapts the network."""
        general, _, _ = self.argument.partition(AT)
        seed = () if self.seed == self.run.config.seed else ("--seed", self.seed)
        return command("adapt", self.run.paths.root, general, "--recorder", self.recorder, *seed)

    def _identity(self, weights: str) -> dict[str, Any]:
        return super()._identity(weights) | {"recorder": self.recorder}


@dataclass(frozen=True)
class AdaptedNetwork(NamedNetwork):
    """A network of a run that was adapted to a recording device; its name is NETWORK@RECORDER."""

    recorder: str = ""

    @classmethod
    def of(cls, network: NamedNetwork, recorder: str) -> "AdaptedNetwork":
        """Return what a network of a run becomes for a recording device."""
        called = network.called and f"{network.called}{AT}{_as_file(recorder)}"
        return cls(f"{network.name}{AT}{recorder}", network.genotype, called, recorder)

    @property
    def general(self) -> NamedNetwork:
        """The network that it was."""
        return NamedNetwork(self.name.partition(AT)[0], self.genotype)

    @property
    def argument(self) -> str:
        """What ``asc-nas evaluate`` takes for it."""
        return f"{self.general.argument}{AT}{self.recorder}"

    def folder(self, run: RunFolder, seed: int) -> AdaptedFolder:
        """Return ``adapted/NAME-RECORDER``, where NAME is the folder of the general network."""
        general = self.general.folder(run, seed).path
        path = run.paths.adapted(f"{general.name}-{_as_file(self.recorder)}")
        return AdaptedFolder(run, path, self.genotype, seed, self.argument, self.recorder, general)

    def results(self, run: RunFolder) -> list[Result]:
        """Return the results of all seeds with which it was trained and tested."""
        found = (self.folder(run, each.seed).result() for each in self.general.results(run))
        return [result for result in found if result is not None]


def find_trained(run: RunFolder, text: str) -> NamedNetwork:
    """Return the network that `text` names: as `find_network`, or NETWORK@RECORDER.

    Raises
    ------
    UsageError
        If it names none.
    """
    name, at, recorder = text.partition(AT)
    network = find_network(run, name)
    if at and not recorder:
        raise UsageError(f"'{text}': name a recording device behind {AT}, or leave it out.")
    return AdaptedNetwork.of(network, recorder) if at else network


def adapted_networks(run: RunFolder, network: NamedNetwork, seed: int) -> dict[str, AdaptedNetwork]:
    """Return what a network was adapted to, by recording device in the order of their names."""
    files = run.paths.adapted("").glob("*/adaptation.json")
    found = {Adaptation.read(file).recorder for file in files}
    every = {name: AdaptedNetwork.of(network, name) for name in sorted(found)}
    return {n: a for n, a in every.items() if a.folder(run, seed).result() is not None}


def require_adapted(run: RunFolder, network: NamedNetwork, seed: int) -> dict[str, AdaptedNetwork]:
    """Return what `adapted_networks` does.

    Raises
    ------
    AscNasError
        If the network is not adapted to any recording device.
    """
    found = adapted_networks(run, network, seed)
    if not found:
        own_seed = () if seed == run.config.seed else ("--seed", seed)
        adapts = command("adapt", run.paths.root, network.argument, *own_seed)
        raise AscNasError(
            f"--adapted: {network.name} is not adapted to any recording device yet; run '{adapts}'."
        )
    return found


def _as_file(recorder: str) -> str:
    """Return what stands for a recording device in the name of a folder, on any file system."""
    return recorder if re.fullmatch(r"[a-z0-9_]{1,32}", recorder) else fingerprint(recorder)[:8]
