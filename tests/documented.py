"""What the documentation tells people to type, and where it links to."""

import ast
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import typer

from asc_nas.cli.main import app

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("*/README.md")])
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`(asc-nas [^`]+)`")
_LINK = re.compile(r"\]\(([^)\s]+)\)|<img[^>]* src=\"([^\"]+)\"")


@dataclass(frozen=True)
class Command:
    """A call of ``asc-nas`` in a page, as the arguments after the name."""

    page: Path
    arguments: tuple[str, ...]

    def __str__(self):
        return f"{self.page.relative_to(ROOT).as_posix()}: {shlex.join(self.arguments)}"


def commands(page):
    """List the calls in blocks of code: those marked ``sh``, and after ``$`` in transcripts."""
    found = []
    for language, block in _FENCE.findall(page.read_text(encoding="utf-8")):
        if language in ("sh", ""):
            lines = block.replace("\\\n", " ").splitlines()
            if not language:
                lines = [line[2:] for line in lines if line.startswith("$ ")]
            for line in lines:
                found += [Command(page, arguments) for arguments in _calls(line)]
    return found


def mentions(page):
    """List the calls in running text and tables; they may be incomplete."""
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    return [Command(page, arguments) for m in _INLINE.findall(text) for arguments in _calls(m)]


def literal_calls(source):
    """List what could be a call's arguments in Python: the words of calls, lists and tuples.

    What is not written out is None. A function that passes its arguments on behind some words, as
    in ``["models", *arguments]``, is called with these words, too.
    """
    tree = ast.parse(source)
    before = {}
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef) and function.args.vararg:
            for node in ast.walk(function):
                if isinstance(node, ast.List | ast.Tuple) and _passes_on(node, function):
                    before[function.name] = _words(node.elts[:-1])
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else ""
            found.append(before.get(name, []) + _words(node.args))
        elif isinstance(node, ast.List | ast.Tuple):
            found.append(_words(node.elts))
    return found


def _passes_on(node, function):
    last = node.elts[-1] if node.elts else None
    return isinstance(last, ast.Starred) and function.args.vararg.arg in {
        inner.id for inner in ast.walk(last) if isinstance(inner, ast.Name)
    }


def _words(nodes):
    return [node.value if isinstance(node, ast.Constant) else None for node in nodes]


def links(page):
    """List the files, relative to the page's folder, that it links to or shows."""
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    targets = [target or image for target, image in _LINK.findall(text)]
    return [t.partition("#")[0] for t in targets if not t.startswith(("http", "mailto:", "#"))]


def resolve(arguments):
    """Return the command, its path, and the arguments after it.

    Raises
    ------
    KeyError
        If there is no such command.
    """
    command, path, rest = typer.main.get_command(app), ["asc-nas"], list(arguments)
    while hasattr(command, "commands") and rest and not rest[0].startswith("-"):
        path.append(rest.pop(0))
        command = command.commands[path[-1]]
    return command, " ".join(path), rest


def _calls(line):
    """Split a line of shell at pipes and the like; yield the arguments of each ``asc-nas``."""
    line = re.sub(r"\s[<>]+\s*\S+", "", line)  # redirections
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;")
    lexer.whitespace_split, lexer.commenters = True, "#"
    call = []
    for token in [*lexer, ";"]:
        if set(token) <= set("|&;"):
            if call and call[0] == "asc-nas":
                yield tuple(call[1:])
            call = []
        else:
            call.append(token)
