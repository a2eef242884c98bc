"""Strict, typed settings: a misspelt key is an error that names the nearest right one.

Each settings class stands beside the code that uses it; `Config` is only their common base.
"""

import difflib
import reprlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Self, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from asc_nas.core.errors import NO_TEXT, UsageError, closest
from asc_nas.core.packages import packaged
from asc_nas.core.plain_yaml import LARGEST, parse_yaml

Amount = Annotated[int, Field(gt=0, le=1_000_000)]
"""How many things are done or held; what is far beyond any use is found before it is begun."""
Workers = Annotated[int, Field(gt=0, le=1000)]
"""How many processes."""


class Config(BaseModel):
    """A frozen group of settings that refuses unknown keys."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False
    )

    @classmethod
    def parse(cls, values: Any, where: str) -> Self:
        """Build from plain data (as YAML gives it); `where` names the source in an error.

        Raises
        ------
        UsageError
            For an unknown key (with the closest right one), a missing key or a wrong value.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise UsageError(f"{where}: {_first_problem(cls, error)}") from error
        except UsageError as error:  # of a validator that resolves a name
            raise UsageError(f"{where}: {error}") from error
        except UnicodeEncodeError as error:  # of a message that quotes half a character
            raise UsageError(f"{where}: {NO_TEXT}") from error


_DEEPEST = 3
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 100


def _first_problem(config_class: type[BaseModel], error: ValidationError) -> str:
    problems = error.errors()  # a misspelt key explains a missing one
    misspelt = (problem for problem in problems if problem["type"] == "extra_forbidden")
    problem = next(misspelt, problems[0])
    location = [str(part) for part in problem["loc"]]
    key = ".".join(location)
    if problem["type"] == "extra_forbidden":
        known = _known_keys(config_class, location[:-1])
        hint = closest(location[-1], known)
        if len(location) == 1:  # a group is forgotten more often than misspelt
            deeper = [f"'{path}'" for path in _paths_to(location[-1], config_class)]
            hint = f" Did you mean {' or '.join(deeper)}?" if deeper else hint
        return f"unknown key '{key}'.{hint}" + ("" if hint else f" Known keys: {', '.join(known)}.")
    if problem["type"] == "missing":
        return f"the key '{key}' is missing."
    message = problem["msg"].removeprefix("Value error, ")
    name = f"'{key}': " if key else ""
    got = f" (got {_SHORT.repr(problem['input'])})" if key else ""
    return f"{name}{message[0].lower()}{message[1:]}{got}."


def _known_keys(config_class: type[BaseModel], path: Sequence[str]) -> list[str]:
    """List the keys of the settings class reached from `config_class` along `path`."""
    current: type[BaseModel] | None = config_class
    for part in path:
        if current is None or part not in current.model_fields:
            continue  # a position in a list, or the tag of a union
        current = _settings_class_in(current.model_fields[part].annotation)
    return list(current.model_fields) if current else []


def _paths_to(name: str, config_class: type[BaseModel], path: str = "") -> Iterator[str]:
    """Yield the keys of this name in the groups of settings below a class."""
    for key, field in config_class.model_fields.items():
        inner = _settings_class_in(field.annotation)
        if key == name and path:
            yield f"{path}{key}"
        elif inner is not None and path.count(".") < _DEEPEST:
            yield from _paths_to(name, inner, f"{path}{key}.")


def _settings_class_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in get_args(annotation):
        found = _settings_class_in(inner)
        if found is not None:
            return found
    return None


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML mapping.

    Raises
    ------
    UsageError
        If the file is missing, is not YAML, or is not a mapping.
    """
    if not path.is_file():
        raise UsageError(f"{path}: no such config file.{_closest_config(path)}")
    if path.stat().st_size > LARGEST:
        raise UsageError(f"{path}: larger than any config file ({LARGEST:,} bytes at most).")
    values = _parsed_yaml(path.read_bytes(), str(path))
    if not isinstance(values, dict):
        raise UsageError(f"{path}: a config file is a mapping of keys to values.")
    return values


def _parsed_yaml(content: str | bytes, where: str) -> Any:
    """Return what YAML says; a text that is none is an error with its line and column."""
    try:
        text = content if isinstance(content, str) else content.decode("utf-8-sig")
        return parse_yaml(text)
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        byte = error.object[error.start]
        raise UsageError(
            f"{where}, line {line}: not UTF-8 text (byte {byte:#04x}); save it as UTF-8."
        ) from error
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        line, column = before.count("\n") + 1, error.position - before.rfind("\n")
        what = f"the character U+{error.character:04X}: {error.reason}"
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        what = error.problem or error.context or "of another form"
        begun = error.context_mark
        if begun is not None and mark is not None and begun.line != mark.line:
            what += f", {error.context} in line {begun.line + 1}"
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # a date that is none, say
        raise UsageError(f"{where}: not valid YAML ({error or 'too deep'}).") from error
    raise UsageError(f"{where}, line {line}, column {column}: not valid YAML ({what}).")


def _closest_config(path: Path) -> str:
    """Return a hint at a config of a similar name, beside `path` or in a folder of configs."""
    folders = (packaged("configs"), Path("configs"), path.parent)
    configs = {found.stem: found for folder in folders for found in sorted(folder.glob("*.yaml"))}
    near = difflib.get_close_matches(path.stem, configs, n=1, cutoff=0.6)
    return f" Did you mean '{configs[near[0]]}'?" if near else ""


def apply_overrides(values: dict[str, Any], assignments: Sequence[str]) -> dict[str, Any]:
    """Return `values` with each ``a.b=value`` (value in YAML) of `assignments` put in its place.

    Raises
    ------
    UsageError
        If an assignment has no ``=`` or runs through a value that is not a mapping.
    """
    result = _copy(values)
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals:
            raise UsageError(f"--set {assignment}: write it as key=value, as in seed=1.")
        *parents, last = key.strip().split(".")
        node = result
        for parent in parents:
            node = node.setdefault(parent, {})
            if not isinstance(node, dict):
                raise UsageError(f"--set {assignment}: '{parent}' is not a group of settings.")
        node[last] = _parsed_yaml(text, f"--set {assignment}: its value")
    return result


def _copy(values: Any) -> Any:
    return {k: _copy(v) for k, v in values.items()} if isinstance(values, dict) else values
