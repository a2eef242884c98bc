"""Lists of clips to leave out: a text file with one clip key per line."""

from collections.abc import Iterable
from pathlib import Path

from asc_nas.core.errors import AscNasError, UsageError, closest
from asc_nas.core.files import write_text
from asc_nas.data.manifest import Manifest


def write_keys(path: Path, keys: Iterable[str]) -> None:
    """Write clip keys, one per line, atomically."""
    write_text(path, "".join(f"{key}\n" for key in keys))


def read_keys(path: Path) -> tuple[str, ...]:
    """Read clip keys; blank lines are passed over.

    Raises
    ------
    UsageError
        If there is no such file.
    AscNasError
        If it is not a text file.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError as error:
        raise UsageError(
            f"{path}: no such list of clips; make it with 'asc-nas data check MANIFEST "
            "--exclude FILE', or correct data.exclude."
        ) from error
    except (OSError, ValueError) as error:
        raise AscNasError(f"{path}: not readable as a list of clips ({error}).") from error
    return tuple(line for line in lines if line.strip())


def without(manifest: Manifest, path: Path) -> Manifest:
    """Return the manifest without the clips that the file lists.

    Raises
    ------
    UsageError
        If there is no such file, or it lists a key that no clip has.
    AscNasError
        If it is not a text file, or lists every clip.
    """
    keys = read_keys(path)
    known = {clip.key for clip in manifest.clips}
    unknown = [key for key in keys if key not in known]
    if unknown:
        more = f" (and {len(unknown) - 1} more such keys)" if len(unknown) > 1 else ""
        raise UsageError(
            f"{path}: {manifest.name} has no clip '{unknown[0]}'{more}."
            f"{closest(unknown[0], sorted(known))} Correct or remove the line."
        )
    out = set(keys)
    clips = [clip for clip in manifest.clips if clip.key not in out]
    if not clips:
        raise AscNasError(f"{path}: lists every clip of {manifest.name}; none would be left.")
    return manifest.with_clips(clips)
