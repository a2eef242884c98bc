"""Write docs/CLI.md, the reference of the command line, from the command line itself.

python docs/make_cli_reference.py
"""

import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from asc_nas.cli.main import app
from asc_nas.core.files import write_text

TARGET = Path(__file__).with_name("CLI.md")
INTRODUCTION = """\
# Command line

Made from the code by `python docs/make_cli_reference.py`; do not edit it.

Every command has `--help`. Exit codes: 0 done, 1 failed, 2 wrong usage. `asc-nas --debug COMMAND`
shows a traceback with an error. `asc-nas --install-completion` makes the shell complete commands,
options, datasets and models. `NO_COLOR=1` turns colours off. `--set` takes the
[settings](CONFIG.md) of a run.
"""
MAX_WIDTH = 100


def reference() -> str:
    """Return the whole reference as Markdown."""
    parts = [INTRODUCTION]
    parts += [_section(path, command) for path, command in _commands(typer.main.get_command(app))]
    return "\n".join(parts)


def _commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Yield every command with its path, in the order of ``asc-nas --help``."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _commands(command, (*path, name))
        else:
            yield " ".join((*path, name)), command


def _section(path: str, command: Any) -> str:
    params = [param for param in command.params if param.name != "help"]
    rows = [f"| {_names(param)} | {_meaning(param)} |" for param in params]
    table = ["| argument or option | |", "|---|---|", *rows, ""] if rows else []
    return "\n".join([f"## asc-nas {path}", "", *_prose(command.help), *table])


def _prose(text: str) -> list[str]:
    """Return a docstring's paragraphs; those that show commands become one block of code."""
    prose, examples = [], []
    for paragraph in textwrap.dedent(text).strip().split("\n\n"):
        line = " ".join(paragraph.split())
        first, _, command = line.partition(": ")
        if first in ("Example", "Examples"):
            examples.append(command)
        elif examples:
            examples.append(line)
        else:
            prose += [*textwrap.wrap(line, MAX_WIDTH, break_on_hyphens=False), ""]
    return [*prose, "```sh", *examples, "```", ""]


def _argument(param: Any) -> str:
    name = param.metavar or param.name.upper()
    several = param.nargs == -1 and not name.endswith("...")
    name += "..." * several
    return name if param.required or name[0] == "[" else f"[{name}]"


def _names(param: Any) -> str:
    if not param.opts[0].startswith("-"):
        return f"`{_argument(param)}`"
    flags = [f"`{flag}`" for flag in (*param.opts, *param.secondary_opts)]
    if not param.is_flag and not param.secondary_opts:
        value = param.metavar or param.opts[0].strip("-").replace("-", "_").upper()
        flags[-1] = f"{flags[-1][:-1]} {value}`"
    return _escaped(", ".join(flags))


def _meaning(param: Any) -> str:
    text = " ".join((param.help or "").split())
    default = param.default
    if param.secondary_opts:
        text += f" Default: `{(param.opts if default else param.secondary_opts)[0]}`."
    elif param.show_default is True and default not in (None, "", ()) and default is not False:
        text += f" Default: `{getattr(default, 'value', default)}`."
    return _escaped(text.replace("<", "\\<"))


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|")


if __name__ == "__main__":
    write_text(TARGET, reference())
