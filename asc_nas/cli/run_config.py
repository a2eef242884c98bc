"""The whole config of a run, data included, and how a command opens its run directory."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field

from asc_nas.config import apply_overrides, read_yaml
from asc_nas.errors import AscNasError, UsageError
from asc_nas.files import write_text
from asc_nas.machine import keep_freed_memory
from asc_nas.pipeline.config import PipelineConfig
from asc_nas.pipeline.context import Context
from asc_nas.runs import RunPaths
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
    """Everything a run needs."""

    data: DataConfig


# These may change between a run and its resumption: they do not change what it finds.
_MAY_CHANGE = ("data.skip_unreadable", "data.workers", "rank.", "retrain.workers")


@dataclass(frozen=True)
class OpenRun:
    """A run directory with its settings."""

    config: RunConfig
    paths: RunPaths

    @property
    def context(self) -> Context:
        """What the steps after feature extraction need."""
        return Context(self.config, self.paths)


def open_run(
    config: Path,
    data: Path | None = None,
    settings: list[str] | None = None,
    out: Path | None = None,
    *,
    resume: bool = True,
) -> OpenRun:
    """Open the run of a config file (made if it is new) or an existing run directory.

    Raises
    ------
    UsageError
        For a config that is wrong, or that differs from the one the directory was made with.
    AscNasError
        If the run exists and `resume` is false.
    """
    keep_freed_memory()  # whatever opens a run trains or judges networks
    is_run = config.is_dir()
    source = config / "config.yaml" if is_run else config
    if is_run and not source.is_file():
        raise UsageError(f"{config}: not a run directory (it has no config.yaml).")
    values = apply_overrides(read_yaml(source), settings or [])
    if data is not None:
        values = apply_overrides(values, [f"data.folder={yaml.safe_dump(str(data.resolve()))}"])
    parsed = RunConfig.parse(values, str(source))
    paths = RunPaths(out or (config if is_run else Path("runs") / parsed.name))
    if paths.config.exists():
        if not resume:
            raise AscNasError(
                f"{paths.root}: this run exists already; add --resume to go on with it, or give "
                "another directory with --out."
            )
        parsed = _same_run(parsed, paths)
    write_text(paths.config, yaml.safe_dump(parsed.model_dump(mode="json"), sort_keys=False))
    return OpenRun(parsed, paths)


def _same_run(config: RunConfig, paths: RunPaths) -> RunConfig:
    """Check `config` against the run's own; a data folder that is not given is the run's."""
    before = RunConfig.parse(read_yaml(paths.config), str(paths.config))
    if config.data.folder is None:
        data = config.data.model_copy(update={"folder": before.data.folder})
        config = config.model_copy(update={"data": data})
    old, new = _flat(before.model_dump(mode="json")), _flat(config.model_dump(mode="json"))
    differing = [
        f"{key} is {new.get(key)!r}, was {old.get(key)!r}"
        for key in sorted({*old, *new})
        if old.get(key) != new.get(key) and not key.startswith(_MAY_CHANGE)
    ]
    if differing:
        raise UsageError(
            f"{paths.root}: this run was made with other settings ({'; '.join(differing[:3])}); "
            "give another directory with --out."
        )
    return config


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat
