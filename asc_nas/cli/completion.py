"""What the shell offers for names that are no files. Imports nothing heavy."""

from asc_nas.core.errors import AscNasError


def complete_model(incomplete: str) -> list[str]:
    """Return the models that can be named and begin with `incomplete`."""
    from asc_nas.runtime.model_files import installed_models

    names = (model.name for model in installed_models() if not model.hidden)
    return [name for name in names if name.startswith(incomplete)]


def complete_dataset(incomplete: str) -> list[str]:
    """Return the datasets that can be read and begin with `incomplete`."""
    try:
        from data_prep.datasets import READERS
    except (AscNasError, ImportError):  # a shell that asks must not see a traceback
        return []
    return [name for name in READERS if name.startswith(incomplete)]
