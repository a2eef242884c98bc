"""Acoustic scene classification with neural architecture search.

The library that the command line calls, too: `Run` with every step as a method, `crossval`, `ship`,
`page`, `classify` and `Classifier`; see docs/API.md. Importing it is cheap: what needs PyTorch is
loaded when it is used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asc_nas.core.errors import AscNasError, UsageError
    from asc_nas.core.progress import Listener
    from asc_nas.export.page.page import page
    from asc_nas.run.crossval import crossval
    from asc_nas.run.run import Run
    from asc_nas.run.ship import ship
    from asc_nas.runtime.classifier import Classifier
    from asc_nas.runtime.recordings import classify

__version__ = "0.1.0"
__all__ = [
    "AscNasError",
    "Classifier",
    "Listener",
    "Run",
    "UsageError",
    "__version__",
    "classify",
    "crossval",
    "page",
    "ship",
]

_HOMES = {
    "AscNasError": "core.errors",
    "UsageError": "core.errors",
    "Listener": "core.progress",
    "Run": "run.run",
    "crossval": "run.crossval",
    "ship": "run.ship",
    "page": "export.page.page",
    "Classifier": "runtime.classifier",
    "classify": "runtime.recordings",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'asc_nas' has no attribute '{name}'")
    return getattr(import_module(f"asc_nas.{_HOMES[name]}"), name)
