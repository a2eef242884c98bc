"""Where models lie: by path, by folder, or by name in the folders that are searched for names.

A model is two files side by side, ``NAME.onnx`` and its card ``NAME.json``. Names are looked up in
the current folder's ``models/``, then in the folders of ``$ASC_NAS_MODELS`` (separated as in
``$PATH``), then among the models that come with asc-nas. Where none is named, `DEFAULT_MODEL` says
which one it is.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from asc_nas.core.errors import AscNasError, closest
from asc_nas.core.packages import packaged

MODELS = Path("models")
"""The current folder's models, and what `find_card` takes for "none was named"."""
DEFAULT_MODEL = "esc10"
"""Where no model is named, the first folder that holds any gives its only one, or the one of this
name: it comes with asc-nas."""
VARIABLE = "ASC_NAS_MODELS"
_SUFFIXES = (".onnx", ".json")


@dataclass(frozen=True)
class Installed:
    """A model that can be named: its card's path, and whether one of that name comes before it."""

    card_path: Path
    hidden: bool = False

    @property
    def name(self) -> str:
        """What ``classify --model`` takes, unless it is hidden."""
        return self.card_path.stem


def model_folders() -> list[Path]:
    """Return the folders that are searched for names, in order; not all of them need exist."""
    named = os.environ.get(VARIABLE, "").split(os.pathsep)
    return [MODELS, *(Path(folder).expanduser() for folder in named if folder), packaged_folder()]


def packaged_folder() -> Path:
    """Return the folder of the models that come with asc-nas: in the package, or in a checkout."""
    return packaged("models")


def installed_models() -> list[Installed]:
    """Return all models that lie in the searched folders, folder by folder, sorted in each."""
    return list(_installed())


def _installed() -> Iterator[Installed]:
    names: set[str] = set()
    folders: set[Path] = set()
    for folder in model_folders():
        if folder.resolve() in folders:
            continue
        folders.add(folder.resolve())
        found = models_in(folder)
        yield from (Installed(folder / f"{name}.json", hidden=name in names) for name in found)
        names.update(found)


def models_in(folder: Path) -> list[str]:
    """Return the sorted names of the models that lie in `folder`."""
    return sorted(path.stem for path in folder.glob("*.onnx"))


def find_card(model: str | Path) -> Path:
    """Return the card's path of a model; of its two files at least one exists.

    Parameters
    ----------
    model : str or Path
        ``NAME.onnx`` or ``NAME.json``, a folder that holds one model, or a name from the folders
        of `model_folders`. ``models`` is the only one, or `DEFAULT_MODEL`, of the first of these
        folders that holds any.

    Raises
    ------
    AscNasError
        If there is no such model, or a folder holds none or several.
    """
    path = Path(model)
    if path == MODELS:
        return _default()
    if len(path.parts) == 1 and path.suffix not in _SUFFIXES:
        for folder in model_folders():
            named = folder / f"{path.name}.json"
            if named.is_file() or named.with_suffix(".onnx").is_file():
                return named
    if path.is_dir():
        return _only_model_in(path)
    if path.suffix in _SUFFIXES and path.is_file():
        return path.with_suffix(".json")
    if path.exists():
        raise AscNasError(f"{path}: not a model; give NAME.onnx, or its card NAME.json.")
    installed = installed_models()
    if not installed:
        raise _no_models(model)
    known = [found.name for found in installed if not found.hidden]
    hint = closest(path.name.removesuffix(path.suffix), known)
    raise AscNasError(f"no model '{model}'.{hint} {_listed(installed)}")


def _listed(installed: Sequence[Installed]) -> str:
    """Return ``"In models/: a, b. In elsewhere/: c."``."""
    folders = dict.fromkeys(found.card_path.parent for found in installed)
    return " ".join(f"In {folder}/: {', '.join(models_in(folder))}." for folder in folders)


def _default() -> Path:
    """Return the model of the first folder that holds any, where none was named."""
    for folder in model_folders():
        names = models_in(folder)
        if DEFAULT_MODEL in names:
            return folder / f"{DEFAULT_MODEL}.json"
        if names:
            return _only_model_in(folder)
    raise _no_models(MODELS)


def _only_model_in(folder: Path) -> Path:
    names = models_in(folder)
    if not names:
        raise AscNasError(f"{folder}: holds no model (NAME.onnx and its card NAME.json).")
    if len(names) > 1:
        raise AscNasError(f"{folder}: holds several models, name one: {', '.join(names)}.")
    return folder / f"{names[0]}.json"


def _no_models(model: str | Path) -> AscNasError:
    return AscNasError(
        f"no model '{model}': there is no folder '{MODELS}' with models here; give the path of a "
        f".onnx file with its card beside it, or set {VARIABLE} to a folder of models."
    )
