"""The settings a run is opened with, held against those it was made with."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from asc_nas.core.config import apply_overrides, read_yaml
from asc_nas.core.errors import UsageError
from asc_nas.core.files import fingerprint
from asc_nas.core.launched import require_one
from asc_nas.core.packages import packaged
from asc_nas.core.progress import Listener
from asc_nas.data.feature_store import is_being_made
from asc_nas.remote.mirror import Mirror
from asc_nas.run.config import RunConfig
from asc_nas.run.paths import RunPaths
from data_prep.datasets import READERS

_CHECKSUM = "# checksum: "

Source = Path | str | Mapping[str, Any]
"""A config file, the name of one that comes with asc-nas, a run (directory or URL), or settings."""

Settings = Sequence[str] | Mapping[str, Any]
"""Changes to a config: ``["supernet.epochs=20"]`` or ``{"supernet.epochs": 20}``."""

MAY_CHANGE = (
    *("adapt.", "budget", "compute.", "data.skip_unreadable", "data.workers", "rank."),
    *("retrain.workers", "search.workers", "supernet.workers"),
)
"""What may change between a run and its resumption: it does not change what is done already."""
TOLD = ("retrain.members", "retrain.calibrate")
"""The same, but the run ends otherwise; and so do added `baselines`."""
FIRST_FILES = ("config.yaml", "data/manifest.parquet")
"""Of which every run has one, also one that has just begun."""
ELSEWHERE = "give another directory with --out"
"""What to do where a directory is another run's."""


def fetched_run(place: object, listener: Listener) -> Mirror | None:
    """Fetch the run at a URL, if there is one; return its mirror, and None of any other place.

    Raises
    ------
    UsageError
        If several ranks would fetch it.
    AscNasError
        If the URL cannot be read, or holds no run but other files.
    """
    mirror = Mirror.of(place, FIRST_FILES, is_being_made, listener)
    if mirror is not None:
        require_one("a run at a URL")
        mirror.pull()
    return mirror


def fetched(
    source: Source, out: Path | str | None, listener: Listener
) -> tuple[Source, Path | str | None, Mirror | None]:
    """Return `source` and `out`, of URLs the working copies, and the mirror of the run to open.

    Raises
    ------
    UsageError
        If there is no run at the URL of `source`; and as `fetched_run` does.
    """
    read, written = (fetched_run(place, listener) for place in (source, out))
    if read is not None:
        if not (read.folder / "config.yaml").is_file():
            raise UsageError(f"{source}: not a run directory (it has no config.yaml).")
        source = read.folder
    if written is not None:
        out = written.folder
    return source, out, read if out is None else written


def read_settings(
    source: Source, data: Path | str | None = None, settings: Settings | None = None
) -> RunConfig:
    """Read a config file, that of a run directory, or a mapping, with changes.

    Parameters
    ----------
    data : folder of the recordings, in place of the config's

    Raises
    ------
    UsageError
        If there is none, a setting is wrong, or `data` is no folder: what generates recordings
        does so in the config's own folder, or in an empty one.
    """
    if isinstance(source, Mapping):
        values, where = dict(source), "config"
    else:
        path = _named(Path(source))
        file = path / "config.yaml" if path.is_dir() else path
        if path.is_dir() and not file.is_file():
            raise UsageError(f"{path}: not a run directory (it has no config.yaml).")
        values = read_config(file) if path.is_dir() else read_yaml(file)
        where = str(file)
    values = apply_overrides(values, _assignments(settings or ()))
    if data is not None:
        folder = yaml.safe_dump(str(Path(data).resolve()))
        values = apply_overrides(values, [f"data.folder={folder}"])
    config = RunConfig.parse(values, where)
    if data is not None and READERS[config.data.dataset].generates and not Path(data).exists():
        raise UsageError(
            f"{data}: no such folder; give one that holds recordings, or an empty one, in which "
            f"the dataset '{config.data.dataset}' is generated."
        )
    return config


def _named(path: Path) -> Path:
    """Return the config that comes with asc-nas where `path` is but its name, as ``nasc``."""
    own = packaged("configs") / f"{path}.yaml"
    is_name = path.parent == Path() and not path.suffix and not path.exists()
    return own if is_name and own.is_file() else path


def config_text(config: RunConfig) -> str:
    """Return what ``config.yaml`` of a run holds; its last line tells a change from what it was."""
    text = yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False)
    return f"{text}{_CHECKSUM}{fingerprint(text)}\n"


def read_config(file: Path) -> dict[str, Any]:
    """Read the settings that a run was made with.

    Raises
    ------
    UsageError
        If the file cannot be read, or is not as it was written.
    """
    values = read_yaml(file)
    text, found, checksum = file.read_text(encoding="utf-8").rpartition(_CHECKSUM)
    if found and checksum.strip() != fingerprint(text):
        raise UsageError(
            f"{file}: not as it was written (its checksum differs): restore it; if the change was "
            "meant, remove its last line."
        )
    return values


def _assignments(settings: Settings) -> list[str]:
    if isinstance(settings, Mapping):
        return [f"{key}={json.dumps(value)}" for key, value in settings.items()]
    return list(settings)


def directory_of(source: Source, config: RunConfig, out: Path | str | None) -> Path:
    """Return where the run of a config is: `out`, the source itself, or ``runs/NAME``.

    Raises
    ------
    UsageError
        If its path is no text: what writes weights opens no such file.
    """
    root = Path("runs") / config.name
    if out is not None:
        root = Path(out)
    elif not isinstance(source, Mapping) and Path(source).is_dir():
        root = Path(source)
    if re.search("[\ud800-\udfff]", str(root.absolute())):
        raise UsageError(f"{root}: a run needs a path that is UTF-8; give another with --out.")
    return root


def same_run(config: RunConfig, before: RunConfig, paths: RunPaths) -> tuple[RunConfig, str]:
    """Hold `config` against the run's own; a folder or a budget that is not given is the run's.

    Returns
    -------
    config : RunConfig
    note : str
        What changes the end of the run; empty if nothing does.

    Raises
    ------
    UsageError
        If a setting differs that may not change.
    """
    if config.data.folder is None:
        data = config.data.model_copy(update={"folder": before.data.folder})
        config = config.model_copy(update={"data": data})
    if config.budget is None:
        config = config.model_copy(update={"budget": before.budget})
    added = [name for name in config.baselines if name not in before.baselines]
    extended = before.baselines | {name: config.baselines[name] for name in added}
    before = before.model_copy(update={"baselines": extended})
    old, new = _flat(before.model_dump(mode="json")), _flat(config.model_dump(mode="json"))
    changed = {
        key: f"{key} is {new.get(key)!r}, was {old.get(key)!r}"
        for key in sorted({*old, *new})
        if old.get(key) != new.get(key)
    }
    may_change = MAY_CHANGE + TOLD
    differing = [told for key, told in changed.items() if not key.startswith(may_change)]
    if differing:
        raise UsageError(
            f"{paths.root}: this run was made with other settings ({'; '.join(differing[:3])}); "
            f"{ELSEWHERE}."
        )
    notes = [told for key, told in changed.items() if key.startswith(TOLD)]
    notes += [f"new in baselines: {', '.join(added)}"] * bool(added)
    return config, "; ".join(notes)


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat
