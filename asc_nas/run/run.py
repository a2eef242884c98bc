"""The library: a run with all its steps, as a notebook or the command line calls them."""

import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from asc_nas.core.errors import UsageError
from asc_nas.core.events import summary_writer
from asc_nas.cost.latency import LatencyTable
from asc_nas.data.manifest import Manifest
from asc_nas.evaluation.gain import Adapted
from asc_nas.evaluation.result import Results
from asc_nas.export.target import ExportedModel
from asc_nas.run import latency as on_device
from asc_nas.run.adaptation import adapt
from asc_nas.run.export import export
from asc_nas.run.folder import RunFolder
from asc_nas.run.gather.report import gather_report
from asc_nas.run.networks import Pareto, find_network
from asc_nas.run.preparation import prepare
from asc_nas.run.ranking import rank
from asc_nas.run.scoring import Scored, score
from asc_nas.run.search import train_supernet
from asc_nas.run.sequence import Outcome, find_pareto_set, run_all
from asc_nas.run.submission.submit import Submitted, submit
from asc_nas.run.teach import teach
from asc_nas.run.training import train_networks
from asc_nas.search.ranking import Ranking


class Run(RunFolder):
    """A run: its directory, its settings, and every step as a method.

    A step does the steps before it if they are missing, writes into the run directory, and keeps
    what is done: called again, it goes on. Two processes never write over one another. Nothing is
    printed: a `Listener` hears of progress and messages.

    Errors that a user can cause are `AscNasError`: one sentence that says what to do.

    Opened with ``together=True`` by each process that ``torchrun`` started, `prepare`, `supernet`
    and `train` are done by all of them; no other step that writes is.
    """

    def use_tensorboard(self) -> None:
        """Write what is logged for TensorBoard too, from now on."""
        summary_writer()
        if not self.ranks.first:
            return
        self.tensorboard = True
        if self.paths.manifest.exists():
            self.events.use_tensorboard()

    def prepare(self, *, check: bool = False) -> Manifest:
        """Read the recordings, divide them into roles and extract the features.

        With `check` the recordings are checked too, for the report.
        """
        with self.lock(shared=True, together=True):
            prepare(self, check=check)
        return self.manifest

    def supernet(self) -> Path:
        """Train the supernet; return the file of its weights, with `search.folds` of the first."""
        self.begin(search=True)
        with self.lock(together=True):
            prepare(self)
            self.ranks.by_first(partial(on_device.ensure_latency, self))
            train_supernet(self)
        return self.supernets[0].weights

    def search(self) -> Pareto:
        """Search the supernet; return the Pareto set, scored on search-val."""
        self.begin(search=True)
        with self.lock():
            return find_pareto_set(self)

    def rank(
        self, *, like: Path | None = None, standalone: Path | None = None, workers: int = 1
    ) -> Ranking:
        """Compare the supernet's scores with training networks alone, all on the same clips.

        These are search-val's, or with `search.folds` all training clips, out-of-fold on both
        sides.

        Parameters
        ----------
        like : ``rank.json`` of another run, whose networks are ranked
        standalone : folder of the stand-alone scores; several runs may share one
        workers : trainings side by side, on one thread each
        """
        with self.lock():
            prepare(self)
            train_supernet(self)
            return rank(self, like=like, standalone=standalone, workers=workers)

    def train(
        self, *networks: str, seeds: Sequence[int] = (), workers: int | None = None
    ) -> Results:
        """Train networks from scratch; each is tested once, with the last epoch's weights.

        Parameters
        ----------
        networks : Pareto members' ids, names of baselines, or genotypes
        seeds : the run's by default
        workers : trainings side by side, on one thread each; by default `retrain.workers`
        """
        config, size = self.config, self.ranks.size
        used = config.retrain.workers if workers is None else workers
        if size > 1 and workers is not None and workers > 1:
            raise UsageError(
                f"--workers {workers}: torchrun's {size} ranks train every network together; leave "
                "it out, or start one process."
            )
        with self.lock(shared=True, together=True):
            prepare(self)
            found = [find_network(self, text) for text in networks]
            return train_networks([self], found, seeds or [config.seed], used)

    def adapt(self, network: str, *recorders: str, **options: Any) -> Adapted:
        """Adapt a trained network to recording devices; the options are those of `adapt`."""
        with self.lock(shared=True):
            return adapt(self, network, recorders, **options)

    def evaluate(self, network: str, **options: Any) -> Scored:
        """Score a trained network or an exported model; the options are those of `score`."""
        return score(self, network, **options)

    def teach(
        self, *teachers: str, out: Path | str | None = None, rows: Path | str | None = None
    ) -> Path:
        """Write what teachers say of the training clips, for students; see `teach`."""
        file, table = (None if path is None else Path(path) for path in (out, rows))
        with self.lock(shared=True):
            prepare(self)
            return teach(self, teachers, file, table)

    def export(self, *networks: str, **options: Any) -> list[ExportedModel]:
        """Export trained networks to the run's models folder; the options are those of `export`."""
        return export(self, networks, **options)

    def submit(self, *networks: str, year: int, label: str, **options: Any) -> Submitted:
        """Write what DCASE Task 1 of a year asks for, with its zip; the options are `submit`'s."""
        with self.lock(shared=True):
            return submit(self, *networks, year=year, label=label, **options)

    def report(
        self,
        out: Path | str | None = None,
        *,
        mistakes: int = 8,
        network: str | None = None,
        check: Path | None = None,
    ) -> list[Path]:
        """Write the report of what there is; return the page and the figures and tables.

        Parameters
        ----------
        out : folder; by default ``RUN/report``
        mistakes : worst mistakes that are shown
        network : whose mistakes; by default those of the trained member that search-val prefers
        check : what ``asc-nas data check --json`` wrote, in place of the run's own
        """
        from asc_nas.report.folder import write_report

        report = gather_report(
            self,
            shown_as=str(self.paths.root),
            check_file=check or self.paths.check,
            mistakes=mistakes,
            network=network,
        )
        for part, reason in report.missing.items():
            self.listener.note(f"{part}: {reason}")
        if out is not None:
            return write_report(report, Path(out))
        with self.uploading():
            return write_report(report, self.paths.root / "report")

    def run(self, start: float | None = None) -> Outcome:
        """Do every step: features, supernet, search, training from scratch, test, export.

        Parameters
        ----------
        start : when the budget, if there is one, began (`time.monotonic`); by default now
        """
        return run_all(self, time.monotonic() if start is None else start)

    def latency_kit(self, folder: Path, target: str = "onnx") -> None:
        """Write a folder that measures the search space on another device.

        Parameters
        ----------
        target : ``onnx`` (for onnxruntime) or ``c`` (for microcontrollers)
        """
        with self.lock(shared=True):
            on_device.latency_kit(self, folder, target)

    def measure_latency(self) -> LatencyTable:
        """Return the latency table of this machine, measured unless the run has one already."""
        with self.lock():
            if not self.paths.latency.exists():
                on_device.measure_latency(self)
            return LatencyTable.read(self.paths.latency)

    def check_latency(
        self, table: LatencyTable | None = None, networks: int = 30
    ) -> on_device.CheckedNetworks:
        """Predict and measure the latency of random networks on this machine.

        Parameters
        ----------
        table : the run's by default
        """
        with self.lock(shared=True):
            measured = table or LatencyTable.read(self.paths.latency)
            return on_device.check_latency(self, measured, networks)
