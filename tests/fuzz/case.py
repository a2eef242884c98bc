"""What is tried: some files, and one call that reads them."""

import contextlib
import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

OUT = "out"
"""The only folder that a call may write to."""


@dataclass(frozen=True)
class Case:
    """Files by their path in an empty folder, and what is called there.

    Attributes
    ----------
    made : str
        How the files came about, for people.
    call : tuple
        The name of one of `calls.CALLS`, and its arguments.
    files : dict
        Content by path.
    base : str
        A folder of the workspace whose files are copied first; empty for none.
    """

    made: str
    call: tuple[str, ...]
    files: dict[str, bytes]
    base: str = ""


def load(*modules: str) -> None:
    """Import what the calls of a kind need, so that no forked process has to."""
    for module in modules:
        importlib.import_module(module)


@dataclass(frozen=True)
class Kind:
    """A kind of file: how a case is drawn, and how much memory one may take.

    Attributes
    ----------
    make : callable
        From a random generator to a case; the same for the same seed.
    prepare : callable
        Imports what the calls need, once, before processes are forked.
    megabytes : int
        What a call may take on top of what the process has when it begins.
    """

    name: str
    make: Callable[[Random], Case]
    prepare: Callable[[], object] = field(default=lambda: None)
    megabytes: int = 768

    def case(self, seed: int, number: int) -> Case:
        """Return the case of a number."""
        for again in range(100):
            # What is too deep, or has no encoding, to be written at all is drawn once more.
            with contextlib.suppress(RecursionError, UnicodeError):
                return self.make(Random(f"{self.name} {seed} {number}{' again' * again}"))
        raise RuntimeError(f"{self.name} {number} cannot be made")
