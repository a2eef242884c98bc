"""The manifest: a table of clips that alone defines the label order.

Stored as Parquet with one row per clip; dataset name, licence, label order and root folder stand in
the file's metadata.
"""

import reprlib
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from asc_nas.audio.io import MOST_CHANNELS
from asc_nas.core.errors import AscNasError
from asc_nas.core.files import as_written
from asc_nas.core.plain_text import LONGEST_LABEL, as_path, is_plain, visible
from asc_nas.data.parquet import read_parquet, write_parquet

FORMAT = "asc-nas/manifest/1"
ROLES = ("train", "search_val", "test")
LONGEST = 1e9
"""Seconds: no recording begins later or lasts longer."""

Value = TypeVar("Value")


@dataclass(frozen=True)
class Clip:
    """One recording, or one part of it.

    Attributes
    ----------
    path : str
        Audio file, relative to the manifest's root, with forward slashes, as
        `asc_nas.core.plain_text.as_text` writes it.
    label : str
        Scene; one of the manifest's labels.
    fold : str
        Official fold (or ``"train"``/``"test"``) as published; empty if there is none.
    group : str
        Recording session or location: never on both sides of a split.
    device : str
        Recording device or sensor node; empty if unknown.
    channels : int
        Number of audio channels.
    start, duration : float
        Seconds from the file's start, and seconds; a `duration` of 0 means to the file's end.
    role : str
        ``"train"``, ``"search_val"`` or ``"test"`` once split; empty means unused.
    """

    path: str
    label: str
    fold: str = ""
    group: str = ""
    device: str = ""
    channels: int = 1
    start: float = 0.0
    duration: float = 0.0
    role: str = ""

    @property
    def key(self) -> str:
        """Identity of the clip within its manifest."""
        return self.path if self.start == 0 else f"{self.path}@{self.start:g}"


@dataclass(frozen=True)
class Manifest:
    """Clips of one dataset, in a fixed order, and the order of their labels.

    `published_folds` says that the folds are a publisher's: they are used as they are.
    """

    name: str
    root: Path
    labels: tuple[str, ...]
    clips: tuple[Clip, ...]
    licence: str = "unknown"
    published_folds: bool = False

    def __post_init__(self) -> None:
        if len(set(self.labels)) != len(self.labels):
            raise AscNasError(f"{self.name}: a label stands twice in {list(self.labels)}.")
        for what, names in (
            ("label", self.labels),
            ("device", sorted({clip.device for clip in self.clips})),
            ("fold", sorted({clip.fold for clip in self.clips})),
        ):
            for name in names:
                check_name(self.name, what, name)
        known = set(self.labels)
        seen: set[str] = set()
        for clip in self.clips:
            if clip.label not in known:
                raise AscNasError(
                    f"{self.name}: {clip.path} has the label '{clip.label}', which is not one of "
                    f"{', '.join(self.labels)}."
                )
            if clip.key in seen:
                raise AscNasError(f"{self.name}: {clip.key} is listed twice; keep one row of it.")
            seen.add(clip.key)
            if not (0 <= clip.start <= LONGEST and 0 <= clip.duration <= LONGEST):
                raise AscNasError(
                    f"{self.name}: {clip.path} has the start {clip.start:g} s and the duration "
                    f"{clip.duration:g} s; both are 0 to {LONGEST:g} s, so correct them."
                )
            if not 1 <= clip.channels <= MOST_CHANNELS:
                raise AscNasError(
                    f"{self.name}: {clip.path} has {clip.channels} channels, where 1 to "
                    f"{MOST_CHANNELS} are possible; correct it."
                )

    def label_index(self, clip: Clip) -> int:
        """Return the clip's position in the label order."""
        return self.labels.index(clip.label)

    def with_role(self, role: str) -> tuple[Clip, ...]:
        """Return the clips of one role, in manifest order."""
        return tuple(clip for clip in self.clips if clip.role == role)

    def with_clips(self, clips: Sequence[Clip]) -> "Manifest":
        """Return the same manifest with other clips."""
        return replace(self, clips=tuple(clips))

    def audio_path(self, clip: Clip) -> Path:
        """Return where the clip's audio file lies."""
        return self.root / as_path(clip.path)

    def write(self, path: Path) -> None:
        """Write the manifest as Parquet, atomically."""
        import pyarrow as pa

        columns = {f.name: [getattr(c, f.name) for c in self.clips] for f in fields(Clip)}
        header = {
            "format": FORMAT,
            "name": self.name,
            "root": str(self.root),
            "labels": list(self.labels),
            "licence": self.licence,
            "published_folds": self.published_folds,
        }
        write_parquet(path, pa.table(columns), header)

    @classmethod
    def read(cls, path: Path) -> "Manifest":
        """Read a manifest.

        Raises
        ------
        AscNasError
            If the file is missing or is not a manifest.
        """
        if not path.is_file():
            raise AscNasError(f"{path}: no such manifest; make it with 'asc-nas data prepare'.")
        rows, header = read_parquet(path, "not an asc-nas manifest.")
        if header.get("format") != FORMAT:
            raise AscNasError(f"{path}: expected '{FORMAT}', found {header.get('format')!r}.")
        with as_written(path, "prepare the data again"):
            return cls(
                _of(str, header["name"]),
                Path(header["root"]),
                tuple(_of(str, label) for label in _of(list, header["labels"])),
                tuple(_clip(row) for row in rows),
                _of(str, header["licence"]),
                _of(bool, header.get("published_folds", False)),
            )


_KINDS = get_type_hints(Clip)


def _clip(row: dict[str, Any]) -> Clip:
    for name, value in row.items():
        _of(_KINDS.get(name, object), value)
    return Clip(**row)


def _of(kind: type[Value], value: Any) -> Value:
    """Return a value that was read, if it is of this type."""
    if not isinstance(value, kind):
        raise TypeError(f"{reprlib.repr(value)} stands where {kind.__name__} is expected")
    return value


def check_name(where: str, what: str, name: str) -> None:
    """Raise an AscNasError for the name of a label, a device or a fold that no table can show."""
    if not is_plain(name) or len(name) > LONGEST_LABEL:
        raise AscNasError(
            f"{where}: the {what} '{visible(name[:40])}' is longer than {LONGEST_LABEL} "
            "characters, or has some that steer a terminal; rename it."
        )
