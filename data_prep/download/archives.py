"""Archives from the internet, unpacked without trust: zip and tar, into one dataset folder."""

import errno
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from asc_nas.core.errors import AscNasError
from asc_nas.core.files import naming, read_json, write_json
from data_prep.download.archive_readers import DAMAGE, Member, open_archive
from data_prep.download.disk import FULL, require_room, size_of

FORMAT = "asc-nas/unpacked/1"
MARKERS = ".unpacked"
LAYOUT_FOLDERS = ("audio", "doc", "evaluation_setup", "meta", "metadata", "scenes_stereo")
"""Folders that belong to a dataset's layout: never taken for the archive's own top folder."""
_LITTER = re.compile(r"(^|/)(__MACOSX/|\.DS_Store$|\._)")


def unpack(
    archive: Path,
    folder: Path,
    *,
    checksum: str = "",
    progress: Callable[[int, int], None] | None = None,
) -> list[Path]:
    """Unpack a zip or tar archive into `folder`; a second call does nothing.

    A top folder that all files share is left out, so that the packages of one dataset, which all
    begin with ``DATASET/``, land in one folder. The archive is read to its end before anything is
    written, and a marker in ``.unpacked`` is written last: an interrupted call is done again.

    Parameters
    ----------
    checksum : str
        What identifies the archive's content; a marker with another one does not count.
    progress : callable, optional
        Gets files done and files in all.

    Returns
    -------
    list of Path
        The files, in the archive's order.

    Raises
    ------
    AscNasError
        If the archive is damaged or encrypted, holds a path outside of `folder`, a link or a
        device, or does not fit on the disk.
    """
    done = unpacked(archive.name, folder, checksum)
    if done is not None:
        return done
    if not archive.is_file():
        raise AscNasError(f"{archive}: no such file.")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with open_archive(archive) as reader:
            members = _checked(archive, reader.members(), folder)
            for i, (path, member) in enumerate(members, start=1):
                _write(reader.open(member), folder / path)
                if progress:
                    progress(i, len(members))
    except DAMAGE as error:
        raise _damaged(archive, error) from error
    except OSError as error:
        if error.errno in (None, errno.EINVAL):  # gzip's and bz2's; a seek to nowhere
            raise _damaged(archive, error) from error
        what = "the disk is full" if error.errno in FULL else (error.strerror or str(error))
        where = f" ({error.filename})" if error.filename else ""
        raise AscNasError(
            f"{archive.name}: {what}{where} while unpacking into {folder}; mend that and run the "
            "command again."
        ) from error
    if hasattr(os, "sync"):
        os.sync()  # the marker must not reach the disk before the files do
    names = [path.as_posix() for path, _ in members]
    write_json(_marker(archive.name, folder), {"format": FORMAT, "md5": checksum, "files": names})
    return [folder / name for name in names]


def unpacked(name: str, folder: Path, checksum: str = "") -> list[Path] | None:
    """Return the files of an archive that was unpacked into `folder`, if all are still there."""
    try:
        marker = read_json(_marker(name, folder), FORMAT)
        paths = [folder / path for path in marker["files"]]
    except (AscNasError, KeyError, TypeError):
        return None
    if marker.get("md5") != checksum or not all(path.is_file() for path in paths):
        return None
    return paths


def _marker(name: str, folder: Path) -> Path:
    return folder / MARKERS / f"{name}.json"


def _damaged(archive: Path, error: Exception) -> AscNasError:
    lines = str(error).splitlines() or [type(error).__name__]
    reason = lines[0].rstrip(": ")
    return AscNasError(
        f"{archive}: not a whole zip or tar archive ({reason}); delete it and run the command "
        "again."
    )


def _checked(archive: Path, members: Iterator[Member], folder: Path) -> list[tuple[Path, Member]]:
    """Return the members with their safe paths in `folder`, once all are known to fit there."""
    disk = shutil.disk_usage(folder).total
    purpose = f"unpacking {archive.name}"
    listed: dict[Path, Member] = {}
    total = 0
    for member in members:
        path = _safe(archive, member.name)
        if _LITTER.search(path.as_posix()):
            continue
        if path in listed:
            raise AscNasError(f"{archive}: lists {member.name!r} twice; it is not to be trusted.")
        listed[path] = member
        total += member.size
        if total > disk:  # no need to read on
            require_room(folder, total, purpose)
    paths = _without_top(list(listed))
    # Files of an interrupted call are written again, over themselves.
    sizes = zip(paths, (member.size for member in listed.values()), strict=True)
    missing = sum(max(0, size - size_of(folder / path)) for path, size in sizes)
    require_room(folder, missing, purpose)
    return list(zip(paths, listed.values(), strict=True))


def _safe(archive: Path, name: str) -> Path:
    """Return the relative path that a member's name stands for."""
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]
    outside = name.startswith(("/", "\\")) or ".." in parts or any(":" in part for part in parts)
    if outside or not parts or "\0" in name:
        raise AscNasError(
            f"{archive}: holds {name!r}, a path outside of its folder; it is not to be trusted, "
            "nothing was unpacked."
        )
    return Path(*parts)


def _without_top(paths: list[Path]) -> list[Path]:
    """Leave out the one top folder that all share, if it is not part of a dataset's layout."""
    tops = {path.parts[0] for path in paths}
    if len(tops) != 1 or tops & set(LAYOUT_FOLDERS) or any(len(path.parts) == 1 for path in paths):
        return paths
    return [Path(*path.parts[1:]) for path in paths]


def _write(source: IO[bytes], target: Path) -> None:
    """Copy a member to a file beside `target`, then move it over it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.part")
    try:
        with naming(target, part), source, part.open("wb") as handle:
            shutil.copyfileobj(source, handle, 1 << 20)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
