"""What comes with asc-nas, and the packages that it needs, as pyproject.toml lists them."""

import re
from importlib import metadata
from pathlib import Path

MISSING = "not installed"


def packaged(name: str) -> Path:
    """Return a folder that comes with asc-nas (``models``, ``configs``): of package or checkout."""
    package = Path(__file__).parents[1]
    checkout = package.parent
    return (checkout if (checkout / "pyproject.toml").is_file() else package) / name


def versions(extra: str = "") -> dict[str, str]:
    """Return the version of each package of an extra (by default of the base), or `MISSING`."""
    return {name: _version(name) for name in _names(extra)}


def _names(extra: str) -> list[str]:
    try:
        requirements = metadata.requires("asc-nas") or []
    except metadata.PackageNotFoundError:  # run from its folder, without having been installed
        return ["asc-nas"]
    names = []
    for text in requirements:  # such as: torch>=2.6; extra == "search"
        found = re.match(r"""([\w.-]+)(?:.*extra == ["'](\w+))?""", text)
        if found and (found[2] or "") == extra:
            names.append(found[1])
    return names


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return MISSING
