"""What is said of a run's best network: ``asc-nas run`` prints it, the report opens with it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Fact:
    """A name and what is said under it; `met` of a limit, None of anything else."""

    name: str
    value: str
    met: bool | None = None


@dataclass(frozen=True)
class ExportedFile:
    """A file (or folder) of an exported model, and a line on what it holds; empty: nothing."""

    path: str
    says: str


@dataclass(frozen=True)
class BestNetwork:
    """Which network is the best and why, what it takes, its files, and what comes next.

    Attributes
    ----------
    title : str
        A line that names it.
    network : str
        Its name in the run.
    commands : tuple of str
        What to do next, to be copied into a shell.
    """

    title: str
    network: str
    facts: tuple[Fact, ...]
    files: tuple[ExportedFile, ...]
    commands: tuple[str, ...]
