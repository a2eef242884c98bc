"""A run directory with its settings: what all steps of a run share."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Self

from asc_nas.audio.logmel import FrontEnd
from asc_nas.core.errors import AscNasError, UsageError
from asc_nas.core.events import EventLog
from asc_nas.core.files import fingerprint, sha256, write_text
from asc_nas.core.launched import require_one
from asc_nas.core.locks import locked, taking_turns
from asc_nas.core.progress import SILENT, Listener
from asc_nas.core.workers import Executor
from asc_nas.cost.counts import Cost, count
from asc_nas.cost.latency import LatencyTable
from asc_nas.data.examples import Examples
from asc_nas.data.feature_store import FeatureStore
from asc_nas.data.manifest import Clip, Manifest
from asc_nas.nn.supernet import Supernet
from asc_nas.remote.mirror import Mirror
from asc_nas.run.beginning import (
    read_clips,
    require_heard,
    require_origins,
    require_recorders,
    require_searchable,
)
from asc_nas.run.budget_file import Budget
from asc_nas.run.config import RunConfig
from asc_nas.run.executors import EXECUTORS, LOCAL
from asc_nas.run.opening import (
    ELSEWHERE,
    Settings,
    Source,
    config_text,
    directory_of,
    fetched,
    read_config,
    read_settings,
    same_run,
)
from asc_nas.run.paths import RunPaths, SupernetPaths
from asc_nas.search.shrinking_log import read_events, remaining
from asc_nas.space.genotype import Genotype
from asc_nas.space.hearing import frontend_of, spec_of
from asc_nas.space.netspec import NetSpec
from asc_nas.space.search_space import SearchSpace
from asc_nas.training.device import find_device, most_workers, prepare_process
from asc_nas.training.parallel import ALONE, Ranks, join
from data_prep.splits import assign_roles


@dataclass(eq=False)
class RunFolder:
    """One run: where it lies, how it is set, and who hears what its steps say.

    Attributes
    ----------
    listener : Listener
    device : str
        Where PyTorch trains and judges networks, see `asc_nas.training.device.find_device`.
    executor : str
        What does independent jobs, see `asc_nas.run.executors`.
    asked : RunConfig or None
        The settings that ``config.yaml`` has or gets, without the sizes of a budget; None does not
        write it.
    first : Manifest or None
        The clips that a new run begins with; None until they are read.
    tensorboard : bool
        Whether a new run writes for TensorBoard.
    ranks : Ranks
        The processes that train its networks together; the first one alone writes to the run.
    mirror : Mirror or None
        What keeps a run at a URL like its working copy, where the run lies.
    """

    config: RunConfig
    paths: RunPaths
    listener: Listener = SILENT
    device: str = "cpu"
    executor: str = LOCAL
    asked: RunConfig | None = None
    first: Manifest | None = field(default=None, repr=False)
    tensorboard: bool = False
    ranks: Ranks = ALONE
    mirror: Mirror | None = None
    _holding: list[bool] = field(default_factory=list, repr=False)
    _stores: dict[FrontEnd, FeatureStore] = field(default_factory=dict, repr=False)

    @classmethod
    def open(
        cls,
        source: Source,
        data: Path | str | None = None,
        settings: Settings | None = None,
        out: Path | str | None = None,
        *,
        resume: bool = True,
        listener: Listener = SILENT,
        device: str | None = None,
        executor: str | None = None,
        address: str | None = None,
        together: bool = False,
    ) -> Self:
        """Open the run of a config, or an existing run directory.

        Nothing is written: the first step does that, once it knows that the run can be done.

        Parameters
        ----------
        source : path of a config file, path or URL of a run directory, or settings as a mapping
        data : folder of the recordings, in place of the config's
        settings : changes to the config, as ``{"supernet.epochs": 20}``
        out : run directory, or its URL; by default ``runs/NAME``
        resume : whether an existing run may be opened
        listener : see the attributes
        executor : ``local`` or ``ray``; by default `compute.executor`
        address : of the Ray cluster; by default `compute.address`
        device : ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``; by default `compute.device`
        together : whether the processes that ``torchrun`` started train the networks of `supernet`
            and `train` together; each opens the run

        Raises
        ------
        UsageError
            For a config that is wrong, or that differs from the one the directory was made with, or
            a device or an executor that is not there, or several ranks where they are of no use.
        AscNasError
            If the run exists and `resume` is false.
        """
        if not together:
            require_one("this step")
        source, out, mirror = fetched(source, out, listener)
        config = read_settings(source, data, settings)
        paths = RunPaths(directory_of(source, config, out))
        before = _made_with(paths)
        if before is not None:
            if not resume:
                raise AscNasError(
                    f"{paths.root}: this run exists already; add --resume to go on with it, or "
                    f"{ELSEWHERE}."
                )
            config, note = same_run(config, before, paths)
            if note:
                listener.note(f"note: {paths.root}: {note}.")
        found = find_device(config.compute.device if device is None else device)
        compute = config.compute
        used = compute.executor if executor is None else executor
        ranks, found = join(found) if together else (ALONE, found)
        if ranks.size > 1 and used != LOCAL:
            raise UsageError(
                f"executor '{used}': torchrun's {ranks.size} ranks train every network together; "
                f"give --executor {LOCAL}, or start one process."
            )
        prepare_process(found)  # whatever opens a run trains or judges networks
        here = compute if address is None else compute.model_copy(update={"address": address})
        run = cls(
            config.model_copy(update={"compute": here}),
            paths,
            listener,
            found,
            used,
            config,
            ranks=ranks,
            mirror=mirror,
        )
        run.new_executor()  # or why there is none
        run.apply_budget()
        return run

    @contextmanager
    def lock(self, *, shared: bool = False, together: bool = False) -> Iterator[None]:
        """Keep other processes from writing to the run; a step may take it within another.

        A new run begins here, if its clips can be read and divided; else nothing is written. Of
        several ranks the first holds the lock for all.

        Parameters
        ----------
        shared : bool
            Let others in that share it too: for steps that write to one network's folder only,
            each of which has a lock of its own.
        together : bool
            Whether several ranks can do the step.

        Raises
        ------
        AscNasError
            If another process works in the run.
        UsageError
            If another process has made the run in the meantime, with other settings, or there are
            several ranks and the step is one process's.
        """
        if self._holding or (together and not self.ranks.first):
            yield
            return
        if not together and self.ranks.size > 1:
            require_one("this step")
        self.begin()
        advice = f"wait for its end, or {ELSEWHERE}"
        with locked(self.paths.root, advice, shared=shared), self.uploading():
            self._holding.append(shared)
            try:
                if self.asked is not None and self.asked != _made_with(self.paths):
                    self._write(self.asked)
                yield
            finally:
                self._holding.pop()

    def uploading(self) -> AbstractContextManager[None]:
        """Return what uploads changes meanwhile, if the run is at a URL."""
        return nullcontext() if self.mirror is None else self.mirror.kept()

    def begin(self, *, search: bool = False) -> None:
        """Read and divide the clips of a new run; nothing is written yet.

        Parameters
        ----------
        search : whether the run is to be searched

        Raises
        ------
        AscNasError
            If that cannot be done.
        """
        if self.paths.manifest.exists() or not self.ranks.first:
            return
        config = self.config
        if self.first is None:
            clips = read_clips(config.data, self.listener)
            self.first = assign_roles(clips, config.data, config.seed)
        require_recorders(config, self.first)
        require_origins(config, self.first)
        if search:
            require_searchable(config, self.first)

    def _write(self, config: RunConfig) -> None:
        """Write the settings the run was opened with and, of a new one, the clips."""
        with taking_turns(self.paths.manifest.parent, self.listener.note):
            before = _made_with(self.paths)
            if before is not None:
                same_run(config, before, self.paths)
            write_text(self.paths.config, config_text(config))
            if self.first is not None and not self.paths.manifest.exists():
                self.first.write(self.paths.manifest)
            if self.tensorboard:
                self.events.use_tensorboard()

    def apply_budget(self) -> None:
        """Take the sizes that fill the run's budget, if they are decided already."""
        if self.config.budget is not None and self.paths.budget.exists():
            settings = Budget.read(self.paths.budget).settings
            self.config = read_settings(self.config.model_dump(mode="json"), None, settings)

    @cached_property
    def events(self) -> EventLog:
        """What the run logs."""
        return EventLog(self.paths.events, self.paths.tensorboard, writes=self.ranks.first)

    @cached_property
    def manifest(self) -> Manifest:
        """The clips, with roles."""
        return Manifest.read(self.paths.manifest)

    @property
    def licence(self) -> str:
        """Licence of the recordings."""
        return self.config.data.licence or self.manifest.licence

    def frontend(self, genotype: Genotype) -> FrontEnd:
        """The front end that a network hears through."""
        return frontend_of(genotype.shape, self.config.frontend)

    def store(self, frontend: FrontEnd | None = None) -> FeatureStore:
        """The features of all clips, made by a front end; by default the run's own.

        Raises
        ------
        AscNasError
            If they are not there.
        """
        frontend = frontend or self.config.frontend
        if frontend not in self._stores:
            require_heard(self.config, frontend, str(self.paths.root))
            folder = self.paths.features_of(frontend, self.config.frontend)
            self._stores[frontend] = FeatureStore.open(folder, frontend)
        return self._stores[frontend]

    def examples(self, *roles: str, frontend: FrontEnd | None = None) -> Examples:
        """The examples of `roles`, made by a front end; by default the run's own."""
        return Examples.load(self.manifest, self.store(frontend), roles)

    def readable(self, role: str) -> tuple[Clip, ...]:
        """Return the clips of a role that could be read."""
        clips, failed = self.manifest.with_role(role), self.store().failed
        return tuple(clip for clip in clips if clip.key not in failed)

    def spec(self, genotype: Genotype) -> NetSpec:
        """Layers of `genotype` for what it hears and these labels."""
        config = self.config
        return spec_of(genotype, config.skeleton, config.frontend, len(self.manifest.labels))

    @property
    def latency_table(self) -> LatencyTable | None:
        """The run's latency table, if the config asks for one and it is there."""
        if self.config.latency is None or not self.paths.latency.exists():
            return None
        return self._latency_table

    @cached_property
    def _latency_table(self) -> LatencyTable:
        return LatencyTable.read(self.paths.latency)

    def cost(self, genotype: Genotype) -> Cost:
        """Cost of `genotype` for one example; a network the table does not cover has no latency."""
        spec, table = self.spec(genotype), self.latency_table
        cost = count(spec, self.frontend(genotype))
        if table is None or not table.covers(spec):
            return cost
        return replace(cost, latency_ms=table.predict(spec))

    def remaining_space(self) -> SearchSpace:
        """Return what shrinking has left of the search space by now."""
        return remaining(self.config.search_space(), read_events(self.paths.shrinking))

    @property
    def standalone(self) -> Path:
        """The folder for the scores of networks trained alone, which several runs may share."""
        folder = self.config.rank.folder
        return self.paths.standalone if folder is None else Path(folder)

    def evaluation_scope(self) -> dict[str, str]:
        """Return what an evaluation depends on: what judges, split of the clips, latency table."""
        search = self.config.search
        if search.judge == "supernet":
            return self.shared_scope()
        recipe = fingerprint([self.config.rank.recipe(), search.folds])
        return self._scope({"recipe": recipe})

    def shared_scope(self) -> dict[str, str]:
        """Return what an evaluation with shared weights depends on."""
        return self._scope({"supernet": ",".join(sha256(s.weights) for s in self.supernets)})

    def _scope(self, judge: dict[str, str]) -> dict[str, str]:
        roles = [[clip.key, clip.role] for clip in self.manifest.clips]
        scope = judge | {"split": fingerprint(roles)}
        if self.latency_table is not None:
            scope["latency"] = sha256(self.paths.latency)
        return scope

    @property
    def supernets(self) -> tuple[SupernetPaths, ...]:
        """The files of each supernet: one, or one per part of the training clips."""
        return self.paths.supernets(self.config.search.folds)

    def new_supernet(self) -> Supernet:
        """Return a supernet whose weights are yet to be initialised or loaded, on the CPU.

        So weights are drawn alike, whatever the device.
        """
        config = self.config
        return Supernet(config.search_space(), self.spec, shadow_norms=config.supernet.shadow_norms)

    def new_executor(self) -> Executor:
        """Return what starts workers for jobs.

        Raises
        ------
        UsageError
            If there is no such executor, or it cannot be had here.
        """
        return EXECUTORS[self.executor](self.config.compute, self.device)

    def stays_here(self, workers: int) -> bool:
        """Return whether jobs for so many workers are done one by one in this process."""
        return workers == 1 and self.executor == LOCAL

    def most_workers(self, workers: int) -> int:
        """Return how many of `workers` jobs may be done at once; a cluster counts by itself."""
        if self.executor != LOCAL:
            return workers
        most = most_workers(self.device, workers)
        if most < workers:
            self.listener.note(
                f"note: {most} of {workers} workers, as the free memory of {self.device} holds no "
                "more."
            )
        return most


def _made_with(paths: RunPaths) -> RunConfig | None:
    """Return the settings of the run in a directory; None if there is none, or it has no clips."""
    if not (paths.config.exists() and paths.manifest.exists()):
        return None
    return RunConfig.parse(read_config(paths.config), str(paths.config))
