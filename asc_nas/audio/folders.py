"""The audio files below a folder or behind a pattern: links are followed, each real file once."""

import glob
import os
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from asc_nas.audio.io import AUDIO_SUFFIXES


def audio_files(folder: Path) -> list[Path]:
    """Return the audio files below a folder, sorted, without hidden ones.

    Links to folders are followed, but for those to a folder that they lie in. A file that can be
    reached in several ways comes once, where it lies if that is below the folder. What cannot be
    read, a folder or a link that leads nowhere, is among them, so that it is not left out silently.
    """
    found: dict[str, Path] = {}
    links = []
    for place, paths in _folders(folder):
        real = os.path.realpath(place)
        for path in paths:
            if path.is_symlink():
                links.append(path)
            else:
                found[os.path.join(real, path.name)] = path  # noqa: PTH118 - for thousands of files
    for path in sorted(links):
        found.setdefault(os.path.realpath(path), path)
    return sorted(found.values())


def matches(pattern: Path) -> list[Path]:
    """Return the files and folders that a pattern stands for, sorted.

    `**` is any number of folders, of which each real one is searched once; alone at the end it
    stands for the folder before it.
    """
    parts = pattern.parts
    if "**" not in parts:
        return sorted(Path(match) for match in glob.glob(str(pattern)))  # noqa: PTH207 - absolute too
    at = parts.index("**")
    rest, found = parts[at + 1 :], set()
    for start in matches(Path(*parts[:at])) if at else [Path()]:
        if not rest:
            found.add(start)
        elif start.is_dir():
            for place, _ in _folders(start):
                found.update(matches(Path(glob.escape(str(place)), *rest)))
    return sorted(found)


def leads_back(path: Path) -> bool:
    """Return whether a path is a link to a folder that it lies in."""
    return path.is_symlink() and path.parent.resolve().is_relative_to(path.resolve())


def _folders(folder: Path) -> Iterator[tuple[Path, list[Path]]]:
    """Yield each real folder once, with what in it may be audio or cannot be read."""
    waiting, seen = deque([folder]), set()
    while waiting:
        closed: list[OSError] = []
        for name, inside, names in os.walk(waiting.popleft(), onerror=closed.append):
            place, real = Path(name), os.path.realpath(name)
            inside[:] = [] if real in seen else [each for each in inside if each[0] != "."]
            if real in seen:
                continue
            seen.add(real)
            below = (place / each for each in inside)
            waiting += [each for each in below if each.is_symlink() and not leads_back(each)]
            yield place, [place / each for each in names if _is_audio(each)]
        yield from ((Path(str(e.filename)).parent, [Path(str(e.filename))]) for e in closed)


def _is_audio(name: str) -> bool:
    return not name.startswith(".") and name.lower().endswith(AUDIO_SUFFIXES)
