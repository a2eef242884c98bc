"""Features in parts: each machine makes some of them, in a folder that all share.

A part is a store of its own within the store, so it resumes like one, and no file is written by two
machines: of two that write near one another, network file systems may lose the bytes of one. What
is complete is taken into the store, by one machine at a time.
"""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np

from asc_nas.core.errors import AscNasError, UsageError
from asc_nas.data.feature_store import FeatureStore, Index
from asc_nas.data.manifest import Manifest
from data_prep.feature_writer import FeatureWriter


@dataclass(frozen=True)
class Part:
    """One of `count` runs of clips that are about equally long, counted from 1."""

    number: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the part of a text such as ``3/8``.

        Raises
        ------
        UsageError
            If there is no such part.
        """
        found = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text)
        if found is None or not 1 <= int(found[1]) <= int(found[2]):
            raise UsageError(f"part '{text}': give its number and how many there are, from 1/8 on.")
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    @property
    def folder(self) -> str:
        """Name of the folder of its own store, until that is in the whole one."""
        return f"part-{self.number}-of-{self.count}"

    @property
    def all(self) -> tuple[str, ...]:
        """All parts, as texts."""
        return tuple(f"{number}/{self.count}" for number in range(1, self.count + 1))

    def of(self, manifest: Manifest) -> Manifest:
        """Return the clips of this part.

        Raises
        ------
        UsageError
            If there are fewer clips than parts.
        """
        if self.count > len(manifest.clips):
            raise UsageError(
                f"{manifest.name}: {self.count} parts of {len(manifest.clips)} clips; give fewer."
            )
        return manifest.with_clips(manifest.clips[self._first(manifest) :][: self._size(manifest)])

    def _first(self, manifest: Manifest) -> int:
        return (self.number - 1) * len(manifest.clips) // self.count

    def _size(self, manifest: Manifest) -> int:
        return self.number * len(manifest.clips) // self.count - self._first(manifest)

    def require_one_of(self, index: Index, folder: Path) -> None:
        """Raise unless the store of `index` is made in so many parts, or complete.

        Raises
        ------
        AscNasError
            If it is not.
        """
        if index.complete:
            return
        if not index.missing:
            raise AscNasError(f"{folder}: these features were begun as one; go on without --part.")
        count = Part.parse(index.missing[0]).count
        if count != self.count:
            raise AscNasError(
                f"{folder}: these features are made in {count} parts, not {self.count}; give one "
                f"of {', '.join(index.missing[:10])}."
            )

    def take_in(self, made: FeatureStore, index: Index, folder: Path) -> Index:
        """Write what was made of this part into the store in `folder`; return its new index."""
        part, first = set(made.keys) | set(made.failed), 0
        with FeatureWriter(folder, index) as writer:
            for number, key in enumerate(index.keys):
                if key not in part:
                    continue
                rows = np.arange(first, first + index.channels[number])
                first += len(rows)
                if key not in made.failed:
                    examples = made.features[rows]
                    if made.check is not None:
                        made.check(rows, examples)
                    writer.add(number, examples)
        missing = tuple(part for part in index.missing if part != str(self))
        return replace(index, failed={**index.failed, **made.failed}, missing=missing)
