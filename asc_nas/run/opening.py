"""The whole config of a run, data included, and how a command opens its run directory."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer
import yaml
from pydantic import Field, field_validator

from asc_nas.core.config import apply_overrides, read_yaml
from asc_nas.core.errors import AscNasError, UsageError
from asc_nas.core.files import write_text
from asc_nas.core.locks import locked
from asc_nas.core.machine import keep_freed_memory
from asc_nas.run.budget import parse_duration, read_budget
from asc_nas.run.config import PipelineConfig
from asc_nas.run.folder import Context
from asc_nas.run.paths import RunPaths
from data_prep.splits import SplitConfig


class DataConfig(SplitConfig):
    """Which recordings, and how they are divided.

    Attributes
    ----------
    dataset : str
        Name of a reader, see ``asc-nas data list``.
    folder : str or None
        Where the recordings lie; usually given with ``--data``.
    skip_unreadable : bool
        Leave out (and list) clips that cannot be read, where otherwise the run stops.
    workers : int or None
        Processes for feature extraction; None is one per core.
    exclude : str or None
        Text file with the keys of clips to leave out, one per line, as ``asc-nas data check
        --exclude`` writes it.
    """

    dataset: str
    folder: str | None = None
    skip_unreadable: bool = False
    workers: int | None = Field(None, ge=1)
    exclude: str | None = None


class RunConfig(PipelineConfig):
    """Everything a run needs.

    Attributes
    ----------
    data : DataConfig
    budget : str or None
        Time that `asc-nas run` may take, as in ``30m``: it then replaces the sizes of the config
        (epochs of supernet and retraining, generations) once it has measured the work.
    """

    data: DataConfig
    budget: str | None = None

    @field_validator("budget")
    @classmethod
    def _check_budget(cls, value: str | None) -> str | None:
        if value is not None:
            parse_duration(value)
        return value


# These may change between a run and its resumption: they do not change what is done already.
_MAY_CHANGE = ("data.skip_unreadable", "data.workers", "rank.", "retrain.workers", "search.workers")
_TOLD = ("retrain.members", "retrain.calibrate")
"""The same, but the run ends otherwise; and so do added `baselines`."""


@dataclass(frozen=True)
class OpenRun:
    """A run directory with its settings."""

    config: RunConfig
    paths: RunPaths

    @property
    def context(self) -> Context:
        """What the steps after feature extraction need."""
        return Context(self.config, self.paths)

    def within_budget(self) -> "OpenRun":
        """Return the run with the sizes that fill its budget, if they are decided already."""
        if self.config.budget is None or not self.paths.budget.exists():
            return self
        settings = read_budget(self.paths.budget)
        changes = [f"{key}={json.dumps(value)}" for key, value in settings.items()]
        values = apply_overrides(self.config.model_dump(mode="json"), changes)
        return OpenRun(RunConfig.parse(values, str(self.paths.budget)), self.paths)


def open_run(
    config: Path,
    data: Path | None = None,
    settings: list[str] | None = None,
    out: Path | None = None,
    *,
    resume: bool = True,
) -> OpenRun:
    """Open the run of a config file (made if it is new) or an existing run directory.

    To write more than that into it, `lock_run` opens it.

    Raises
    ------
    UsageError
        For a config that is wrong, or that differs from the one the directory was made with.
    AscNasError
        If the run exists and `resume` is false.
    """
    return _opened(*_read(config, data, settings, out), resume=resume)


@contextmanager
def lock_run(
    config: Path,
    data: Path | None = None,
    settings: list[str] | None = None,
    out: Path | None = None,
    *,
    resume: bool = True,
    shared: bool = False,
) -> Iterator[OpenRun]:
    """Do what `open_run` does, and keep other processes from writing to the run in the meantime.

    Parameters
    ----------
    shared : bool
        Let others in that share the run too: for commands that write to one network's folder only,
        each of which has a lock of its own.

    Raises
    ------
    UsageError
        As `open_run`.
    AscNasError
        As `open_run`, and if another process works in the run.
    """
    parsed, paths = _read(config, data, settings, out)
    advice = "wait for its end, or give another directory with --out"
    with locked(paths.root, advice, shared=shared):
        yield _opened(parsed, paths, resume=resume)


def _read(
    config: Path, data: Path | None, settings: list[str] | None, out: Path | None
) -> tuple[RunConfig, RunPaths]:
    """Return the settings as they are given, and where the run is."""
    parsed = read_settings(config, data, settings)
    return parsed, RunPaths(out or (config if config.is_dir() else Path("runs") / parsed.name))


def read_settings(
    config: Path, data: Path | None = None, settings: list[str] | None = None
) -> RunConfig:
    """Read a config file, or that of a run directory, with changes.

    Raises
    ------
    UsageError
        If there is none, or a setting is wrong.
    """
    source = config / "config.yaml" if config.is_dir() else config
    if config.is_dir() and not source.is_file():
        raise UsageError(f"{config}: not a run directory (it has no config.yaml).")
    values = apply_overrides(read_yaml(source), settings or [])
    if data is not None:
        values = apply_overrides(values, [f"data.folder={yaml.safe_dump(str(data.resolve()))}"])
    return RunConfig.parse(values, str(source))


def _opened(config: RunConfig, paths: RunPaths, *, resume: bool) -> OpenRun:
    """Check the settings against the run's own, if it exists, and write them if they are new."""
    keep_freed_memory()  # whatever opens a run trains or judges networks
    before = None
    if paths.config.exists():
        if not resume:
            raise AscNasError(
                f"{paths.root}: this run exists already; add --resume to go on with it, or give "
                "another directory with --out."
            )
        before = RunConfig.parse(read_yaml(paths.config), str(paths.config))
        config = _same_run(config, before, paths)
    if config != before:
        write_text(paths.config, yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False))
    return OpenRun(config, paths).within_budget()


def _same_run(config: RunConfig, before: RunConfig, paths: RunPaths) -> RunConfig:
    """Check `config` against the run's own; a data folder that is not given is the run's."""
    if config.data.folder is None:
        data = config.data.model_copy(update={"folder": before.data.folder})
        config = config.model_copy(update={"data": data})
    added = [name for name in config.baselines if name not in before.baselines]
    extended = before.baselines | {name: config.baselines[name] for name in added}
    before = before.model_copy(update={"baselines": extended})
    old, new = _flat(before.model_dump(mode="json")), _flat(config.model_dump(mode="json"))
    changed = {
        key: f"{key} is {new.get(key)!r}, was {old.get(key)!r}"
        for key in sorted({*old, *new})
        if old.get(key) != new.get(key)
    }
    may_change: tuple[str, ...] = _MAY_CHANGE + _TOLD
    if not paths.manifest.exists():  # nothing was read yet: the folder may have been mistyped
        may_change += ("data.folder",)
    differing = [told for key, told in changed.items() if not key.startswith(may_change)]
    if differing:
        raise UsageError(
            f"{paths.root}: this run was made with other settings ({'; '.join(differing[:3])}); "
            "give another directory with --out."
        )
    notes = [told for key, told in changed.items() if key.startswith(_TOLD)]
    notes += [f"new in baselines: {', '.join(added)}"] * bool(added)
    if notes:
        typer.echo(f"note: {paths.root}: {'; '.join(notes)}.", err=True)
    return config


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat
