"""Ground truths: a manifest of ours, or the lists of clips that are published with a challenge."""

from dataclasses import dataclass
from pathlib import Path

from asc_nas.core.errors import AscNasError
from asc_nas.data.manifest import Manifest, check_name
from data_prep.datasets.dcase2018_task5 import KNOWN_NODES

PATH, LABEL, GROUP, DEVICE = "filename", "scene_label", "identifier", "source_label"
"""Columns of the lists published with DCASE Task 1."""


@dataclass(frozen=True)
class Truth:
    """A ground truth: label, group and device of each clip.

    Attributes
    ----------
    source : Path
    places : where each clip stands, as said in an error
    paths, targets, groups, devices : one per clip
        A group that is not known is the clip itself, a device that is not known is empty.
    labels : label order; empty if the file does not define one
    seen : devices of the training clips, or None if the file does not tell
        Of the evaluation set of DCASE 2018 Task 5: the nodes of the development set.
    """

    source: Path
    places: tuple[str, ...]
    paths: tuple[str, ...]
    targets: tuple[str, ...]
    groups: tuple[str, ...]
    devices: tuple[str, ...]
    labels: tuple[str, ...] = ()
    seen: frozenset[str] | None = None


def read_truth(source: Path, role: str = "test") -> Truth:
    """Read a ground truth: a manifest (``.parquet``), or a challenge's list of clips.

    Lists have no header (path, label and perhaps a session, as in ``fold1_evaluate.txt``) or one
    with ``filename`` and ``scene_label`` (as in ``fold1_evaluate.csv``), and perhaps ``identifier``
    (the group) and ``source_label`` (the device) as in ``meta.csv``. Of a manifest with roles, the
    clips of `role` count.

    Raises
    ------
    AscNasError
        If the file is missing, malformed, or lists a clip twice.
    """
    if source.suffix == ".parquet":
        return _truth_of(Manifest.read(source), source, role)
    header, rows = read_table(source)
    columns = header or [PATH, LABEL, GROUP][: max(2, len(rows[0][1]))]
    if not {PATH, LABEL} <= set(columns):
        raise AscNasError(
            f"{source}, line 1: expected the columns '{PATH}' and '{LABEL}', found "
            f"{', '.join(columns)}: a list without labels is no ground truth."
        )
    seen: dict[str, int] = {}
    clips = []
    for number, cells in rows:
        if len(cells) != len(columns) or not cells[columns.index(LABEL)]:
            raise AscNasError(
                f"{source}, line {number}: expected {', '.join(columns)}, separated by tabs, found "
                f"{len(cells)} values."
            )
        clip = dict(zip(columns, cells, strict=True))
        check_new(source, number, clip[PATH], seen)
        for what, column in (("label", LABEL), ("device", DEVICE)):
            check_name(f"{source}, line {number}", what, clip.get(column, ""))
        clips.append(clip)
    return Truth(
        source,
        tuple(f"{source}, line {number}" for number, _ in rows),
        tuple(clip[PATH] for clip in clips),
        tuple(clip[LABEL] for clip in clips),
        tuple(clip.get(GROUP) or clip[PATH] for clip in clips),
        tuple(clip.get(DEVICE, "") for clip in clips),
    )


def _truth_of(manifest: Manifest, source: Path, role: str) -> Truth:
    split = any(clip.role for clip in manifest.clips)
    clips = manifest.with_role(role) if split else manifest.clips
    if not clips:
        raise AscNasError(f"{source}: the manifest has no clips with the role '{role}'.")
    trained = [clip for clip in manifest.clips if clip.role in ("train", "search_val")]
    seen = frozenset(clip.device for clip in trained if clip.role != role) - {""}
    if manifest.name == "dcase2018-task5-evaluation":  # all its clips are test clips
        seen |= frozenset(KNOWN_NODES)
    return Truth(
        source,
        tuple(f"{source}, {clip.key}" for clip in clips),
        tuple(clip.key for clip in clips),
        tuple(clip.label for clip in clips),
        tuple(clip.group or clip.key for clip in clips),
        tuple(clip.device for clip in clips),
        manifest.labels,
        seen or None,
    )


def read_table(source: Path) -> tuple[list[str] | None, list[tuple[int, list[str]]]]:
    """Return the header, if there is one, and the other lines that are not blank, numbered.

    Raises
    ------
    AscNasError
        If the file is missing, is no text, or lists nothing.
    """
    try:
        text = source.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise AscNasError(f"{source}: no such file.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise AscNasError(f"{source}: not readable as text ({error}).") from error
    rows = [
        (number, [cell.strip() for cell in line.split("\t")])
        for number, line in enumerate(text.splitlines(), start=1)
        if line.strip()
    ]
    header = rows.pop(0)[1] if rows and rows[0][1][0] == PATH else None
    if not rows:
        raise AscNasError(f"{source}: the file lists no clips.")
    return header, rows


def check_new(source: Path, number: int, path: str, seen: dict[str, int]) -> None:
    """Enter the clip of a line in `seen`, clip to line number; raise if it is there already."""
    before = seen.setdefault(clip_key(path), number)
    if before != number:
        raise AscNasError(
            f"{source}, line {number}: '{path}' stands on line {before} already; keep one of them."
        )


def clip_key(path: str) -> str:
    """Return what two files' paths of one clip have in common: challenges leave out ``audio/``."""
    return path.removeprefix("./").removeprefix("audio/")
