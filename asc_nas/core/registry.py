"""Named things, registered by a decorator; a duplicate or an unknown name is an error."""

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from asc_nas.core.errors import UsageError, closest

T = TypeVar("T")


class Registry(Generic[T]):
    """A table from name to thing, in order of registration.

    Parameters
    ----------
    kind : str
        What the things are called in an error, such as ``"dataset"``.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._things: dict[str, T] = {}

    def register(self, name: str) -> Callable[[T], T]:
        """Return a decorator that enters a thing under `name`."""

        def enter(thing: T) -> T:
            if name in self._things:
                raise ValueError(f"the {self.kind} '{name}' is registered twice")
            self._things[name] = thing
            return thing

        return enter

    def __getitem__(self, name: str) -> T:
        if name not in self._things:
            hint = closest(name, list(self._things))
            known = ", ".join(self._things)
            raise UsageError(f"unknown {self.kind} '{name}'.{hint} Known: {known}.")
        return self._things[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._things)
