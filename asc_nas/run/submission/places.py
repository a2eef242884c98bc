"""Where the parts of a submission lie in its folder."""

from pathlib import Path


def system_folder(folder: Path, label: str) -> Path:
    """Return where the meta file and the outputs of a system lie."""
    return folder / "task1" / label


def output_of(folder: Path, label: str, suffix: str) -> Path:
    """Return where the output for the evaluation set lies.

    Parameters
    ----------
    suffix : see `Rules.suffix`
    """
    ending = f".{suffix}" if suffix else ""
    return system_folder(folder, label) / f"{label}.output{ending}.csv"


def checkpoint_of(folder: Path, package: str, module: str) -> Path:
    """Return where the weights of a module lie.

    Parameters
    ----------
    folder : what ``pip install`` takes
    """
    return folder / package / "ckpts" / f"{module}.npz"
